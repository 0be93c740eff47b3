"""Which tokens of packed rows are hidden, and the batches that the pre-training objectives read."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.packing import WORD_START, RowArray

_SPAN = 3.0
"""Mean length of a stretch with masking "span", in tokens."""

BoolArray = npt.NDArray[np.bool_]


def choose(begins: BoolArray, may: BoolArray, share: float, masking: str, rng: np.random.Generator) -> BoolArray:
    """Choose what is hidden: whole words, stretches or single tokens, each with probability ``share``.

    Args:
        begins: ``[B, L]`` where a word begins.
        may: ``[B, L]`` what may be hidden; special tokens may not.
        share: Expected share of the tokens.
        masking: "word" (Cui et al., 2021), "span" (after SpanBERT, Joshi et al., 2020) or "token" (Devlin et al., 2019).

    Returns:
        ``[B, L]``.
    """
    if masking == "token":
        begins = np.ones_like(begins)
    elif masking == "span":
        begins = rng.random(begins.shape) < 1 / _SPAN
    unit = np.cumsum(begins.reshape(-1)).reshape(begins.shape)
    return (rng.random(int(unit[-1, -1]) + 1) < share)[unit] & may


class Collator:
    """Packed rows → what an objective reads; what is drawn depends on the rows and the seed alone, so a run that goes on draws the same.

    Args:
        rows: ``[R, row_tokens]`` of :func:`training.packing.pack`.
        vocabulary: Size of the vocabulary.
        special: Ids that are never hidden.
        cls: Id of ``[CLS]``, which begins every stretch, as it begins every window in use.
        mask: Id of ``[MASK]``.
        share: Share of the tokens that is hidden.
        masking: See :func:`choose`.
        short: Tokens of a short stretch.
        long_share: Share of the batches whose rows stay whole.
        noise: Replace one in ten hidden tokens by another and leave one in ten (Devlin et al., 2019); without, all are ``[MASK]``.
        seed: Seeds what is drawn.
    """

    def __init__(
        self,
        rows: RowArray,
        vocabulary: int,
        special: Sequence[int],
        cls: int,
        mask: int,
        share: float,
        masking: str,
        short: int,
        long_share: float,
        noise: bool,
        seed: int,
    ) -> None:
        self._rows, self._vocabulary, self._special = rows, vocabulary, np.array(special)
        self._cls, self._mask, self._share, self._masking = cls, mask, share, masking
        self._short, self._long_share, self._noise, self._seed = short, long_share, noise, seed

    def __call__(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Build the batch of these rows.

        Returns:
            ``input_ids`` ``[B, L]`` with tokens hidden, ``original_ids`` ``[B, L]``, ``positions`` ``[M]`` of the hidden ones among B × L.
        """
        rng = np.random.default_rng([self._seed, len(indices), *indices])
        rows = np.stack([self._rows[index] for index in indices])
        if rng.random() >= self._long_share:
            rows = rows.reshape(-1, self._short)
        begins, ids = (rows & WORD_START) > 0, (rows & (WORD_START - 1)).astype(np.int64)
        ids[:, 0] = self._cls
        hidden = choose(begins, ~np.isin(ids, self._special), self._share, self._masking, rng)
        shown = np.where(hidden, self._mask, ids)
        if self._noise:
            fate = rng.random(ids.shape)
            shown = np.where(hidden & (fate < 0.1), rng.integers(0, self._vocabulary, ids.shape), shown)
            shown = np.where(hidden & (fate >= 0.9), ids, shown)
        return {
            "input_ids": torch.from_numpy(shown),
            "original_ids": torch.from_numpy(ids),
            "positions": torch.from_numpy(np.flatnonzero(hidden)),
        }
