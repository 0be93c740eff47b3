"""The endpoints. Each reads, asks the classifier and answers; what they share stands elsewhere."""

from dataclasses import asdict, replace
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, jsonify, request
from marshmallow import Schema
from werkzeug.exceptions import UnsupportedMediaType

from data.answer import document_to_json
from data.records import LabelledDocument
from model.classifier import Classifier
from serve.body import read_body
from serve.reading import parse_json, read_request
from serve.schemas import ErrorAnswer, LabelAnswer, LabelRequest, ModelAnswer, StatusAnswer, ThemesAnswer
from serve.service import Service
from serve.settings import Settings

api = APIBlueprint("api", __name__)

_ERRORS = {
    400: "Not JSON",
    413: "Over a limit",
    415: "The content type is not JSON",
    422: "A value is not what it must be",
    503: "The model is still being loaded",
}


def _answers(schema: type[Schema], *errors: int) -> Any:
    """The answers of an endpoint, for the OpenAPI document only: what is answered is already plain JSON."""

    def shape(description: str, one: type[Schema]) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": one}}}

    return {200: shape((schema.__doc__ or "").strip("."), schema)} | {status: shape(_ERRORS[status], ErrorAnswer) for status in errors}


_EXAMPLE = {"documents": [{"id": "1", "region": "内蒙古", "text": "自治区人社厅取消6项证明材料，办理时限由20天压缩到5天。"}]}
# The request is read by serve.reading, which lanmu label shares, and not by APIFlask: so its shape is named here.
_LABEL_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": LabelRequest, "example": _EXAMPLE}}}}


@api.post("/v1/label")
@api.doc(responses=_answers(LabelAnswer, 400, 413, 415, 422, 503), extensions=_LABEL_BODY)
def label() -> Response:
    """Give every paragraph its themes and every named department its place and organ."""
    classifier = _classifier()
    if not request.is_json:
        raise UnsupportedMediaType(f"expected the content type application/json, got {request.mimetype or 'none'}")
    settings: Settings = current_app.extensions["lanmu.settings"]
    job = read_request(parse_json(read_body(settings.max_body_bytes)), settings.limits, [theme.id for theme in classifier.bundle.themes])
    labelled = [_only(one, job.themes) for one in classifier.label(job.documents)]
    documents = [document_to_json(one, job.scores, job.offset_unit) for one in labelled]
    return jsonify({"bundle": classifier.bundle.label, "documents": documents})


@api.get("/v1/themes")
@api.doc(responses=_answers(ThemesAnswer, 503))
def themes() -> Response:
    """List the themes that the bundle knows, with their definitions and thresholds."""
    bundle = _classifier().bundle
    listed = [
        asdict(theme) | {"media_topic": theme.media_topic or None, "threshold": calibration.threshold, "review": list(calibration.review)}
        for theme, calibration in zip(bundle.themes, bundle.calibrations, strict=True)
    ]
    return jsonify({"bundle": bundle.label, "themes": listed})


@api.get("/v1/model")
@api.doc(responses=_answers(ModelAnswer, 503))
def model() -> Response:
    """Tell which model answers, and the limits of a request."""
    classifier = _classifier()
    bundle = classifier.bundle
    return jsonify(
        {
            "bundle": bundle.label,
            "name": bundle.name,
            "version": bundle.version,
            "runtime": classifier.session.runtime,
            "window_tokens": bundle.window_tokens,
            "overlap_tokens": bundle.overlap_tokens,
            "limits": asdict(current_app.extensions["lanmu.settings"].limits),
            "about": dict(bundle.about),
        }
    )


@api.get("/healthz")
@api.doc(responses=_answers(StatusAnswer))
def healthz() -> Response:
    """Tell that the process is alive, whether or not the model is loaded."""
    return jsonify({"status": "ok"})


@api.get("/readyz")
@api.doc(responses=_answers(StatusAnswer, 503))
def readyz() -> Response:
    """Tell that the model is loaded and has labelled a tiny text."""
    _classifier()
    return jsonify({"status": "ok"})


@api.get("/docs")
@api.doc(hide=True)
def docs() -> Response:
    """The documentation page; it loads nothing from elsewhere, and says so to the browser."""
    page = current_app.send_static_file("docs.html")
    page.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
    return page


def _classifier() -> Classifier:
    service: Service = current_app.extensions["lanmu.service"]
    return service.classifier


def _only(labelled: LabelledDocument, themes: frozenset[str] | None) -> LabelledDocument:
    """The document with no other themes than ``themes``."""
    if themes is None:
        return labelled
    kept = tuple(replace(one, themes=tuple(theme for theme in one.themes if theme.id in themes)) for one in labelled.paragraphs)
    return replace(labelled, paragraphs=kept)
