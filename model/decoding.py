"""Scores → calibrated themes and department spans. Windows are merged here; no illegal span can come out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.encoding import Encoding
from model.session import FloatArray
from model.tags import ALLOWED, MAY_END, MAY_START, NO_TRANSITIONS, O, Transitions, tags_to_spans

_NEVER = np.float32(-1e9)


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
    """A department's name: code points in the paragraph, and the probability of its least sure token."""

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


def best_tags(logits: FloatArray, transitions: Transitions = NO_TRANSITIONS) -> list[int]:
    """The best legal tag sequence for ``[N, K]`` logits (Viterbi, 1967, over the scheme's legal steps)."""
    if not len(logits):
        return []
    steps = np.where(ALLOWED, np.asarray(transitions, np.float32), _NEVER)
    best = np.where(MAY_START, logits[0], _NEVER)
    back = []
    for row in logits[1:]:
        candidates = best[:, None] + steps
        back.append(candidates.argmax(axis=0))
        best = candidates.max(axis=0) + row
    tags = [int(np.where(MAY_END, best, 2 * _NEVER).argmax())]
    for pointers in reversed(back):
        tags.append(int(pointers[tags[-1]]))
    return tags[::-1]


def decode_spans(encoding: Encoding, logits: FloatArray, temperature: float = 1.0, transitions: Transitions = NO_TRANSITIONS) -> list[ScoredSpan]:
    """Department spans of a paragraph.

    Args:
        encoding: The paragraph's N tokens.
        logits: ``[N, K]``, merged.
        temperature: Divides the logits before the softmax that scores come from (Guo et al., 2017).
        transitions: What steps between tags add, against the 0 of that from outside to outside.
    """
    spans = []
    for begin, end in _stretches(logits, max(0.0, *map(max, transitions))):
        tags = best_tags(logits[begin:end], transitions)
        for first, last in tags_to_spans(tags):
            inside = logits[begin + first : begin + last].astype(np.float64) / temperature
            inside -= inside.max(axis=1, keepdims=True)
            probability = np.exp(inside) / np.exp(inside).sum(axis=1, keepdims=True)
            score = probability[np.arange(last - first), tags[first:last]].min()
            spans.append(ScoredSpan(int(encoding.offsets[begin + first][0]), int(encoding.offsets[begin + last - 1][1]), float(score)))
    return spans


def _stretches(logits: FloatArray, bonus: float) -> Iterator[tuple[int, int]]:
    """Where names can be: token ``(first, last + 1)``, with a token outside to either side where there is one.

    A name of n tokens takes n + 1 steps, each of which adds at most ``bonus``; it pays only where these and its tokens' best tags together
    score above outside. Tokens that no such run holds are outside whatever is decided elsewhere; nine in ten are, and the decoder need not
    look at them.
    """
    if not len(logits):
        return
    gain = (np.delete(logits, O, axis=1).max(axis=1) - logits[:, O] + bonus).tolist()
    if max(gain) + bonus < 0:
        return
    count = len(gain)
    ahead = [0.0] * (count + 1)  # the most that a run gains which begins right here
    for i in range(count - 1, -1, -1):
        ahead[i] = max(0.0, gain[i] + ahead[i + 1])
    before, first = 0.0, -1
    for i in range(count):
        if before + gain[i] + ahead[i + 1] + bonus >= 0:
            first = i if first < 0 else first
        elif first >= 0:
            yield max(0, first - 1), i + 1
            first = -1
        before = max(0.0, before + gain[i])
    if first >= 0:
        yield max(0, first - 1), count
