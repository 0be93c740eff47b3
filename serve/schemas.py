"""The shapes of requests and answers: marshmallow checks requests with them, and the OpenAPI document shows them."""

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

ID = "The sender's own name for the document, unique in the request; its 1-based number where left out"

_EXPECTED_TEXT: dict[str, Any] = {"invalid": "expected a text", "null": "expected a text"}
_EXPECTED_LIST: dict[str, Any] = {"invalid": "expected a list", "null": "expected a list"}


def _one_of(*choices: str) -> validate.OneOf:
    return validate.OneOf(choices, error="expected one of {choices}")


def _string(description: str, required: bool = False, **arguments: Any) -> fields.String:
    """A text field with its line in the OpenAPI document."""
    return fields.String(required=required, error_messages=_EXPECTED_TEXT, metadata={"description": description}, **arguments)


class RequestSchema(Schema):
    """Base of what is checked: an unknown field is an error, and every message says what was expected."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(unknown=RAISE, **arguments)
        self.error_messages["unknown"] = f"unknown field; expected one of {', '.join(self.fields)}"
        self.error_messages["type"] = "expected an object"


class DocumentIn(RequestSchema):
    """One document to label: either its text or its ready paragraphs."""

    id = _string(ID, validate=validate.Length(min=1, error="expected a text that is not empty"))
    title = _string("Headline, where it is sent apart; read for its region, not labelled")
    date = _string("Date of the document")
    region = _string("Region that the document is about, for departments named without one")
    text = _string("The whole text; lanmu finds its paragraphs, and offsets index this text as sent")
    paragraphs = fields.List(
        _string("One paragraph"),
        error_messages=_EXPECTED_LIST,
        metadata={"description": "Ready paragraphs, left as they are; offsets index each paragraph's own text"},
    )


class LabelRequest(RequestSchema):
    """What to label: either one text, or documents."""

    text = _string("One text, answered as one document with the id 1")
    documents = fields.List(
        fields.Nested(DocumentIn, error_messages={"null": "expected an object"}),
        error_messages=_EXPECTED_LIST,
        metadata={"description": "Documents, answered in the same order"},
    )
    scores = _string(
        "given: only the themes that reach their threshold; all: every theme with its score",
        load_default="given",
        validate=_one_of("given", "all"),
    )
    offset_unit = _string(
        "What start and end count; utf-16 is what JavaScript's strings count",
        load_default="code-point",
        validate=_one_of("code-point", "utf-16"),
    )
    themes = fields.List(
        _string("Theme id"), error_messages=_EXPECTED_LIST, metadata={"description": "Ids of the themes to answer; all where left out"}
    )


class ThemeOut(Schema):
    """A theme of a paragraph."""

    id = _string("Theme id, as /v1/themes lists it", required=True)
    label = _string("What editors call it", required=True)
    score = fields.Float(required=True, metadata={"description": "Calibrated probability: 0.8 means 8 in 10"})
    given = fields.Boolean(required=True, metadata={"description": "Whether the score reaches the theme's threshold"})
    review = fields.Boolean(required=True, metadata={"description": "Whether the score is so near the threshold that an editor should look"})


class DepartmentOut(Schema):
    """A department named in a paragraph."""

    start = fields.Integer(required=True, metadata={"description": "Offset of its first character"})
    end = fields.Integer(required=True, metadata={"description": "Offset after its last character; a line break inside the name lies between"})
    text = _string("The name as written, without a line break inside", required=True)
    score = fields.Float(required=True, metadata={"description": "Probability of the span"})
    name = fields.String(required=True, allow_none=True, metadata={"description": "Canonical name of the organ; null where it cannot be told"})


class ParagraphOut(Schema):
    """A paragraph and what was found in it."""

    index = fields.Integer(required=True, metadata={"description": "Place in the document, from 0"})
    kind = _string("title, heading, body, caption or credit", required=True)
    start = fields.Integer(required=True)
    end = fields.Integer(required=True)
    text = _string("The paragraph, without line breaks inside", required=True)
    windows = fields.Integer(required=True, metadata={"description": "In how many overlapping windows it was read; nothing is cut"})
    themes = fields.List(fields.Nested(ThemeOut), required=True)
    departments = fields.List(fields.Nested(DepartmentOut), required=True)


class DocumentTheme(Schema):
    """A theme of the document."""

    id = _string("Theme id", required=True)
    label = _string("What editors call it", required=True)
    paragraphs = fields.List(fields.Integer(), required=True, metadata={"description": "Indices of the paragraphs that have it"})


class DocumentDepartment(Schema):
    """An organ that the document names."""

    name = _string("Canonical name", required=True)
    mentions = fields.Integer(required=True)


class DocumentOut(Schema):
    """A labelled document."""

    id = _string(ID, required=True)
    paragraphs = fields.List(fields.Nested(ParagraphOut), required=True)
    themes = fields.List(fields.Nested(DocumentTheme), required=True)
    departments = fields.List(fields.Nested(DocumentDepartment), required=True)


class LabelAnswer(Schema):
    """The labelled documents, and the bundle that labelled them."""

    bundle = _string("Name and version of the bundle", required=True)
    documents = fields.List(fields.Nested(DocumentOut), required=True)


class ThemeInfo(Schema):
    """A theme that the bundle knows."""

    id = _string("Id, used in requests and answers", required=True)
    label = _string("What editors call it", required=True)
    english = _string("English name", required=True)
    definition = _string("When a paragraph is given it", required=True)
    media_topic = fields.String(required=True, allow_none=True, metadata={"description": "IPTC Media Topic nearest in meaning; null where none fits"})
    threshold = fields.Float(required=True, metadata={"description": "Score from which it is given"})
    review = fields.List(
        fields.Float(), required=True, metadata={"description": "Lowest score that an editor should look at, and the score from which no longer"}
    )


class ThemesAnswer(Schema):
    """The themes, in the order of answers."""

    bundle = _string("Name and version of the bundle", required=True)
    themes = fields.List(fields.Nested(ThemeInfo), required=True)


class LimitsOut(Schema):
    """The most that one request may hold."""

    max_documents = fields.Integer(required=True)
    max_document_characters = fields.Integer(required=True)
    max_body_bytes = fields.Integer(required=True)


class ModelAnswer(Schema):
    """The model that answers."""

    bundle = _string("Name and version of the bundle", required=True)
    name = _string("Name of the bundle", required=True)
    version = _string("Version of the bundle: a hash of all that a label depends on", required=True)
    runtime = _string("Inference runtime", required=True)
    window_tokens = fields.Integer(required=True, metadata={"description": "Longest window in tokens"})
    overlap_tokens = fields.Integer(required=True, metadata={"description": "Tokens that neighbouring windows share"})
    limits = fields.Nested(LimitsOut, required=True)
    about = fields.Dict(required=True, metadata={"description": "What the bundle says of itself: figures, parity, provenance"})


class StatusAnswer(Schema):
    """That it is well."""

    status = _string("ok", required=True)


class ErrorDetail(Schema):
    """What went wrong."""

    code = _string("Stable code of the error", required=True)
    message = _string("What was expected and what came", required=True)
    field = fields.String(required=True, allow_none=True, metadata={"description": "Path of the value in the request, e.g. documents[0].text"})
    limit = fields.Integer(required=True, allow_none=True, metadata={"description": "The limit, where the request is over one"})
    actual = fields.Integer(required=True, allow_none=True, metadata={"description": "What came instead, where it was counted"})


class ErrorAnswer(Schema):
    """The error body of every endpoint."""

    error = fields.Nested(ErrorDetail, required=True)
