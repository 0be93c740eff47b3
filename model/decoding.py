"""Scores → calibrated themes and department spans. Windows are merged here; no illegal span can come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.encoding import Encoding
from model.session import FloatArray
from model.tags import ALLOWED, MAY_END, MAY_START, NO_TRANSITIONS, TAGS, O, Transitions, tags_to_spans

_NEVER = np.float32(-1e9)
_INSIDE = [tag for tag in range(len(TAGS)) if tag != O]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a theme's logit becomes a probability and a decision, fitted on held-out data.

    Attributes:
        slope: Platt scaling (Platt, 1999): ``score = sigmoid(slope * logit + intercept)``.
        intercept: See ``slope``.
        threshold: The score from which the theme is given.
        review: ``(low, high)`` scores between which an editor should look.
    """

    slope: float = 1.0
    intercept: float = 0.0
    threshold: float = 0.5
    review: tuple[float, float] = (0.3, 0.7)

    def score(self, logit: float) -> float:
        """Calibrated probability of the theme."""
        return float(1.0 / (1.0 + np.exp(-np.clip(self.slope * logit + self.intercept, -50.0, 50.0))))


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A department's name: code points in the paragraph, and the probability, over all legal tag sequences, of its least sure token's tag."""

    start: int
    end: int
    score: float


def merge_theme_logits(windows: Sequence[FloatArray]) -> FloatArray:
    """``[T]`` logits of a paragraph from those of its windows: what one window tells, the paragraph tells."""
    merged: FloatArray = np.max(np.stack(list(windows)), axis=0)
    return merged


def merge_tag_logits(encoding: Encoding, windows: Sequence[FloatArray]) -> FloatArray:
    """``[N, K]`` logits of a paragraph's tokens from the ``[L, K]`` of its windows (special tokens and padding included).

    Where windows overlap, each token is read from the window in which it stands farthest from an edge.
    """
    if len(windows) == 1:
        return windows[0][1 : 1 + encoding.windows[0].tokens]
    count = len(encoding.offsets)
    merged = np.zeros((count, windows[0].shape[-1]), np.float32)
    margin = np.full(count, -1)
    for window, logits in zip(encoding.windows, windows, strict=True):
        places = np.arange(window.tokens)
        own = np.minimum(places, places[::-1])
        # The paragraph's own ends are no edge: nothing was cut off there.
        if window.start == 0:
            own = places[::-1]
        if window.start + window.tokens == count:
            own = places if window.start else np.full(window.tokens, count)
        span = slice(window.start, window.start + window.tokens)
        better = own > margin[span]
        merged[span][better] = logits[1 : 1 + window.tokens][better]
        margin[span][better] = own[better]
    return merged


def decode_spans(encoding: Encoding, logits: FloatArray, temperature: float = 1.0, transitions: Transitions = NO_TRANSITIONS) -> list[ScoredSpan]:
    """Department spans of one paragraph; see :func:`decode_all`."""
    return decode_all([encoding], [logits], temperature, transitions)[0]


def decode_all(
    encodings: Sequence[Encoding], logits: Sequence[FloatArray], temperature: float = 1.0, transitions: Transitions = NO_TRANSITIONS
) -> list[list[ScoredSpan]]:
    """Department spans of paragraphs, each by ``start``.

    Args:
        encodings: Of each paragraph, its N tokens.
        logits: Of each, ``[N, K]``, merged.
        temperature: Divides logits and steps before the probabilities that scores come from (Guo et al., 2017).
        transitions: What steps between tags add, against the 0 of that from outside to outside.
    """
    steps = np.where(ALLOWED, np.asarray(transitions, np.float32), _NEVER)
    places = [(i, first, last) for i, one in enumerate(logits) for first, last in _stretches(one, steps)]
    spans: list[list[ScoredSpan]] = [[] for _ in logits]
    if not places:
        return spans
    cut, present = _padded([logits[i][first:last] for i, first, last in places])
    for row, (i, first, last) in enumerate(places):
        # Where the cut is not the paragraph's own edge, a name must not begin or end at it without its step.
        if first > 0:
            cut[row, 0, _INSIDE] = _NEVER
        if last < len(logits[i]):
            cut[row, last - first - 1, _INSIDE] = _NEVER
    scores = _marginals(cut / temperature, present, np.where(ALLOWED, steps / temperature, _NEVER))
    for (i, begin, end), tags, probability in zip(places, _viterbi(cut, present, steps), scores, strict=True):
        for first, last in tags_to_spans(tags[: end - begin]):
            score = float(probability[np.arange(first, last), tags[first:last]].min())
            offsets = encodings[i].offsets
            spans[i].append(ScoredSpan(int(offsets[begin + first][0]), int(offsets[begin + last - 1][1]), min(1.0, score)))
    return spans


def best_tags(logits: FloatArray, transitions: Transitions = NO_TRANSITIONS) -> list[int]:
    """The best legal tag sequence for ``[N, K]`` logits (Viterbi, 1967, over the scheme's legal steps)."""
    if not len(logits):
        return []
    cut, present = _padded([logits])
    return _viterbi(cut, present, np.where(ALLOWED, np.asarray(transitions, np.float32), _NEVER))[0]


def _padded(rows: Sequence[FloatArray]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """``[S, L, K]`` of S stretches, and ``[S, L]`` where they have tokens."""
    longest = max(map(len, rows))
    cut = np.zeros((len(rows), longest, len(TAGS)), np.float32)
    present = np.zeros((len(rows), longest), np.bool_)
    for i, row in enumerate(rows):
        cut[i, : len(row)], present[i, : len(row)] = row, True
    return cut, present


def _viterbi(logits: FloatArray, present: npt.NDArray[np.bool_], steps: FloatArray) -> list[list[int]]:
    best = np.where(MAY_START, logits[:, 0], _NEVER)
    back = []
    for i in range(1, logits.shape[1]):
        candidates = best[:, :, None] + steps
        here = present[:, i, None]
        back.append(np.where(here, candidates.argmax(axis=1), np.arange(len(TAGS))))
        best = np.where(here, candidates.max(axis=1) + logits[:, i], best)
    tags = np.where(MAY_END, best, 2 * _NEVER).argmax(axis=1)
    path = [tags]
    for pointers in reversed(back):
        tags = pointers[np.arange(len(tags)), tags]
        path.append(tags)
    return [sequence[: int(own.sum())] for sequence, own in zip(np.stack(path[::-1], axis=1).tolist(), present, strict=True)]


def _marginals(logits: FloatArray, present: npt.NDArray[np.bool_], steps: FloatArray) -> FloatArray:
    """``[S, L, K]`` probability of each token's tags over all legal sequences (the forward-backward algorithm)."""
    count = logits.shape[1]
    forward = np.empty(logits.shape, np.float64)
    forward[:, 0] = np.where(MAY_START, logits[:, 0], _NEVER)
    for i in range(1, count):
        forward[:, i] = np.where(present[:, i, None], _log_sum(forward[:, i - 1, :, None] + steps, 1) + logits[:, i], forward[:, i - 1])
    backward = np.empty(logits.shape, np.float64)
    backward[:, -1] = np.where(MAY_END, 0.0, _NEVER)
    for i in range(count - 2, -1, -1):
        ahead = _log_sum(steps + (logits[:, i + 1] + backward[:, i + 1])[:, None, :], 2)
        backward[:, i] = np.where(present[:, i + 1, None], ahead, backward[:, i + 1])
    both = forward + backward
    marginals: FloatArray = np.exp(both - _log_sum(both, 2)[:, :, None])
    return marginals


def _log_sum(values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    most = values.max(axis=axis, keepdims=True)
    total: npt.NDArray[np.floating] = np.log(np.exp(values - most).sum(axis=axis)) + most.squeeze(axis)
    return total


def _stretches(logits: FloatArray, steps: FloatArray) -> Iterator[tuple[int, int]]:
    """Where names can be: token ``(first, last + 1)``, with a token outside to either side where there is one.

    Tokens that are not outside stand in runs. A run of n tokens takes a step in, n - 1 steps within and a step out, each at most as good as
    the best of its kind; at the paragraph's ends there is none in or out. It pays only where these and its tokens' best tags together score
    above outside. Tokens that no such run holds are outside whatever is decided elsewhere; nine in ten are, and need no further look.
    """
    if not len(logits):
        return
    step_in, step_out, within = float(steps[O, _INSIDE].max()), float(steps[_INSIDE, O].max()), float(steps[np.ix_(_INSIDE, _INSIDE)].max())
    gain = (logits[:, _INSIDE].max(axis=1) - logits[:, O] + within).astype(np.float64)
    before, ahead = _most_gained(gain, max(0.0, -step_in)), _most_gained(gain[::-1], max(0.0, -step_out))[::-1]
    can = before[:-1] + gain + ahead[1:] + (step_in + step_out - within) >= 0
    edges = np.flatnonzero(np.diff(can, prepend=False, append=False)).tolist()
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        yield max(0, first - 1), min(len(gain), last + 1)


def _most_gained(gain: npt.NDArray[np.float64], at_edge: float) -> npt.NDArray[np.float64]:
    """``[N + 1]``: before each of N tokens and after the last, the most that a run gains which ends right there; 0 for none.

    One that begins with the paragraph gains ``at_edge`` more.
    """
    total = np.concatenate(([0.0], np.cumsum(gain)))
    least = total.copy()
    least[0] = -at_edge
    return total - np.minimum.accumulate(least)
