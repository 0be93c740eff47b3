"""The documentation keeps up with the code."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from serve.settings import Settings, variable
from training.config import TrainConfig
from training.pretrain_config import PretrainConfig

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for pattern in ("*.md", "docs/*.md", "data/corpus/*.md", "data/departments/*.md") for path in ROOT.glob(pattern)
)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def section(path: str, heading: str) -> str:
    """What stands under ``## heading``, up to the next heading of its level."""
    _, found, rest = read(path).partition(f"\n## {heading}\n")
    assert found, f"{path} has no section {heading!r}"
    return rest.partition("\n## ")[0]


def keyed_rows(text: str) -> list[tuple[str, str]]:
    """First cell, without its backticks, and second cell of each table row that begins with a cell in backticks."""
    return re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", text, re.MULTILINE)


def fenced(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "kind"), [("docs/training.md", TrainConfig), ("docs/pretraining.md", PretrainConfig)])
def test_every_key_of_a_configuration_is_listed_with_its_default(page: str, kind: Any) -> None:
    rows = keyed_rows(section(page, "Configuration"))
    assert [key for key, _ in rows] == list(dict(rows))
    listed: dict[str, Any] = {key: None if cell == "required" else tomllib.loads(f"key = {cell.strip('`')}")["key"] for key, cell in rows}
    expected: dict[str, Any] = {
        field.name: None if field.default is dataclasses.MISSING else list(field.default) if isinstance(field.default, tuple) else field.default
        for field in dataclasses.fields(kind)
    }
    assert listed == expected


def test_every_module_is_listed() -> None:
    listed = [key for key, _ in keyed_rows(section("docs/architecture.md", "Files"))]
    modules = {
        path.relative_to(ROOT).as_posix()
        for floor in ("data", "model", "training", "serve")
        for path in (ROOT / floor).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == modules


def test_every_environment_variable_is_listed() -> None:
    listed = {key for key, _ in keyed_rows(section("docs/serving.md", "The server"))}
    assert listed == {variable(field.name) for field in dataclasses.fields(Settings)}


def test_both_readmes_have_the_same_commands() -> None:
    english, chinese = fenced(read("README.md")), fenced(read("README.zh-CN.md"))
    assert [block for block in english if block[0] == "sh"]
    assert chinese == english


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if not target.startswith(("https://", "#"))]
    missing = [target for target in targets if not ((ROOT / page).parent / target.partition("#")[0]).exists()]
    assert missing == []
