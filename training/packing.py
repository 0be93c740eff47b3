"""Texts → packed rows of token ids on disk: no padding, and where words begin."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rjieba
from tokenizers import Tokenizer
from tqdm import tqdm

from model.folding import fold
from training.config import ConfigError
from training.texts import read_texts
from training.vocabulary import token_id

WORD_START = 1 << 15
"""Set in a row's entry where a word begins; the other bits are the token's id."""
_AT_ONCE = 2000
RowArray = npt.NDArray[np.uint16]


def word_starts(text: str) -> npt.NDArray[np.bool_]:
    """``[len(text) + 1]``: where a word begins, by the dictionary of jieba."""
    lengths = np.array([len(word) for word in rjieba.cut(text)], np.int64)
    starts = np.zeros(len(text) + 1, np.bool_)
    starts[np.concatenate(([0], np.cumsum(lengths)))] = True
    return starts


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> list[RowArray]:
    """Ids of each text and ``[SEP]`` after it, with :data:`WORD_START` where a word begins."""
    folded = [fold(text) for text in texts]
    separator = np.array([token_id(tokenizer, "[SEP]") | WORD_START], np.uint16)
    rows = []
    for text, one in zip(folded, tokenizer.encode_batch(folded, add_special_tokens=False), strict=True):
        begins = word_starts(text)[[start for start, _ in one.offsets]]
        rows.append(np.concatenate((np.array(one.ids, np.uint16) | np.where(begins, WORD_START, 0).astype(np.uint16), separator)))
    return rows


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    yield batch


def pack(files: Sequence[str], tokenizer: Tokenizer, row_tokens: int, folder: Path) -> RowArray:
    """Pack all texts in their order into ``[R, row_tokens]``, a file in ``folder`` that is mapped, not read.

    What was packed there from the same files with the same tokenizer is taken again. The last row, if not full, is left out, and told.

    Raises:
        ConfigError: If the vocabulary is too large, or the texts fill no row.
    """
    if tokenizer.get_vocab_size() > WORD_START:
        raise ConfigError(f"expected a vocabulary of at most {WORD_START} entries, got {tokenizer.get_vocab_size()}")
    sizes = [(Path(file).name, Path(file).stat().st_size) for file in files]
    made_of = hashlib.sha256(json.dumps([tokenizer.to_str(), row_tokens, sizes]).encode()).hexdigest()
    path, note = folder / "rows.npy", folder / "rows.json"
    if not path.is_file() or not note.is_file() or json.loads(note.read_text(encoding="utf-8"))["made_of"] != made_of:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "rows.part"
        rows, left = 0, np.zeros(0, np.uint16)
        with part.open("wb") as file, tqdm(desc="packing", unit=" texts", unit_scale=True, disable=None) as bar:
            for batch in _batches(read_texts(files)):
                joined = np.concatenate((left, *encode(batch, tokenizer)))
                whole = len(joined) // row_tokens
                joined[: whole * row_tokens].tofile(file)
                rows, left = rows + whole, joined[whole * row_tokens :]
                bar.update(len(batch))
        if not rows:
            raise ConfigError(f"expected texts of at least {row_tokens} tokens, got {len(left)}: {', '.join(files)}")
        tqdm.write(f"packed: {rows} rows of {row_tokens} tokens; the last {len(left)} tokens fill no row and are left out")
        flat = np.memmap(part, np.uint16, "r", shape=(rows, row_tokens))
        np.save(folder / "rows.writing.npy", flat)
        (folder / "rows.writing.npy").replace(path)
        part.unlink()
        note.write_text(json.dumps({"made_of": made_of, "rows": rows}) + "\n", encoding="utf-8")
    packed: RowArray = np.load(path, mmap_mode="r")
    return packed


def held_out(rows: int, count: int) -> npt.NDArray[np.int64]:
    """Indices of ``count`` rows, evenly spread, that are measured on and never read.

    Raises:
        ConfigError: If that would leave fewer than nine in ten to read.
    """
    if count * 10 > rows:
        raise ConfigError(f"key 'held_out_rows': expected at most a tenth of the {rows} packed rows, got {count}")
    return (np.arange(count) * rows // max(1, count)).astype(np.int64)
