"""Whatever is wrong with a request, the answer has one body that names the field, the limit and what came."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from model.classifier import Classifier
from model.errors import BundleError, InputError, LanmuError, RuntimeUnavailableError
from serve.app import create_app
from serve.errors import STATUSES, NotJsonError, NotReadyError, TooLargeError
from serve.settings import Settings
from tests.fakes import fake_classifier

SETTINGS = Settings(max_documents=2, max_document_characters=10, max_body_bytes=400)
UNKNOWN_TOP = "unknown field; expected one of text, documents, scores, offset_unit, themes"
UNKNOWN_DOCUMENT = "unknown field; expected one of id, title, date, region, text, paragraphs"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return fake_classifier(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> FlaskClient:
    return create_app(classifier, SETTINGS).test_client()


def check(response: Any, status: int, code: str, field: str | None, message: str, limit: int | None = None, actual: int | None = None) -> None:
    """Assert the one error body."""
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.text
    assert set(response.json) == {"error"}
    error = response.json["error"]
    assert set(error) == {"code", "message", "field", "limit", "actual"}
    assert (error["code"], error["field"], error["limit"], error["actual"]) == (code, field, limit, actual)
    assert message in error["message"]


@pytest.mark.parametrize(
    ("sent", "field", "message"),
    [
        ([], None, "expected an object, got a list"),
        ("text", None, "expected an object, got 'text'"),
        (None, None, "expected an object, got null"),
        ({}, "text", "expected either text or documents, got neither"),
        ({"text": "甲", "documents": []}, "text", "expected either text or documents, got both"),
        ({"text": 5}, "text", "expected a text, got a number"),
        ({"text": None}, "text", "expected a text, got null"),
        ({"text": ""}, "text", "expected a text, got an empty one"),
        ({"text": " \u3000\r\n"}, "text", "only white space"),
        ({"text": "甲", "lang": "zh"}, "lang", UNKNOWN_TOP),
        ({"text": "甲", "scores": "some"}, "scores", "expected one of given, all, got 'some'"),
        ({"text": "甲", "offset_unit": "byte"}, "offset_unit", "expected one of code-point, utf-16, got 'byte'"),
        ({"text": "甲", "themes": "drill"}, "themes", "expected a list, got 'drill'"),
        ({"text": "甲", "themes": ["drill", 1]}, "themes[1]", "expected a text, got a number"),
        ({"text": "甲", "themes": ["drill", "诗"]}, "themes[1]", "unknown theme '诗'; expected one of streamline, speed_up, drill"),
        ({"documents": {}}, "documents", "expected a list, got an object"),
        ({"documents": []}, "documents", "expected at least one document, got an empty list"),
        ({"documents": ["甲"]}, "documents[0]", "expected an object, got '甲'"),
        ({"documents": [None]}, "documents[0]", "expected an object, got null"),
        ({"documents": [{"text": "甲"}, {"id": "x"}]}, "documents[1].text", "expected either text or paragraphs, got neither"),
        ({"documents": [{"text": "甲", "paragraphs": ["乙"]}]}, "documents[0].text", "expected either text or paragraphs, got both"),
        ({"documents": [{"text": ["甲"]}]}, "documents[0].text", "expected a text, got a list"),
        ({"documents": [{"text": "甲"}, {"text": "\t"}]}, "documents[1].text", "only white space"),
        ({"documents": [{"paragraphs": "甲"}]}, "documents[0].paragraphs", "expected a list, got '甲'"),
        ({"documents": [{"paragraphs": []}]}, "documents[0].paragraphs", "expected at least one paragraph, got an empty list"),
        ({"documents": [{"paragraphs": ["甲", ""]}]}, "documents[0].paragraphs[1]", "expected a text, got an empty one"),
        ({"documents": [{"paragraphs": ["甲", True]}]}, "documents[0].paragraphs[1]", "expected a text, got true"),
        ({"documents": [{"id": 7, "text": "甲"}]}, "documents[0].id", "expected a text, got a number"),
        ({"documents": [{"id": "", "text": "甲"}]}, "documents[0].id", "expected a text that is not empty, got ''"),
        ({"documents": [{"id": "x", "text": "甲"}, {"id": "x", "text": "乙"}]}, "documents[1].id", "id 'x' is that of documents[0] too"),
        ({"documents": [{"id": "2", "text": "甲"}, {"text": "乙"}]}, "documents[1].id", "id '2' is that of documents[0] too"),
        ({"documents": [{"text": "甲", "body": "乙"}]}, "documents[0].body", UNKNOWN_DOCUMENT),
        ({"documents": [{"text": "甲", "title": None}]}, "documents[0].title", "expected a text, got null"),
        ({"text": "甲\ud842"}, "text", "half of a UTF-16 pair at character 1"),
        ({"documents": [{"text": "甲", "title": "\udfff"}]}, "documents[0].title", "half of a UTF-16 pair at character 0"),
        ({"text": "甲", "\ud842": 1}, "\\ud842", "half of a UTF-16 pair at character 0"),
    ],
)
def test_a_wrong_value_is_named_by_its_field(client: FlaskClient, sent: Any, field: str | None, message: str) -> None:
    response = client.post("/v1/label", data=json.dumps(sent), content_type="application/json")
    check(response, 422, "invalid_input", field, message)


@pytest.mark.parametrize(
    ("sent", "field", "limit", "actual"),
    [
        ({"text": "甲" * 11}, "text", 10, 11),
        ({"documents": [{"text": "甲"}, {"text": "甲" * 12}]}, "documents[1].text", 10, 12),
        ({"documents": [{"paragraphs": ["甲" * 6, "乙" * 7]}]}, "documents[0].paragraphs", 10, 13),
        ({"documents": [{"text": "甲"}] * 3}, "documents", 2, 3),
    ],
)
def test_over_a_limit_is_refused_with_the_limit_and_the_actual(client: FlaskClient, sent: Any, field: str, limit: int, actual: int) -> None:
    check(client.post("/v1/label", json=sent), 413, "too_large", field, f"over the limit of {limit}", limit, actual)


def test_at_the_limits_is_taken(client: FlaskClient) -> None:
    assert client.post("/v1/label", json={"documents": [{"text": "甲" * 10}, {"paragraphs": ["甲" * 5, "乙" * 5]}]}).status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(client: FlaskClient) -> None:
    body = json.dumps({"text": "甲", "scores": "x" * 500})
    response = client.post("/v1/label", data=body, content_type="application/json")
    check(response, 413, "too_large", None, "the body is over the limit of 400 bytes", 400, len(body))


@pytest.mark.parametrize("spaces", [400, 401, 100_000])
def test_a_body_of_unknown_length_is_held_to_the_limit_too(client: FlaskClient, spaces: int) -> None:
    sent = io.BytesIO(b" " * (spaces - 14) + '{"text":"甲"}'.encode())
    response = client.post(
        "/v1/label",
        input_stream=sent,
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert sent.read() == b""
    if spaces > 400:
        check(response, 413, "too_large", None, "the body is over the limit of 400 bytes", 400)
    else:
        assert response.status_code == 200, response.text


def test_a_refused_body_is_read_to_its_end(client: FlaskClient) -> None:
    sent = io.BytesIO(b" " * 100_000)
    response = client.post("/nowhere", input_stream=sent, content_length=100_000, environ_overrides={"wsgi.input_terminated": True})
    check(response, 404, "not_found", None, "")
    assert sent.read() == b""


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "message"),
    [
        (b"", 400, "not_json", None, "expected JSON"),
        (b"{", 400, "not_json", None, "expected JSON"),
        ("{'text': '甲'}".encode(), 400, "not_json", None, "expected JSON"),
        ('{"text": "甲"} x'.encode(), 400, "not_json", None, "Extra data"),
        (b'{"text": NaN}', 400, "not_json", None, "NaN"),
        ('{"text": "甲"}'.encode("gb18030"), 400, "not_json", None, "not UTF-8 at byte 10"),
        (b"[" * 350, 400, "not_json", None, "expected JSON"),
        (b'{"text": ' + b"9" * 380 + b"}", 422, "invalid_input", "text", "expected a text, got a number"),
        ('{"text": "甲", "text": "乙"}'.encode(), 422, "invalid_input", "text", "expected each key once, got 'text' twice"),
    ],
)
def test_a_body_that_is_no_json_is_refused(client: FlaskClient, body: bytes, status: int, code: str, field: str | None, message: str) -> None:
    check(client.post("/v1/label", data=body, content_type="application/json"), status, code, field, message)


def test_json_nested_beyond_reason_is_refused(classifier: Classifier) -> None:
    client = create_app(classifier, Settings()).test_client()
    for depth in (990, 100_000):
        body = b"[" * depth + b"]" * depth
        response = client.post("/v1/label", data=body, content_type="application/json")
        assert response.status_code in (400, 422)
    check(response, 400, "not_json", None, "nested too deeply")


def test_a_byte_order_mark_and_other_json_types_are_taken(client: FlaskClient) -> None:
    body = b"\xef\xbb\xbf" + '{"text": "甲"}'.encode()
    assert client.post("/v1/label", data=body, content_type="application/json; charset=utf-8").status_code == 200
    assert client.post("/v1/label", data=body, content_type="application/vnd.newsroom+json").status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused(client: FlaskClient, content_type: str | None) -> None:
    response = client.post("/v1/label", data=b'{"text": "x"}', content_type=content_type)
    check(response, 415, "unsupported_media_type", None, f"expected the content type application/json, got {content_type or 'none'}")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/label/x", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/../errors.py", 404, "not_found"),
        ("GET", "/v1/label", 405, "method_not_allowed"),
        ("DELETE", "/v1/themes", 405, "method_not_allowed"),
        ("POST", "/readyz", 405, "method_not_allowed"),
        ("POST", "/docs", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_do_not_exist(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    response = client.open(path, method=method)
    check(response, status, code, None, "")
    assert (response.json or {})["error"]["message"]
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/label"), ("GET", "/v1/themes"), ("GET", "/v1/model"), ("GET", "/readyz")])
def test_without_a_model_the_answer_is_to_come_again(method: str, path: str) -> None:
    response = create_app(settings=SETTINGS).test_client().open(path, method=method, json={"text": "甲"} if method == "POST" else None)
    check(response, 503, "not_ready", None, "still being loaded")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("what", "a.b"), 422, "invalid_input"),
        (NotJsonError("what"), 400, "not_json"),
        (TooLargeError("what", "a", 1, 2), 413, "too_large"),
        (NotReadyError("what"), 503, "not_ready"),
        (BundleError("what"), 503, "bundle_error"),
        (RuntimeUnavailableError("what"), 503, "runtime_unavailable"),
        (LanmuError("what"), 500, "internal_error"),
    ],
)
def test_each_exception_has_its_status(error: LanmuError, status: int, code: str) -> None:
    app = raising(error)
    response = app.test_client().get("/raise")
    check(response, status, code, getattr(error, "field", None) or None, "what", getattr(error, "limit", None), getattr(error, "actual", None))


def test_the_table_of_statuses_lists_what_is_more_particular_first() -> None:
    kinds = [kind for kind, _, _ in STATUSES]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, before) for before in kinds[:place])


def test_a_fault_of_our_own_shows_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    response = raising(ZeroDivisionError("secret")).test_client().get("/raise")
    check(response, 500, "internal_error", None, "failed on this request")
    assert "secret" not in response.text
    assert "secret" in caplog.text


def raising(error: Exception) -> APIFlask:
    app = create_app(settings=SETTINGS)

    @app.get("/raise")
    def fail() -> str:
        raise error

    return app


def test_a_fault_of_the_model_is_answered_in_the_same_body(tmp_path: Path) -> None:
    classifier = fake_classifier(tmp_path)
    app = create_app(classifier, SETTINGS)
    classifier.session = None  # type: ignore[assignment]
    check(app.test_client().post("/v1/label", json={"text": "甲"}), 500, "internal_error", None, "failed on this request")
