"""The HTTP endpoints over the fake model: what they answer, with values."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from marshmallow import RAISE

from model.classifier import Classifier
from serve.app import create_app
from serve.openapi import COMMITTED, openapi_json
from serve.schemas import DocumentOut, LabelAnswer, ModelAnswer, ThemesAnswer
from serve.settings import Limits, Settings
from tests.fakes import DEPARTMENT_SCORE, THEMES, fake_classifier

TEXT = "市水务局减材料、减环节，办理提速。"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return fake_classifier(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def app(classifier: Classifier) -> APIFlask:
    return create_app(classifier, Settings())


@pytest.fixture
def client(app: APIFlask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def post(client: FlaskClient, body: dict[str, Any]) -> Any:
    response = client.post("/v1/label", json=body)
    assert response.status_code == 200, response.text
    return response.json


def without_names(document: dict[str, Any]) -> dict[str, Any]:
    """The answer but for what the linker says, which has tests of its own."""
    assert document.pop("departments") is not None
    for paragraph in document["paragraphs"]:
        for department in paragraph["departments"]:
            del department["name"]
    return document


def test_a_text_is_answered_whole(client: FlaskClient) -> None:
    answer = post(client, {"text": TEXT})
    assert answer["bundle"] == "fake@0123456789ab"
    assert [without_names(one) for one in answer["documents"]] == [
        {
            "id": "1",
            "paragraphs": [
                {
                    "index": 0,
                    "kind": "body",
                    "start": 0,
                    "end": 17,
                    "text": TEXT,
                    "windows": 1,
                    "themes": [
                        {"id": "streamline", "label": "精减", "score": 0.8808, "given": True, "review": False},
                        {"id": "speed_up", "label": "提速", "score": 0.5, "given": True, "review": True},
                    ],
                    "departments": [{"start": 0, "end": 4, "text": "市水务局", "score": DEPARTMENT_SCORE}],
                }
            ],
            "themes": [{"id": "streamline", "label": "精减", "paragraphs": [0]}, {"id": "speed_up", "label": "提速", "paragraphs": [0]}],
        }
    ]


def test_the_answer_is_written_in_chinese_not_escaped(client: FlaskClient) -> None:
    response = client.post("/v1/label", json={"text": TEXT})
    assert "市水务局" in response.get_data(as_text=True)
    assert response.mimetype == "application/json"


def test_offsets_index_the_text_as_sent(client: FlaskClient) -> None:
    sent = f"\ufeff\u3000\u3000{TEXT}\r\n\r\n全市训练、训练，市公安局组织训练。\r\n"
    [document] = post(client, {"text": sent})["documents"]
    assert [one["text"] for one in document["paragraphs"]] == [TEXT, "全市训练、训练，市公安局组织训练。"]
    for paragraph in document["paragraphs"]:
        assert sent[paragraph["start"] : paragraph["end"]] == paragraph["text"]
        for department in paragraph["departments"]:
            assert sent[department["start"] : department["end"]] == department["text"]
    assert document["themes"][-1] == {"id": "drill", "label": "演训", "paragraphs": [1]}


def test_ready_paragraphs_are_left_as_they_are_and_have_offsets_of_their_own(client: FlaskClient) -> None:
    paragraphs = ["  减少会议，\n市水务局减少文件", "讲提速：市教育局提速。"]
    [document] = post(client, {"documents": [{"id": "a", "paragraphs": paragraphs}]})["documents"]
    assert [one["text"] for one in document["paragraphs"]] == paragraphs
    assert [(one["start"], one["end"]) for one in document["paragraphs"]] == [(0, len(one)) for one in paragraphs]
    [department] = document["paragraphs"][1]["departments"]
    assert paragraphs[1][department["start"] : department["end"]] == "市教育局" == department["text"]


def test_documents_come_back_in_order_under_their_ids_or_numbers(client: FlaskClient) -> None:
    sent = [
        {"id": "z", "text": "减减。"},
        {"text": "训训。"},
        {"id": "乙", "title": "标题", "date": "2024-05-01", "region": "内蒙古", "text": "无。"},
    ]
    documents = post(client, {"documents": sent})["documents"]
    assert [one["id"] for one in documents] == ["z", "2", "乙"]
    assert [[theme["id"] for theme in one["themes"]] for one in documents] == [["streamline"], ["drill"], []]


def test_all_scores_are_answered_where_asked(client: FlaskClient) -> None:
    [document] = post(client, {"text": TEXT, "scores": "all"})["documents"]
    scores = {theme["id"]: (theme["score"], theme["given"], theme["review"]) for theme in document["paragraphs"][0]["themes"]}
    assert scores == {"streamline": (0.8808, True, False), "speed_up": (0.5, True, True), "drill": (0.1192, False, False)}
    assert [theme["id"] for theme in document["themes"]] == ["streamline", "speed_up"]


def test_offsets_count_utf16_where_asked(client: FlaskClient) -> None:
    text = "𠮷市水务局减材料。"
    [plain] = post(client, {"text": text})["documents"]
    [utf16] = post(client, {"text": text, "offset_unit": "utf-16"})["documents"]
    assert (plain["paragraphs"][0]["end"], utf16["paragraphs"][0]["end"]) == (9, 10)
    assert [(one["start"], one["end"]) for one in plain["paragraphs"][0]["departments"]] == [(1, 5)]
    [department] = utf16["paragraphs"][0]["departments"]
    units = text.encode("utf-16-le")[department["start"] * 2 : department["end"] * 2]
    assert units.decode("utf-16-le") == "市水务局"


@pytest.mark.parametrize(("themes", "answered"), [(["speed_up"], ["speed_up"]), ([], []), (["drill", "streamline"], ["streamline", "drill"])])
def test_only_the_themes_asked_for_are_answered(client: FlaskClient, themes: list[str], answered: list[str]) -> None:
    [document] = post(client, {"text": TEXT, "themes": themes, "scores": "all"})["documents"]
    assert [theme["id"] for theme in document["paragraphs"][0]["themes"]] == answered
    assert {theme["id"] for theme in document["themes"]} <= set(themes)
    assert document["paragraphs"][0]["departments"]


def test_a_long_paragraph_is_read_in_windows_and_nothing_is_cut(client: FlaskClient) -> None:
    text = "无" * 100 + "训训，市水务局。"
    [document] = post(client, {"documents": [{"paragraphs": [text]}]})["documents"]
    [paragraph] = document["paragraphs"]
    assert paragraph["windows"] == 5
    assert paragraph["text"] == text
    assert [theme["id"] for theme in paragraph["themes"]] == ["drill"]
    assert [one["text"] for one in paragraph["departments"]] == ["市水务局"]


def test_themes_are_listed_with_their_thresholds(client: FlaskClient) -> None:
    answer = client.get("/v1/themes").json
    assert answer is not None
    assert answer["bundle"] == "fake@0123456789ab"
    assert [theme["id"] for theme in answer["themes"]] == [theme.id for theme in THEMES]
    assert answer["themes"][0] == {
        "id": "streamline",
        "label": "精减",
        "english": "Less to ask for",
        "definition": "少报、少走、少跑。",
        "media_topic": "medtop:20000593",
        "threshold": 0.5,
        "review": [0.3, 0.7],
    }
    assert answer["themes"][1]["media_topic"] is None


def test_the_model_says_what_it_is(classifier: Classifier) -> None:
    client = create_app(classifier, Settings(max_documents=7)).test_client()
    assert client.get("/v1/model").json == {
        "bundle": "fake@0123456789ab",
        "name": "fake",
        "version": "0123456789ab",
        "runtime": "fake",
        "window_tokens": 34,
        "overlap_tokens": 8,
        "limits": {"max_documents": 7, "max_document_characters": Limits().max_document_characters, "max_body_bytes": Limits().max_body_bytes},
        "about": {"figures": {"macro_f1": 0.9}},
    }


def test_it_is_alive_at_once_and_ready_once_the_model_has_labelled(classifier: Classifier) -> None:
    app = create_app(settings=Settings())
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 503
    app.extensions["lanmu.service"].use(classifier)
    assert client.get("/readyz").json == {"status": "ok"}
    assert client.post("/v1/label", json={"text": TEXT}).status_code == 200


def test_a_model_that_cannot_label_is_never_ready(classifier: Classifier, tmp_path: Path) -> None:
    broken = fake_classifier(tmp_path)
    broken.session = None  # type: ignore[assignment]
    app = create_app(settings=Settings())
    with pytest.raises(AttributeError):
        app.extensions["lanmu.service"].use(broken)
    assert app.test_client().get("/readyz").status_code == 503


def test_answers_have_the_documented_shape(client: FlaskClient) -> None:
    label = post(client, {"text": TEXT, "scores": "all"})
    assert label["documents"][0]["paragraphs"][0]["departments"]
    assert LabelAnswer(unknown=RAISE).validate(label) == {}
    for document in label["documents"]:
        assert DocumentOut(unknown=RAISE).validate(document) == {}
    assert ThemesAnswer(unknown=RAISE).validate(client.get("/v1/themes").json or {}) == {}
    assert ModelAnswer(unknown=RAISE).validate(client.get("/v1/model").json or {}) == {}


def test_the_openapi_document_is_the_committed_one(client: FlaskClient) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == json.loads(openapi_json()), "run: python -m serve.openapi"
    assert client.get("/openapi.json").json == json.loads(openapi_json())


def test_the_openapi_document_tells_every_endpoint_and_error(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json or {}
    assert set(document["paths"]) == {"/v1/label", "/v1/themes", "/v1/model", "/healthz", "/readyz"}
    label = document["paths"]["/v1/label"]["post"]
    assert set(label["responses"]) == {"200", "400", "413", "415", "422", "503"}
    assert label["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/LabelRequest"}
    assert set(document["components"]["schemas"]["DocumentIn"]["properties"]) == {"id", "title", "date", "region", "text", "paragraphs"}


def test_the_documentation_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == "default-src 'self'; img-src 'self' data:"
    for name in ("docs.html", "docs.js", "docs.css"):
        content = client.get(f"/static/{name}").get_data(as_text=True)
        assert content
        assert "//" not in content.replace("// ", ""), name


def test_every_setting_and_limit_is_documented() -> None:
    guide = (Path(__file__).resolve().parents[1] / "docs" / "serving.md").read_text(encoding="utf-8")
    defaults = Settings()
    for field in fields(Settings):
        row = next((line for line in guide.splitlines() if line.startswith(f"| `LANMU_{field.name.upper()}` |")), None)
        assert row is not None, field.name
        if field.name != "bundle":
            assert f"| `{getattr(defaults, field.name)}` |" in row
