"""Annotated JSONL ↔ records: one JSON object a line, as the annotation guidelines describe.

A record may lack ``themes`` or ``departments`` altogether: that is unknown, and not none. A record that cannot be used
is set aside with its place and reason, and the rest is read.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.themes import Theme


@dataclass(frozen=True, slots=True)
class Span:
    """A department's name in a paragraph: code points, end exclusive, ``text == paragraph[start:end]``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One annotated paragraph.

    Attributes:
        id: Unique in its corpus.
        text: The paragraph.
        themes: Labels of the themes given; ``None`` where nobody looked.
        departments: Spans by ``start``; ``None`` where nobody looked.
        source: Where the paragraph is from.
        kind: Kind of paragraph (body, heading, title, caption, credit) where known.
        themes_either: Labels on which annotators differ; not scored.
        departments_either: ``(start, end)`` of spans on which annotators differ; not scored.
    """

    id: str
    text: str
    themes: tuple[str, ...] | None = None
    departments: tuple[Span, ...] | None = None
    source: str = ""
    kind: str = ""
    themes_either: tuple[str, ...] = ()
    departments_either: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was set aside; prints as ``file:line: what``."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(slots=True)
class Corpus:
    """What was read: the records, and the lines that were set aside."""

    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class RecordError(ValueError):
    """A line is no usable record; the message says what was expected and what came."""


def read_corpus(paths: Iterable[Path], themes: Sequence[Theme]) -> Corpus:
    """Read annotated JSONL files.

    Args:
        paths: Files to read, in order. A directory stands for the ``*.jsonl`` in it, by name.
        themes: The themes that labels must be among.

    Raises:
        OSError: If a file cannot be opened.
    """
    labels = [theme.label for theme in themes]
    corpus = Corpus()
    seen: dict[str, str] = {}
    for path in (file for one in paths for file in (sorted(one.glob("*.jsonl")) if one.is_dir() else [one])):
        # Lines end at a line feed only: str.splitlines would cut at U+2028 inside a text.
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                record = parse_record(line, labels)
                if record.id in seen:
                    raise RecordError(f"id {record.id!r} was used at {seen[record.id]}")
            except RecordError as error:
                corpus.problems.append(Problem(str(path), number, str(error)))
                continue
            seen[record.id] = f"{path}:{number}"
            corpus.records.append(record)
    return corpus


def parse_record(line: bytes | str, labels: Sequence[str]) -> Record:
    """Read and check one line.

    Raises:
        RecordError: If it is not JSON, a field has the wrong type, a theme is unknown, or a span does not fit.
    """
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not JSON in UTF-8: {error}") from error
    if not isinstance(value, dict):
        raise RecordError(f"expected an object, got {type(value).__name__}")
    for name in ("id", "text"):
        if not isinstance(value.get(name), str) or not value[name].strip():
            raise RecordError(f"field {name!r}: expected a text, got {value.get(name)!r}")
    text = value["text"]
    spans = value.get("departments")
    return Record(
        id=value["id"],
        text=text,
        themes=None if value.get("themes") is None else _themes(value["themes"], "themes", labels),
        departments=None if spans is None else _spans(spans, text, "departments"),
        source=str(value.get("source", "")),
        kind=str(value.get("kind", "")),
        themes_either=_themes(value.get("themes_either", []), "themes_either", labels),
        departments_either=tuple(
            (span.start, span.end) for span in _spans(value.get("departments_either", []), text, "departments_either", overlap=True)
        ),
    )


def _themes(value: Any, name: str, labels: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise RecordError(f"field {name!r}: expected a list, got {type(value).__name__}")
    for label in value:
        if label not in labels:
            raise RecordError(f"field {name!r}: unknown theme {label!r}; expected one of {', '.join(labels)}")
        if value.count(label) > 1:
            raise RecordError(f"field {name!r}: {label!r} given twice")
    return tuple(sorted(value, key=list(labels).index))


def _spans(value: Any, text: str, name: str, overlap: bool = False) -> tuple[Span, ...]:
    if not isinstance(value, list):
        raise RecordError(f"field {name!r}: expected a list, got {type(value).__name__}")
    spans = []
    for number, one in enumerate(value):
        where = f"field {name!r}, span {number}"
        if not isinstance(one, dict) or not all(type(one.get(key)) is int for key in ("start", "end")):
            raise RecordError(f"{where}: expected an object with whole numbers start and end, got {one!r}")
        start, end = one["start"], one["end"]
        if not 0 <= start < end <= len(text):
            raise RecordError(f"{where}: [{start}, {end}) does not lie in a text of {len(text)} code points")
        if one.get("text", text[start:end]) != text[start:end]:
            raise RecordError(f"{where}: text[{start}:{end}] is {text[start:end]!r}, the span says {one['text']!r}")
        spans.append(Span(start, end, text[start:end]))
    spans.sort(key=lambda span: span.start)
    for left, right in itertools.pairwise(spans):
        if right.start < left.end and not overlap:
            raise RecordError(f"field {name!r}: {left.text!r} at {left.start} and {right.text!r} at {right.start} overlap")
    return tuple(spans)


def record_to_json(record: Record) -> dict[str, Any]:
    """The JSON object of a record; unknown labels are left out."""
    value: dict[str, Any] = {"id": record.id, "text": record.text}
    if record.themes is not None:
        value["themes"] = list(record.themes)
    if record.departments is not None:
        value["departments"] = [{"start": span.start, "end": span.end, "text": span.text} for span in record.departments]
    value |= {name: getattr(record, name) for name in ("source", "kind") if getattr(record, name)}
    return value
