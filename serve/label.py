"""``lanmu label``: files in, one labelled document a line out, in the form of the API."""

import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tqdm import tqdm

from data.answer import OffsetUnit, document_to_json
from model.classifier import Classifier
from model.errors import LanmuError
from serve.files import STDIN, Sent, read_file

BATCH_DOCUMENTS = 64
BATCH_CHARACTERS = 200_000
REJECTED = ".rejected.jsonl"


@dataclass(slots=True)
class Counts:
    """What became of the records."""

    labelled: int = 0
    rejected: int = 0


def label_files(
    classifier: Classifier,
    files: Sequence[str],
    out: str,
    region: str = "",
    scores: Literal["given", "all"] = "given",
    offset_unit: OffsetUnit = "code-point",
) -> Counts:
    """Label ``files`` into ``out``, in order, in flat memory.

    A record that cannot be read goes to ``<out>.rejected.jsonl``, or to standard error where ``out`` is a stream.
    Both files appear when they are whole, or not at all.

    Args:
        classifier: What labels.
        files: Paths, "-" for standard input.
        out: Path, "-" for standard output.
        region: Region of the documents that name none.
        scores: Which themes to write, see :func:`data.answer.document_to_json`.
        offset_unit: What offsets count.

    Raises:
        LanmuError: If ``out``, or what is rejected beside it, is one of ``files``.
        OSError: If the output cannot be written.
    """
    for name in files:
        for written in (out, out + REJECTED):
            if STDIN not in (name, out) and os.path.exists(written) and os.path.samefile(name, written):
                raise LanmuError(f"{name} is both read and written; name another file with -o")
    counts = Counts()
    total_bytes = sum(os.path.getsize(name) for name in files if name != STDIN)
    with ExitStack() as stack:
        answers, rejected = _outputs(out, stack)
        progress = stack.enter_context(tqdm(total=total_bytes or None, unit="B", unit_scale=True, disable=None, file=sys.stderr))
        for batch in _batches(record for name in files for record in read_file(name, region)):
            labelled = iter(classifier.label([record.document for record in batch if record.document is not None]))
            for record in batch:
                if record.document is None:
                    _write(rejected, {"file": record.file, "line": record.line, "reason": record.reason, "record": record.record})
                    counts.rejected += 1
                else:
                    _write(answers, {"bundle": classifier.bundle.label, **document_to_json(next(labelled), scores, offset_unit)})
                    counts.labelled += 1
            answers.flush()
            progress.set_postfix(documents=counts.labelled, rejected=counts.rejected, refresh=False)
            progress.update(sum(record.bytes for record in batch))
    return counts


def _batches(records: Iterator[Sent]) -> Iterator[list[Sent]]:
    """Group records so that memory stays flat, whatever their number and length."""
    batch: list[Sent] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += sum(len(one.text) for one in record.document.paragraphs) if record.document else 0
        if len(batch) == BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _write(file: BinaryIO, value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _outputs(out: str, stack: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Where answers and rejected records go."""
    if out == STDIN:
        return sys.stdout.buffer, sys.stderr.buffer
    if os.path.exists(out) and not stat.S_ISREG(os.stat(out).st_mode):
        # A pipe or a device is written as it stands: renaming a file over it would take its place.
        return stack.enter_context(open(out, "wb")), sys.stderr.buffer
    path = Path(out).resolve()
    rejected = path.with_name(path.name + REJECTED)
    return stack.enter_context(_whole(path)), stack.enter_context(_whole(rejected, keep_empty=False))


@contextmanager
def _whole(path: Path, keep_empty: bool = True) -> Iterator[BinaryIO]:
    """Write beside ``path`` and rename once all is written; what an earlier run left there is replaced."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            written = file.tell()
        if written or keep_empty:
            os.replace(partial, path)
        else:
            path.unlink(missing_ok=True)
    finally:
        partial.unlink(missing_ok=True)
