"""The commands that the README shows, and how tests run them: as a reader would, in a folder of their own."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.benchmarks.readme_answer import READMES, curl_request, sh_commands
from tests.test_docs import fenced, read

ROOT = Path(__file__).resolve().parents[1]
README = READMES[0]
ADDRESS = "127.0.0.1:8000"

CURL = f"curl -s http://{ADDRESS}/v1/label *"
LABEL = ".venv/bin/lanmu label docs/example.txt -o labels.jsonl"
LABEL_STDIN = "echo * | .venv/bin/lanmu label -"
ANNOTATE = "printf * > mine.jsonl"
KEEP_APART = "printf * > held-out.jsonl"
COPY_CONFIG = "cp training/configs/small.toml training/configs/mine.toml"
TRAIN = ".venv/bin/lanmu train training/configs/mine.toml"
EVALUATE = ".venv/bin/lanmu evaluate --bundle runs/mine/bundle --data held-out.jsonl --output runs/mine/report"
EXPORT = ".venv/bin/lanmu export runs/mine --output bundles/mine --name mine"
SERVE_MINE = ".venv/bin/lanmu serve --bundle bundles/mine"
PRETRAIN = ".venv/bin/lanmu pretrain training/configs/pretrain-small.toml"
COPY_THEMES = "cp data/themes.toml my-themes.toml"
MAKE = {
    "make serve": [".venv/bin/python -m pip install --quiet --no-compile --editable .", ".venv/bin/lanmu serve"],
    "make test": [".venv/bin/python -m pip install --quiet --editable '.[train,test]'", ".venv/bin/python -m pytest"],
    "make lint": [
        ".venv/bin/python -m pip install --quiet --editable '.[train,test]'",
        ".venv/bin/ruff check .",
        ".venv/bin/ruff format --check .",
        ".venv/bin/mypy",
    ],
    "make train": [
        ".venv/bin/python -m pip install --quiet --editable '.[train,test]'",
        ".venv/bin/lanmu train training/configs/small.toml",
    ],
}
"""What each does on a machine that has nothing yet, but for making ``.venv`` and noting what is installed."""

HANDLED = (CURL, LABEL, LABEL_STDIN, ANNOTATE, KEEP_APART, COPY_CONFIG, TRAIN, EVALUATE, EXPORT, SERVE_MINE, PRETRAIN, COPY_THEMES, *MAKE)
"""Patterns of the commands that the tests below run, each with its own."""


def command(pattern: str) -> str:
    """The command of the README that is ``pattern``."""
    (found,) = {one for one in sh_commands(read(README)) if fnmatchcase(one, pattern)}
    return found


def toml_blocks() -> tuple[str, str]:
    """The README's lines for the configuration, and its table for the theme list."""
    settings, theme = (block for language, block in fenced(read(README)) if language == "toml")
    return settings, theme


def environment() -> dict[str, str]:
    """This process's, without settings of lanmu and of the ``make`` that may have started the tests."""
    return {name: value for name, value in os.environ.items() if not re.match(r"LANMU_|MAKE|MFLAGS|CONFIG$|PYTHON(PATH)?$", name)}


def sh(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command line as a reader would."""
    return subprocess.run(["sh", "-c", line], cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800, check=False)


def done(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command line that must succeed."""
    result = sh(line, folder)
    assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    return result


@contextmanager
def serving(line: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run a ``lanmu serve`` on a free port; the host and port, and the bundle, that it prints. It must end well when it is told to."""
    words = [*shlex.split(line), "--port", "0"]
    process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        printed = process.stdout.readline()
        found = re.fullmatch(r"lanmu: ready at http://(127\.0\.0\.1:\d+) \((\S+), \w+\)\n", printed)
        assert found is not None, printed or process.communicate()[1]
        yield found[1], found[2]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def ask(line: str, address: str, folder: Path) -> Any:
    """The parsed answer to the README's ``curl`` at another address; the same request where there is no ``curl``."""
    moved = line.replace(ADDRESS, address)
    if shutil.which("curl"):
        return json.loads(done(moved, folder).stdout)
    url, headers, body = curl_request(moved)
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as response:
        return json.loads(response.read())


def without_scores(value: Any) -> tuple[Any, list[float]]:
    """An answer without its scores, and these by themselves in their order."""
    scores: list[float] = []

    def strip(one: Any) -> Any:
        if isinstance(one, list):
            return [strip(part) for part in one]
        if isinstance(one, dict):
            scores.extend(part for name, part in one.items() if name == "score")
            return {name: strip(part) for name, part in one.items() if name != "score"}
        return one

    return strip(value), scores


def set_keys(config: Path, lines: str) -> None:
    """Say ``lines`` in a configuration: in the place of the line that has the key, or at its end."""
    text = config.read_text(encoding="utf-8")
    for line in lines.splitlines():
        key = re.escape(line.partition(" =")[0])
        text, replaced = re.subn(rf"^{key} = .*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
        text += "" if replaced else f"{line}\n"
    config.write_text(text, encoding="utf-8")
