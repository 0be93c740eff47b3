"""Which listed n-grams stand in a window: what the linear part of the theme head adds up (wide and deep, Cheng et al., 2016)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

LONGEST = 4
"""N-grams of 1 to so many tokens are read; a Chinese character is a token."""

_FACTORS = tuple(np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93))
_SHIFT = np.uint64(29)


def ngram_hashes(input_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
    """64-bit hashes of the n-grams that begin at each token.

    Args:
        input_ids: ``[L]`` token ids, ``[CLS]`` first and ``[SEP]`` last; neither is part of an n-gram.

    Returns:
        ``[L, LONGEST]``; 0 where no n-gram begins.
    """
    tokens = input_ids[1:-1].astype(np.uint64)
    hashes = np.zeros((len(input_ids), LONGEST), np.uint64)
    mixed = np.ones(len(tokens), np.uint64)
    for size in range(min(LONGEST, len(tokens))):
        count = len(tokens) - size
        mixed = (mixed[:count] + tokens[size:]) * _FACTORS[size]
        mixed ^= mixed >> _SHIFT
        hashes[1 : 1 + count, size] = mixed
    return hashes


class NgramIndex:
    """The n-grams that the linear part knows, by their hashes; the row of each is its place, counted from 1.

    Args:
        hashes: ``[R]`` uint64, ascending.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64]) -> None:
        self.hashes = hashes

    @classmethod
    def from_file(cls, path: Path) -> "NgramIndex":
        """Read a ``.npy`` file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it holds no ascending uint64.
        """
        hashes = np.load(path, allow_pickle=False)
        if hashes.dtype != np.uint64 or hashes.ndim != 1 or (np.diff(hashes) == 0).any() or (hashes[1:] < hashes[:-1]).any():
            raise ValueError(f"{path}: expected ascending uint64 hashes, got {hashes.dtype} of shape {hashes.shape}")
        return cls(hashes)

    def save(self, path: Path) -> None:
        """Write what :meth:`from_file` reads."""
        np.save(path, self.hashes, allow_pickle=False)

    def ids(self, input_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Rows of the n-grams that begin at each token, each n-gram only where it stands first.

        Returns:
            ``[L, LONGEST]`` in ``[1, R]``, and 0 where no listed n-gram begins.
        """
        ids = np.zeros(len(input_ids) * LONGEST, np.int32)
        if len(self.hashes):
            found, first = np.unique(ngram_hashes(input_ids), return_index=True)
            places = np.minimum(np.searchsorted(self.hashes, found), len(self.hashes) - 1)
            listed = (self.hashes[places] == found) & (found != 0)
            ids[first[listed]] = places[listed] + 1
        return ids.reshape(-1, LONGEST)
