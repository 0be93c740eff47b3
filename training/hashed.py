"""Annotations of texts that may not be handed on: labels by a hash of the text, joined again with the raw news they were read in.

A tab-separated line a paragraph: the first 16 hex digits of the text's SHA-256, theme ids and ``start-end`` of the departments, each list with
commas, empty where there is none, and ``?`` where it is not known.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from datasets import load_dataset
from tqdm import tqdm

from data.corpus import Record, Span
from data.themes import Theme
from training.config import ConfigError

_UNKNOWN = "?"


def text_hash(text: str) -> str:
    """The first 16 hex digits of the SHA-256 of ``text`` in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_hashed(path: Path, records: Iterable[Record], themes: Sequence[Theme]) -> None:
    """Write the labels of ``records``, without their texts, in order of their hashes."""
    ids = {theme.label: theme.id for theme in themes}

    def listed(these: Iterable[str] | None) -> str:
        return _UNKNOWN if these is None else ",".join(these)

    lines = sorted(
        "\t".join(
            (
                text_hash(record.text),
                listed(None if record.themes is None else (ids[label] for label in record.themes)),
                listed(None if record.departments is None else (f"{span.start}-{span.end}" for span in record.departments)),
            )
        )
        for record in records
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_hashed(path: Path, raw: Sequence[str], themes: Sequence[Theme]) -> tuple[list[Record], int]:
    """Join labels with the raw news that holds their texts.

    Args:
        path: What :func:`write_hashed` wrote.
        raw: JSONL files, ``{"text"}`` a line, plain or compressed.
        themes: Those that the labels speak of; the ids of others are an error.

    Returns:
        The records, with the hash as id, and how many labels found no text.

    Raises:
        ConfigError: If a line is not as it must be; says file, line and what.
    """
    if not raw:
        raise ConfigError(f"{path} holds labels without texts: key 'raw' must name the news that they were read in")
    labels: dict[str, tuple[tuple[str, ...] | None, list[tuple[int, int]] | None]] = {}
    names = {theme.id: theme.label for theme in themes}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            key, given, spans = line.split("\t")
            offsets = None if spans == _UNKNOWN else [(int(start), int(end)) for start, end in (one.split("-") for one in spans.split(",") if one)]
            labels[key] = (None if given == _UNKNOWN else tuple(names[one] for one in given.split(",") if one), offsets)
        except (ValueError, KeyError) as error:
            raise ConfigError(f"{path}:{number}: expected hash, known theme ids and start-end offsets (or ?), got {line!r} ({error})") from error
    records = []
    for row in tqdm(
        load_dataset("json", data_files=list(raw), split="train", streaming=True), desc="hashed annotations", unit=" texts", disable=None
    ):
        text = row["text"]
        found = labels.pop(text_hash(text), None)
        if found is not None:
            spans_of = None if found[1] is None else tuple(Span(start, end, text[start:end]) for start, end in found[1])
            records.append(Record(text_hash(text), text, found[0], spans_of, str(row.get("source") or ""), ""))
        if not labels:
            break
    return records, len(labels)
