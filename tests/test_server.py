"""The server as it is started in a newsroom: the installed command, real sockets, the bundle that ships, and signals."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.bundle import BUNDLED, SERVING, read_bundle

LANMU = Path(sysconfig.get_path("scripts")) / "lanmu"
BODY_LIMIT = 100_000
TEXT = "自治区政务服务局、公安厅取消居住证办理中的4项证明，审核由15天缩短为当日办结。"

pytestmark = pytest.mark.bundle


@dataclass
class Server:
    """A running server, where it listens, and the line that said so."""

    process: "subprocess.Popen[str]"
    port: int
    line: str

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and parsed body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, float]:
        """Send a signal; the exit status, what stood on standard error, and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors, time.monotonic() - started


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request(method, path, content, {"Content-Type": "application/json"} if headers is None else headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def start(*arguments: str, **settings: str) -> "subprocess.Popen[str]":
    """``lanmu serve``, from a folder that is not the checkout, with no settings but ``settings``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LANMU_")} | settings
    return subprocess.Popen([LANMU, "serve", *arguments], cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[Server]:
    """A server on a free port, once it has said that it is ready."""
    process = start("--port", "0", "--threads", "2", *arguments, **settings)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"lanmu: ready at http://127\.0\.0\.1:(\d+) \(\S+, \w+\)\n", line)
        assert found is not None, line
        yield Server(process, int(found[1]), line)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(LANMU_MAX_BODY_BYTES=str(BODY_LIMIT)) as running:
        yield running


def test_it_prints_its_address_once_it_is_ready(server: Server) -> None:
    assert server.ask("GET", "/readyz") == (200, {"status": "ok"})
    assert server.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert f"({read_bundle(BUNDLED).label}, openvino)" in server.line


def test_the_readmes_request_is_answered(server: Server) -> None:
    status, answer = server.ask("POST", "/v1/label", {"documents": [{"id": "居住证", "region": "内蒙古", "text": TEXT}], "scores": "all"})
    assert status == 200
    assert answer["bundle"] == read_bundle(BUNDLED).label
    [document] = answer["documents"]
    [paragraph] = document["paragraphs"]
    assert (document["id"], paragraph["text"], paragraph["start"], paragraph["end"], paragraph["windows"]) == ("居住证", TEXT, 0, len(TEXT), 1)
    assert [theme["id"] for theme in paragraph["themes"]] == [theme.id for theme in read_bundle(BUNDLED).themes]
    assert all(0 <= theme["score"] <= 1 for theme in paragraph["themes"])
    for department in paragraph["departments"]:
        assert TEXT[department["start"] : department["end"]] == department["text"]


def test_requests_side_by_side_are_answered_each_with_its_own(server: Server) -> None:
    answers: dict[int, Any] = {}

    def one(number: int) -> None:
        answers[number] = server.ask("POST", "/v1/label", {"documents": [{"id": str(number), "text": f"第{number}项：{TEXT}"}]})

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (status, answer) in answers.items():
        assert status == 200
        assert answer["documents"][0]["id"] == str(number)
        assert "".join(one["text"] for one in answer["documents"][0]["paragraphs"]) == f"第{number}项：{TEXT}"
    assert len(answers) == 12


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_too_much_is_refused_and_never_cut_however_it_is_sent(server: Server, chunked: bool) -> None:
    body = b'{"text": "' + b"a" * BODY_LIMIT + b'"}'
    sent = (body[i : i + 4096] for i in range(0, len(body), 4096)) if chunked else body
    status, answer = server.ask("POST", "/v1/label", sent)
    assert (status, answer["error"]["code"], answer["error"]["limit"]) == (413, "too_large", BODY_LIMIT)


def test_a_chunked_request_is_read_whole(server: Server) -> None:
    body = json.dumps({"text": TEXT}, ensure_ascii=False).encode()
    status, answer = server.ask("POST", "/v1/label", (body[i : i + 1] for i in range(len(body))))
    assert (status, answer["documents"][0]["paragraphs"][0]["text"]) == (200, TEXT)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "field"),
    [
        ("POST", "/v1/label", {"text": ""}, 422, "invalid_input", "text"),
        ("POST", "/v1/label", b"{", 400, "not_json", None),
        ("GET", "/v1/label", None, 405, "method_not_allowed", None),
        ("GET", "/nowhere", None, 404, "not_found", None),
    ],
)
def test_an_error_has_the_one_body(server: Server, method: str, path: str, body: Any, status: int, code: str, field: str | None) -> None:
    found, answer = server.ask(method, path, body)
    assert (found, answer.keys()) == (status, {"error"})
    error = answer["error"]
    assert error.keys() == {"code", "message", "field", "limit", "actual"}
    assert (error["code"], error["field"]) == (code, field)


def test_a_connection_goes_on_after_an_error(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    assert ask(connection, "POST", "/v1/label", b"[" * BODY_LIMIT * 2)[0] == 413
    assert ask(connection, "POST", "/v1/label", {"text": TEXT}, {"Content-Type": "text/plain"})[0] == 415
    assert ask(connection, "POST", "/v1/label", {"text": TEXT})[0] == 200
    connection.close()


def test_sigterm_ends_it_cleanly_after_it_has_answered_and_though_a_client_stays_connected() -> None:
    with serving("--runtime", "onnxruntime") as server:
        assert "onnxruntime" in server.line
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        assert ask(idle, "GET", "/readyz")[0] == 200
        answers: list[tuple[int, Any]] = []
        long = "".join(f"第{number}项由市教育局办理，比上年快了{number % 7}天。" for number in range(400))
        request = threading.Thread(target=lambda: answers.append(server.ask("POST", "/v1/label", {"documents": [{"paragraphs": [long]}]})))
        request.start()
        time.sleep(0.3)  # it has been read by now, and labelling takes longer
        status, errors, seconds = server.end()
        request.join()
        assert (status, errors) == (0, "")
        assert seconds < 30
        assert [one[0] for one in answers] == [200]
        assert answers[0][1]["documents"][0]["paragraphs"][0]["text"] == long
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        idle.close()


def test_sigint_ends_it_too() -> None:
    with serving("--runtime", "onnxruntime") as server:
        status, errors, seconds = server.end(signal.SIGINT)
    assert (status, errors) == (0, "")
    assert seconds < 20


def test_a_damaged_bundle_is_told_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED, tmp_path / "bundle")
    with (tmp_path / "bundle" / SERVING).open("ab") as weights:
        weights.write(b"x")
    process = start("--port", "0", "--bundle", str(tmp_path / "bundle"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert re.fullmatch(rf"lanmu: error: bundle \S+: {re.escape(SERVING)} is damaged: expected \d+ bytes, got \d+\n", errors)
