"""Files of text or JSONL → documents, one at a time. What cannot be read is handed on with its reason, never skipped."""

import codecs
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from data.records import Document
from model.errors import InputError
from serve.reading import parse_json, read_document

STDIN = "-"
_SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """One record of a file: a document, or why there is none.

    Attributes:
        file: The file's name as given.
        line: Line of a JSONL file, from 1; ``None`` where the file is one article.
        bytes: Bytes that it took in the file.
        document: The document, where it could be read.
        reason: Why it could not, else "".
        record: The line as sent, where it could not be read; bytes that are no text stand as ``\\xNN``.
    """

    file: str
    line: int | None
    bytes: int
    document: Document | None = None
    reason: str = ""
    record: str | None = None


def read_file(name: str, region: str = "") -> Iterator[Sent]:
    """Yield what ``name`` holds: a document a line for ``.jsonl``, else one article with the file's name as its id.

    Args:
        name: Path of the file, or "-" for standard input, which is JSONL where its first character is ``{``.
        region: Region of the documents that name none.
    """
    try:
        if name == STDIN:
            yield from _read(sys.stdin.buffer, "stdin", None, region)
        else:
            with open(name, "rb") as file:
                yield from _read(file, name, Path(name).suffix.lower() == ".jsonl", region)
    except OSError as error:
        yield Sent(name, None, 0, reason=f"cannot be read: {error.strerror}")


def _read(file: BinaryIO, name: str, jsonl: bool | None, region: str) -> Iterator[Sent]:
    sample = file.read(_SAMPLE_BYTES)
    if jsonl is None:
        jsonl = sample.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{"
    encoding = guess_encoding(sample)
    if jsonl:
        yield from _lines(sample, file, name, encoding, region)
    else:
        yield _article(sample + file.read(), name, encoding, region)


def guess_encoding(sample: bytes) -> str:
    """``utf-8`` or ``gb18030``, the two that Chinese newsrooms write.

    A text in GB18030 read as UTF-8 is nearly all damage. One damaged byte does not turn a UTF-8 text into
    GB18030, as it would if the first error decided: most of what followed would be read as other characters.
    """
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    ascii_bytes = len(sample.translate(None, bytes(range(128, 256))))
    return "gb18030" if damaged > len(text) - ascii_bytes - damaged else "utf-8"


def _article(data: bytes, name: str, encoding: str, region: str) -> Sent:
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return Sent(name, None, len(data), reason=_undecodable(error, encoding))
    sent = {"id": name, "text": text} | ({"region": region} if region else {})
    try:
        return Sent(name, None, len(data), read_document(sent, name))
    except InputError as error:
        return Sent(name, None, len(data), reason=_reason(error))


def _lines(sample: bytes, rest: BinaryIO, name: str, encoding: str, region: str) -> Iterator[Sent]:
    # No byte of a character in UTF-8 or GB18030 is a line feed, so lines are cut before they are decoded.
    tail = b""
    whole = io.BytesIO(sample)
    number = at = 0
    for line in whole:
        if not line.endswith(b"\n"):
            tail = line
            break
        number += 1
        yield from _line(line, name, number, at, encoding, region)
        at += len(line)
    for line in rest:
        number += 1
        yield from _line(tail + line, name, number, at, encoding, region)
        at += len(tail) + len(line)
        tail = b""
    if tail:
        yield from _line(tail, name, number + 1, at, encoding, region)


def _line(line: bytes, name: str, number: int, at: int, encoding: str, region: str) -> Iterator[Sent]:
    if not line.strip():
        return
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        yield Sent(name, number, len(line), reason=_undecodable(error, encoding, at), record=line.decode("ascii", "backslashreplace").rstrip("\r\n"))
        return
    try:
        document = read_document(parse_json(text.encode()), f"{name}:{number}")
    except InputError as error:
        yield Sent(name, number, len(line), reason=_reason(error), record=text.rstrip("\r\n"))
        return
    yield Sent(name, number, len(line), document if document.region or not region else replace(document, region=region))


def _undecodable(error: UnicodeDecodeError, encoding: str, at: int = 0) -> str:
    other = " or UTF-8" if encoding == "gb18030" else ""
    return f"expected text in {encoding.upper()}{other}, got a byte that is neither text nor part of it at byte {at + error.start}"


def _reason(error: InputError) -> str:
    return f"{error.field}: {error}" if error.field else str(error)
