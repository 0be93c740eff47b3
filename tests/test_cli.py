"""The ``lanmu`` command: its help comes at once, other floors' commands are found, failures are one line."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from model.bundle import BUNDLED
from serve import cli
from serve.settings import SettingError, Settings, override, read_settings

ROOT = Path(__file__).resolve().parents[1]
LANMU = [sys.executable, "-c", "from serve.cli import main; main()"]


def lanmu(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*LANMU, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_the_commands() -> None:
    result = lanmu("--help")
    assert result.returncode == 0
    assert {"serve", "label", "pretrain", "train", "evaluate", "export"} <= set(re.findall(r"^  (\w+)", result.stdout, re.MULTILINE))


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, runpy; sys.argv = ['lanmu', '--help']\ntry:\n from serve.cli import main; main()\nexcept SystemExit: print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for module in ("numpy", "flask", "gunicorn", "tokenizers", "torch", "onnxruntime", "openvino", "training", "model.classifier"):
        assert f"'{module}'" not in loaded, module


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commands of another floor, as they would be installed."""
    (tmp_path / "good_floor.py").write_text(
        "import click\n@click.command()\n@click.argument('name')\n@click.option('--loud', is_flag=True)\n"
        "def command(name, loud):\n    '''Real help.'''\n    click.echo(name.upper() if loud else name)\n"
    )
    (tmp_path / "bad_floor.py").write_text("import no_such_torch.nn\n")
    monkeypatch.syspath_prepend(tmp_path)
    entries = EntryPoints(
        [EntryPoint("train", "bad_floor:command", cli.COMMAND_GROUP), EntryPoint("evaluate", "good_floor:command", cli.COMMAND_GROUP)]
    )
    monkeypatch.setattr(cli, "entry_points", entries.select)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lanmu", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("elsewhere")
def test_commands_of_other_floors_are_listed_without_being_imported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^  (\w+)", shown, re.MULTILINE)[-4:] == ["label", "serve", "evaluate", "train"]
    assert "good_floor" not in sys.modules


@pytest.mark.usefixtures("elsewhere")
def test_commands_of_other_floors_run_with_their_own_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "evaluate", "--loud", "dev") == 0
    assert capsys.readouterr().out == "DEV\n"
    assert run(monkeypatch, "evaluate", "--help") == 0
    assert "Real help." in capsys.readouterr().out
    assert run(monkeypatch, "evaluate") == 2
    assert capsys.readouterr().err == "lanmu: error: Missing argument 'NAME'.\n"


@pytest.mark.usefixtures("elsewhere")
def test_without_torch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "train", "config.toml") == 2
    error = capsys.readouterr().err
    assert error.startswith("lanmu: error: no_such_torch is not installed")
    assert error.endswith("install lanmu[train]\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["serve", "--port", "x"], "'x' is not a valid integer"),
        (["serve", "--port", "70000"], "LANMU_PORT: expected a whole number from 0 to 65535, got 70000"),
        (["serve", "--runtime", "abacus"], "LANMU_RUNTIME: expected one of auto, openvino, onnxruntime, got 'abacus'"),
        (["serve", "--bundle", "nowhere"], "no bundle at nowhere: manifest.json is missing"),
        (["label", "pyproject.toml", "--bundle", "nowhere"], "no bundle at nowhere: manifest.json is missing"),
    ],
)
def test_a_failure_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    result = lanmu(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("lanmu: error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_settings_come_from_the_environment_and_options_go_before() -> None:
    settings = read_settings({"LANMU_PORT": "9000", "LANMU_BUNDLE": "/b", "LANMU_HOST": "", "LANMU_MAX_DOCUMENTS": "3", "LANMU_OTHER": "x"})
    assert settings == Settings(port=9000, bundle=Path("/b"), max_documents=3)
    assert settings.limits.max_documents == 3
    assert override(settings, {"port": 1, "bundle": "c", "threads": None}) == Settings(port=1, bundle=Path("c"), max_documents=3)
    assert read_settings({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LANMU_PORT", "tcp://10.0.0.1:80", "LANMU_PORT: expected a whole number from 0 to 65535, got 'tcp://10.0.0.1:80'"),
        ("LANMU_HTTP_THREADS", "0", "LANMU_HTTP_THREADS: expected a whole number from 1 to 1024, got 0"),
        ("LANMU_MAX_BODY_BYTES", "8MB", "LANMU_MAX_BODY_BYTES: expected a whole number"),
        ("LANMU_RUNTIME", "gpu", "LANMU_RUNTIME: expected one of auto, openvino, onnxruntime, got 'gpu'"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError, match="^" + re.escape(message)):
        read_settings({name: value})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a real server over the bundle that ships."""
    with subprocess.Popen([*LANMU, "serve", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ready = re.match(r"lanmu: ready at (http://127\.0\.0\.1:\d+) \(", server.stdout.readline())
            assert ready is not None
            yield ready[1]
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(timeout=30)
    assert status == 0


def ask(url: str, body: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.bundle
def test_the_server_labels(address: str) -> None:
    assert ask(f"{address}/readyz") == (200, {"status": "ok"})
    text = "市政务服务局取消6项证明材料，办理时限由20天压缩到5天。"
    status, answer = ask(f"{address}/v1/label", json.dumps({"text": text}).encode())
    assert status == 200
    [paragraph] = answer["documents"][0]["paragraphs"]
    assert (paragraph["start"], paragraph["end"], paragraph["text"]) == (0, len(text), text)
    assert ask(f"{address}/v1/model")[1]["bundle"] == answer["bundle"]


@pytest.mark.bundle
def test_the_server_refuses_in_the_one_error_body(address: str) -> None:
    assert ask(f"{address}/nowhere")[1]["error"]["code"] == "not_found"
    limit = Settings().max_body_bytes
    status, answer = ask(f"{address}/v1/label", b" " * (limit + 1))
    assert (status, answer["error"]["limit"], answer["error"]["actual"]) == (413, limit, limit + 1)


@pytest.mark.bundle
def test_a_taken_port_is_told_in_one_line(address: str) -> None:
    port = address.rpartition(":")[2]
    result = lanmu("serve", "--port", port)
    assert (result.returncode, result.stderr) == (2, f"lanmu: error: cannot listen on 127.0.0.1:{port}: Address already in use\n")


@pytest.mark.bundle
def test_files_are_labelled_as_over_http(address: str, tmp_path: Path) -> None:
    text = "市政务服务局取消6项证明材料，办理时限由20天压缩到5天。\n\n武警某支队组织实弹射击训练。"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    result = lanmu("label", str(tmp_path / "a.txt"))
    assert result.returncode == 0
    over_http = ask(f"{address}/v1/label", json.dumps({"documents": [{"id": str(tmp_path / "a.txt"), "text": text}]}).encode())[1]
    assert json.loads(result.stdout) == {"bundle": over_http["bundle"], **over_http["documents"][0]}


def test_the_bundled_bundle_is_the_default() -> None:
    assert Settings().bundle == BUNDLED == ROOT / "model" / "bundles" / "small"
