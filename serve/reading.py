"""What was sent → documents: the one reader behind the HTTP endpoint and ``lanmu label``.

Nothing is repaired or cut here: a value that is not what it must be is refused, with its path, the limit and what came.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from marshmallow import ValidationError

from data.answer import OffsetUnit
from data.paragraphs import ready_paragraphs, split_paragraphs
from data.records import Document
from model.errors import InputError
from serve.errors import NotJsonError, TooLargeError
from serve.schemas import DocumentIn, LabelRequest, RequestSchema
from serve.settings import Limits

_DOCUMENT = DocumentIn()
_REQUEST = LabelRequest()


@dataclass(frozen=True, slots=True)
class LabelJob:
    """A request, checked.

    Attributes:
        documents: What to label.
        scores: Which themes to answer, by score.
        offset_unit: What offsets count.
        themes: Ids of the themes to answer; ``None`` for all.
    """

    documents: tuple[Document, ...]
    scores: Literal["given", "all"]
    offset_unit: OffsetUnit
    themes: frozenset[str] | None


def parse_json(data: bytes) -> Any:
    """Read JSON in UTF-8 (with or without a byte order mark).

    Raises:
        NotJsonError: If it is not UTF-8, not JSON, or nested beyond reason.
        InputError: If an object has a key twice, which would lose one value, or a text holds half of a UTF-16 pair.
    """
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_constant)
        _check_texts(value, "")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"expected JSON in UTF-8, got a byte that is not UTF-8 at byte {error.start}") from error
    except RecursionError:
        raise NotJsonError("expected JSON, got one nested too deeply") from None
    except ValueError as error:
        raise NotJsonError(f"expected JSON, got something else: {error}") from error
    return value


def read_request(value: Any, limits: Limits, theme_ids: Sequence[str]) -> LabelJob:
    """Check the parsed body of ``POST /v1/label``.

    Raises:
        InputError: If a value is not what it must be.
        TooLargeError: If it is over a limit.
    """
    sent = _load(_REQUEST, value, "")
    _either(sent, "text", "documents", "")
    if "documents" in sent:
        raw = sent["documents"]
        if not raw:
            raise InputError("expected at least one document, got an empty list", "documents")
        if len(raw) > limits.max_documents:
            raise TooLargeError(f"{len(raw)} documents are over the limit of {limits.max_documents}", "documents", limits.max_documents, len(raw))
        documents = tuple(_document(one, str(number), limits, f"documents[{number - 1}]") for number, one in enumerate(raw, 1))
    else:
        documents = (_document({"text": sent["text"]}, "1", limits, ""),)
    _check_ids(documents)
    themes = sent.get("themes")
    for place, theme in enumerate(themes or ()):
        if theme not in theme_ids:
            raise InputError(f"unknown theme {theme!r}; expected one of {', '.join(theme_ids)}", f"themes[{place}]")
    return LabelJob(documents, sent["scores"], sent["offset_unit"], None if themes is None else frozenset(themes))


def read_document(value: Any, default_id: str, limits: Limits | None = None) -> Document:
    """Check one document object; ``limits`` of ``None`` takes any size.

    Raises:
        InputError: If a value is not what it must be.
        TooLargeError: If it is over a limit.
    """
    return _document(_load(_DOCUMENT, value, ""), default_id, limits, "")


def _document(sent: Mapping[str, Any], default_id: str, limits: Limits | None, where: str) -> Document:
    _either(sent, "text", "paragraphs", where)
    name = "text" if "text" in sent else "paragraphs"
    field = _join(where, name)
    parts: list[str] = [sent["text"]] if name == "text" else sent["paragraphs"]
    characters = sum(map(len, parts))
    if limits is not None and characters > limits.max_document_characters:
        limit = limits.max_document_characters
        raise TooLargeError(f"{characters} characters are over the limit of {limit} a document", field, limit, characters)
    if not parts:
        raise InputError("expected at least one paragraph, got an empty list", field)
    for place, part in enumerate(parts):
        if not part.strip():
            raise InputError(
                f"expected a text, got {'only white space' if part else 'an empty one'}", field if name == "text" else f"{field}[{place}]"
            )
    paragraphs = tuple(split_paragraphs(parts[0]) if name == "text" else ready_paragraphs(parts))
    if not paragraphs:
        raise InputError("expected a text, got one in which there is no paragraph", field)
    return Document(
        id=sent.get("id", default_id),
        paragraphs=paragraphs,
        text=sent.get("text"),
        title=sent.get("title", ""),
        date=sent.get("date", ""),
        region=sent.get("region", ""),
    )


def _either(sent: Mapping[str, Any], one: str, other: str, where: str) -> None:
    if (one in sent) == (other in sent):
        raise InputError(f"expected either {one} or {other}, got {'both' if one in sent else 'neither'}", _join(where, one))


def _check_ids(documents: Sequence[Document]) -> None:
    seen: dict[str, int] = {}
    for place, document in enumerate(documents):
        if document.id in seen:
            raise InputError(f"id {document.id!r} is that of documents[{seen[document.id]}] too", f"documents[{place}].id")
        seen[document.id] = place


def _load(schema: RequestSchema, value: Any, where: str) -> dict[str, Any]:
    """Check types and names with ``schema``; its first complaint becomes an :class:`InputError`."""
    try:
        return cast("dict[str, Any]", schema.load(value))
    except ValidationError as error:
        messages: Any = error.messages
    path, found = where, value
    while isinstance(messages, dict):
        key, messages = next(iter(messages.items()))
        if key == "_schema":
            continue
        path = f"{path}[{key}]" if isinstance(key, int) else _join(path, str(key))
        found = found[key]
    raise InputError(f"{messages[0]}, got {_shown(found)}", path)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _shown(value: Any) -> str:
    """What a value is, in few words."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "…")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a number"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = _printable(next(key for key in keys if keys.count(key) > 1))
        raise InputError(f"expected each key once, got {twice!r} twice", twice)
    return values


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _check_texts(value: Any, where: str) -> None:
    """Refuse half UTF-16 pairs: no offset unit can count them, and no answer in UTF-8 can hold them."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"expected Unicode text, got half of a UTF-16 pair at character {error.start}", where) from None
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _check_texts(one, f"{where}[{place}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            _check_texts(key, _join(where, _printable(key)))
            _check_texts(one, _join(where, key))


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
