"""Which listed n-grams stand in a window: what the linear parts of the heads add up (wide and deep, Cheng et al., 2016)."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

LONGEST = 4
"""N-grams of 1 to so many tokens are read; a Chinese character is a token."""
NGRAM_COLUMNS = 2 * LONGEST
"""Columns of :meth:`NgramIndex.ids`: those of the theme head first, then those of the department head."""

HashArray = npt.NDArray[np.uint64]
NO_HASHES: HashArray = np.zeros(0, np.uint64)

_FACTORS = tuple(np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93))
_SHIFT = np.uint64(29)


def ngram_hashes(input_ids: npt.NDArray[np.int32]) -> HashArray:
    """64-bit hashes of the n-grams that begin at each token.

    Args:
        input_ids: ``[L]`` token ids, ``[CLS]`` first and ``[SEP]`` last; neither is part of an n-gram.

    Returns:
        ``[L, LONGEST]``; 0 where no n-gram begins.
    """
    return _hashes(input_ids, np.array([len(input_ids)]))


def _hashes(input_ids: npt.NDArray[np.int32], lengths: npt.NDArray[np.int64]) -> HashArray:
    """:func:`ngram_hashes` of windows of these lengths in a row."""
    count, last = len(input_ids), np.cumsum(lengths)
    tokens = input_ids.astype(np.uint64)
    room = np.repeat(last - 1, lengths) - np.arange(count)  # how many tokens there are from here to the window's [SEP]
    room[last - lengths] = 0
    hashes = np.zeros((count, LONGEST), np.uint64)
    mixed = np.ones(count, np.uint64)
    for size in range(min(LONGEST, count)):
        mixed = (mixed[: count - size] + tokens[size:]) * _FACTORS[size]
        mixed ^= mixed >> _SHIFT
        hashes[: count - size, size] = np.where(room[: count - size] > size, mixed, 0)
    return hashes


class NgramIndex:
    """The n-grams that each head's linear part knows, by their hashes; the row of each is its place, counted from 1.

    Args:
        themes: ``[R]`` uint64, ascending: those of the theme head.
        departments: ``[S]``, likewise: those of the department head.
    """

    def __init__(self, themes: HashArray = NO_HASHES, departments: HashArray = NO_HASHES) -> None:
        self.themes, self.departments = themes, departments

    @classmethod
    def from_file(cls, path: Path) -> "NgramIndex":
        """Read what :meth:`save` wrote.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it does not hold two lists of ascending uint64.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                lists = {name: file[name] for name in ("themes", "departments")}
        except (KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: expected two lists of hashes, themes and departments ({error})") from error
        for name, hashes in lists.items():
            if hashes.dtype != np.uint64 or hashes.ndim != 1 or (hashes[1:] <= hashes[:-1]).any():
                raise ValueError(f"{path}: {name}: expected ascending uint64 hashes, got {hashes.dtype} of shape {hashes.shape}")
        return cls(**lists)

    def save(self, path: Path) -> None:
        """Write a ``.npz`` file."""
        np.savez(path, themes=self.themes, departments=self.departments)

    def ids(self, windows: Sequence[npt.NDArray[np.int32]]) -> list[npt.NDArray[np.int32]]:
        """Rows of the n-grams that begin at each token: for the theme head only where each stands first, for the department head everywhere.

        Args:
            windows: Of each window its ``[L]`` token ids, as :func:`ngram_hashes` takes them. Looked up together: many are much the same.

        Returns:
            Of each ``[L, NGRAM_COLUMNS]`` in ``[1, R]`` and ``[1, S]``, and 0 where no listed n-gram begins.
        """
        lengths = np.array([len(window) for window in windows], np.int64)
        ids = np.zeros((lengths.sum(), NGRAM_COLUMNS), np.int32)
        if len(ids) and (len(self.themes) or len(self.departments)):
            found, places = np.unique(_hashes(np.concatenate(windows), lengths), return_inverse=True)
            places = places.reshape(-1, LONGEST)
            ids[:, :LONGEST] = _only_first(_rows(self.themes, found)[places], lengths)
            ids[:, LONGEST:] = _rows(self.departments, found)[places]
        return np.split(ids, np.cumsum(lengths)[:-1])


def _only_first(rows: npt.NDArray[np.int32], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """``rows`` of windows of these lengths, each row kept only where it stands first in its window, and 0 elsewhere."""
    flat, window = rows.reshape(-1), np.repeat(np.arange(len(lengths)), lengths * LONGEST)
    given = np.flatnonzero(flat)
    _, first = np.unique(window[given] * (int(flat.max()) + 1) + flat[given], return_index=True)
    kept = np.zeros_like(flat)
    kept[given[first]] = flat[given[first]]
    return kept.reshape(rows.shape)


def _rows(listed: HashArray, found: HashArray) -> npt.NDArray[np.int32]:
    if not len(listed):
        return np.zeros(len(found), np.int32)
    places = np.minimum(np.searchsorted(listed, found), len(listed) - 1)
    return np.where((listed[places] == found) & (found != 0), places + 1, 0).astype(np.int32)
