"""Measures of a labeller, each with a bootstrap confidence interval. Pure numpy: arrays in, numbers out.

Everything measured is a sum over paragraphs, so a resample of the paragraphs is a weighting of per-paragraph counts,
and a thousand resamples are one matrix product (Efron & Tibshirani, 1993, percentile interval).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

UNKNOWN = -100
"""Label that nobody gave or on which annotators differ: not scored. The same number that the training loss skips."""

ECE_BINS = 15
"""Equal-width bins over [0, 1]; equal-mass ones would all but one lie near 0, as no theme is common."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and its confidence interval; ``nan`` where nothing could be measured."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float] | None:
        """Rounded to 4 decimals; ``None`` where nothing could be measured."""
        if math.isnan(self.value):
            return None
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


class Bootstrap:
    """Resamples of a set of paragraphs, drawn once and used for every measure on it.

    Args:
        paragraphs: N, how many there are.
        resamples: R, how many times to draw N of them with replacement.
        seed: Seeds the draws.
        level: Share of the resampled values that the interval holds.
    """

    def __init__(self, paragraphs: int, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> None:
        self.paragraphs, self.resamples, self.seed, self.level = paragraphs, resamples, seed, level
        random = np.random.default_rng(seed)
        # How often each paragraph was drawn, [R, N]; no paragraph is drawn 65,536 times.
        self._weights = np.stack(
            [np.bincount(random.integers(paragraphs, size=paragraphs), minlength=paragraphs).astype(np.uint16) for _ in range(resamples)]
        )

    def sums(self, counts: npt.NDArray[np.generic]) -> tuple[FloatArray, FloatArray]:
        """Sum per-paragraph counts ``[N, …]`` over the set ``[…]`` and over each resample ``[R, …]``.

        Raises:
            ValueError: If ``counts`` is not of N paragraphs.
        """
        if len(counts) != self.paragraphs:
            raise ValueError(f"expected counts of {self.paragraphs} paragraphs, got {len(counts)}")
        flat = counts.reshape(len(counts), -1).astype(np.float64)
        # In slices, so that the weights of a large set are never all in memory as floats.
        resampled = np.concatenate([self._weights[at : at + 100].astype(np.float64) @ flat for at in range(0, self.resamples, 100)])
        return flat.sum(axis=0).reshape(counts.shape[1:]), resampled.reshape(self.resamples, *counts.shape[1:])

    def estimate(self, value: float, resampled: FloatArray) -> Estimate:
        """The value on the set, with the percentile interval of the R values on the resamples."""
        known = resampled[~np.isnan(resampled)]
        if math.isnan(value) or not len(known):
            return Estimate(math.nan, math.nan, math.nan)
        low, high = np.quantile(known, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Estimate(float(value), float(low), float(high))


def theme_counts(gold: IntArray, given: npt.NDArray[np.bool_]) -> IntArray:
    """True positives, false positives and false negatives of each paragraph and theme.

    Args:
        gold: ``[N, T]`` of 0, 1 or :data:`UNKNOWN`; the unknown count as nothing.
        given: ``[N, T]``.

    Returns:
        ``[N, T, 3]``.
    """
    return np.stack([(gold == 1) & given, (gold == 0) & given, (gold == 1) & ~given], axis=-1).astype(np.int64)


def precision_recall_f1(counts: npt.ArrayLike) -> FloatArray:
    """``[…, 3]`` true positives, false positives, false negatives → ``[…, 3]`` precision, recall, F1.

    Where one of them has nothing to divide by it is 0, as is usual; where there is neither gold nor anything given, all are ``nan``.
    """
    tp, fp, fn = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    something = tp + fp + fn > 0
    result = np.full((*tp.shape, 3), np.nan)
    for place, (share, whole) in enumerate([(tp, tp + fp), (tp, tp + fn), (2 * tp, 2 * tp + fp + fn)]):
        result[..., place] = np.where(something, share / np.maximum(whole, 1), np.nan)
    return result


def macro(values: FloatArray) -> FloatArray:
    """Mean of ``[…, T, M]`` over the T themes that could be measured; ``nan`` where none could."""
    known = ~np.isnan(values)
    count = known.sum(axis=-2)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=-2) / np.maximum(count, 1), np.nan)


def ece_counts(scores: FloatArray, right: npt.NDArray[np.bool_], bins: int = ECE_BINS) -> FloatArray:
    """Per answer and bin of score: how many, sum of scores, how many right.

    Args:
        scores: ``[M]`` probabilities.
        right: ``[M]`` whether what the score is a probability of was so.

    Returns:
        ``[M, bins, 3]``, for :func:`ece` to sum.
    """
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    counts = np.zeros((len(scores), bins, 3))
    counts[np.arange(len(scores)), place] = np.stack([np.ones(len(scores)), scores, right.astype(np.float64)], axis=-1)
    return counts


def ece(sums: FloatArray) -> FloatArray:
    """Expected calibration error (Guo et al., 2017) from summed ``[…, bins, 3]``; ``nan`` where there is no answer."""
    total = sums[..., 0].sum(axis=-1)
    gap = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1)
    return np.where(total > 0, gap / np.maximum(total, 1), np.nan)


def precision_recall_curve(scores: FloatArray, gold: IntArray) -> tuple[FloatArray, FloatArray]:
    """Precision and recall at each distinct score as threshold, from the highest down; the unknown left out."""
    scores, gold = scores[gold != UNKNOWN], gold[gold != UNKNOWN]
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1) if len(order) else np.array([], np.int64)
    tp = np.cumsum(gold[order] == 1)[ends]
    return tp / (ends + 1), tp / max(1, int((gold == 1).sum()))
