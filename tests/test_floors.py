"""Who may import whom, and that serving needs no training library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {"data": {"data"}, "model": {"data", "model"}, "training": {"data", "model", "training"}, "serve": {"data", "model", "serve"}}
TORCH_ONLY_IN = "model/network.py"
HEAVY = {"torch", "transformers", "datasets"}


def imports(path: Path) -> set[str]:
    """Top-level names of every import in a file, those inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_a_floor_imports_from_itself_or_below(floor: str) -> None:
    upwards = {
        str(path.relative_to(ROOT)): sorted((imports(path) & set(MAY_IMPORT)) - MAY_IMPORT[floor])
        for path in (ROOT / floor).rglob("*.py")
        if (imports(path) & set(MAY_IMPORT)) - MAY_IMPORT[floor]
    }
    assert upwards == {}


def test_torch_stands_in_one_file_below_training() -> None:
    users = {str(path.relative_to(ROOT)) for floor in ("data", "model", "serve") for path in (ROOT / floor).rglob("*.py") if imports(path) & HEAVY}
    assert users == {TORCH_ONLY_IN}


def test_serving_imports_without_the_training_libraries() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for floor in ("data", "model", "serve")
        for path in (ROOT / floor).rglob("*.py")
        if str(path.relative_to(ROOT)) != TORCH_ONLY_IN and path.name != "__init__.py"
    ]
    blocked = "import sys\nfor name in ('torch', 'transformers', 'datasets', 'sklearn', 'scipy'): sys.modules[name] = None\n"
    script = blocked + "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in sorted(modules))
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert len(modules) > 20


def test_no_pickle_is_loaded() -> None:
    users = [str(path) for floor in MAY_IMPORT for path in (ROOT / floor).rglob("*.py") if imports(path) & {"pickle", "joblib", "dill", "marshal"}]
    assert users == []
