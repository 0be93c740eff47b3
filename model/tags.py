"""The tag scheme of the department head: BIOES (Ratinov & Roth, 2009), one entity type."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

TAGS = ("O", "B", "I", "E", "S")
"""Outside; begin, inside and end of a name; a name of a single token. The order is the order of the head's outputs."""

O, B, I, E, S = range(len(TAGS))  # noqa: E741 - the field's own letters

_FOLLOWS = {O: (O, B, S), B: (I, E), I: (I, E), E: (O, B, S), S: (O, B, S)}

ALLOWED: npt.NDArray[np.bool_] = np.array([[after in _FOLLOWS[before] for after in range(len(TAGS))] for before in range(len(TAGS))])
"""``[K, K]``: whether tag ``column`` may follow tag ``row``."""
MAY_START: npt.NDArray[np.bool_] = np.array([tag in (O, B, S) for tag in range(len(TAGS))])
MAY_END: npt.NDArray[np.bool_] = np.array([tag in (O, E, S) for tag in range(len(TAGS))])


Transitions = tuple[tuple[float, ...], ...]
"""``[K, K]``: what a step from tag ``row`` to tag ``column`` adds to a sequence's score; 0 for one that is not allowed."""
NO_TRANSITIONS: Transitions = ((0.0,) * len(TAGS),) * len(TAGS)


def spans_to_tags(spans: Sequence[tuple[int, int]], offsets: npt.NDArray[np.int32]) -> tuple[list[int], int]:
    """Tag each token by the character spans it lies in.

    Args:
        spans: Character ``(start, end)`` of each name, not overlapping.
        offsets: ``[N, 2]`` character offsets of the tokens.

    Returns:
        The ``N`` tags, and how many spans have an edge inside a token and so could not be tagged exactly.
    """
    tags = [O] * len(offsets)
    inexact = 0
    for start, end in spans:
        inside = [i for i, (left, right) in enumerate(offsets) if left < end and right > start and right > left]
        if not inside:
            inexact += 1
            continue
        inexact += int(offsets[inside[0]][0] != start or offsets[inside[-1]][1] != end)
        if len(inside) == 1:
            tags[inside[0]] = S
            continue
        for i in inside:
            tags[i] = I
        tags[inside[0]], tags[inside[-1]] = B, E
    return tags, inexact


def tags_to_spans(tags: Sequence[int]) -> list[tuple[int, int]]:
    """Token ``(first, last + 1)`` of each name in a legal tag sequence."""
    spans = []
    first = 0
    for i, tag in enumerate(tags):
        if tag in (B, S):
            first = i
        if tag in (E, S):
            spans.append((first, i + 1))
    return spans
