"""Deterministic splits of a corpus that keep near-duplicates together, so that what is measured was not seen in training."""

import hashlib
import math
from collections.abc import Mapping, Sequence

from datasketch import MinHash, MinHashLSH

from data.corpus import Record
from model.folding import fold

SHINGLE = 5
"""Code points of a shingle."""

SIMILAR = 0.5
"""Jaccard similarity of shingles from which two paragraphs are near-duplicates (Broder, 1997)."""

# So many bands of so few rows find a pair at SIMILAR in 996 of 1,000 cases, and many that are less alike; each is then measured exactly.
_BANDS, _ROWS = 42, 3

DEFAULT_SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def split(records: Sequence[Record], shares: Mapping[str, float] | None = None, seed: str = "lanmu") -> dict[str, list[Record]]:
    """Split records; the same record falls into the same split whatever the order, and near-duplicates fall together.

    A group of near-duplicates goes where a hash of its smallest id says, so the shares are met on average only.

    Args:
        records: Of different ids.
        shares: Name of each split and its share; together 1. :data:`DEFAULT_SHARES` where there is none.
        seed: Another seed gives another split.

    Returns:
        Every name of ``shares`` with its records, in the order of ``records``.

    Raises:
        ValueError: If a share is negative, the shares do not make 1, or two records have one id.
    """
    shares = DEFAULT_SHARES if shares is None else shares
    if any(share < 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        raise ValueError(f"shares must be at least 0 and make 1 together, got {dict(shares)}")
    groups = near_duplicate_groups(records)
    parts: dict[str, list[Record]] = {name: [] for name in shares}
    for record in records:
        parts[_place(groups[record.id], shares, seed)].append(record)
    return parts


def _place(group: str, shares: Mapping[str, float], seed: str) -> str:
    point = int.from_bytes(hashlib.sha256(f"{seed}\n{group}".encode()).digest()[:8], "big") / 2**64
    end = 0.0
    for name, share in shares.items():
        end += share
        if point < end:
            return name
    # The shares' sum may fall short of 1 by a rounding error: the last split that takes any gets what lies beyond.
    return [name for name, share in shares.items() if share > 0][-1]


def near_duplicate_groups(records: Sequence[Record]) -> dict[str, str]:
    """Each record's id → the smallest id of its group; a near-duplicate of a near-duplicate is in the group.

    Raises:
        ValueError: If two records have one id.
    """
    shingles = {record.id: _shingles(record.text) for record in records}
    if len(shingles) < len(records):
        raise ValueError("record ids must differ to be split")
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    parents = {record.id: record.id for record in records}
    for name, own in shingles.items():
        sketch = MinHash(num_perm=_BANDS * _ROWS, seed=1)
        sketch.update_batch([shingle.encode() for shingle in own])
        for other in index.query(sketch):
            left, right = _root(parents, name), _root(parents, other)
            if left != right and _jaccard(own, shingles[other]) >= SIMILAR:
                # The smallest id is the root, so that a group's name does not hang on the order.
                parents[max(left, right)] = min(left, right)
        index.insert(name, sketch)
    return {name: _root(parents, name) for name in parents}


def _root(parents: dict[str, str], name: str) -> str:
    while parents[name] != name:
        parents[name] = parents[parents[name]]
        name = parents[name]
    return name


def _shingles(text: str) -> frozenset[str]:
    """Code-point 5-grams of the folded text without its spaces; a shorter text is one shingle."""
    plain = "".join(fold(text).split())
    return frozenset(plain[at : at + SHINGLE] for at in range(max(1, len(plain) - SHINGLE + 1)))


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / len(left | right)
