"""Encodings → batches by token budget, sorted by length; what is the same is computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.encoding import Encoding, IntArray, Window
from model.lexicon import NOWHERE
from model.ngrams import NGRAM_COLUMNS


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows that the session scores together.

    Attributes:
        input_ids: ``[B, L]`` token ids, 0 where there is padding.
        attention_mask: ``[B, L]``, 1 for a token and 0 for padding.
        lexicon_ids: ``[B, L, C]`` what the lexicon says of each token.
        ngram_ids: ``[B, L, N]`` which listed n-grams begin at each token; 0 for none.
        rows: Which distinct window each of the B rows is.
    """

    input_ids: IntArray
    attention_mask: IntArray
    lexicon_ids: IntArray
    ngram_ids: IntArray
    rows: tuple[int, ...]

    @property
    def inputs(self) -> dict[str, IntArray]:
        """What the network reads, by name."""
        return {"input_ids": self.input_ids, "attention_mask": self.attention_mask, "lexicon_ids": self.lexicon_ids, "ngram_ids": self.ngram_ids}


def distinct_windows(encodings: Sequence[Encoding]) -> tuple[list[Window], list[tuple[int, ...]]]:
    """The windows that differ, and for each encoding the indices of its windows among them."""
    seen: dict[bytes, int] = {}
    windows: list[Window] = []
    indices = []
    for encoding in encodings:
        own = []
        for window in encoding.windows:
            key = window.input_ids.tobytes() + window.lexicon_ids.tobytes()
            if key not in seen:
                seen[key] = len(windows)
                windows.append(window)
            own.append(seen[key])
        indices.append(tuple(own))
    return windows, indices


def batches(windows: Sequence[Window], token_budget: int = 512, length_step: int = 1) -> Iterator[Batch]:
    """Yield batches of windows, longest first, each of at most ``token_budget`` tokens with padding (or one window).

    Args:
        windows: What to score.
        token_budget: Most tokens a batch holds, padding included.
        length_step: Lengths are rounded up to a multiple of it, for runtimes that prepare themselves for each shape anew.
    """
    order = sorted(range(len(windows)), key=lambda i: -len(windows[i]))
    at = 0
    while at < len(order):
        length = -(-len(windows[order[at]]) // length_step) * length_step
        rows = order[at : at + max(1, token_budget // length)]
        yield _pad([windows[i] for i in rows], length, tuple(rows))
        at += len(rows)


def _pad(windows: Sequence[Window], length: int, rows: tuple[int, ...]) -> Batch:
    input_ids: npt.NDArray[np.int32] = np.zeros((len(windows), length), np.int32)
    attention_mask = np.zeros_like(input_ids)
    lexicon_ids = np.tile(NOWHERE, (len(windows), length, 1))
    ngram_ids = np.zeros((len(windows), length, NGRAM_COLUMNS), np.int32)
    for row, one in enumerate(windows):
        input_ids[row, : len(one)] = one.input_ids
        attention_mask[row, : len(one)] = 1
        lexicon_ids[row, : len(one)] = one.lexicon_ids
        ngram_ids[row, : len(one)] = one.ngram_ids
    return Batch(input_ids, attention_mask, lexicon_ids, ngram_ids, rows)
