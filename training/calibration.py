"""Scores that mean what they say, and where to draw the line: fitted on held-out data, kept in the bundle."""

from collections.abc import Collection, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from model.decoding import Calibration, decode_all
from model.encoding import Encoding
from model.session import FloatArray as LogitArray
from model.tags import NO_TRANSITIONS, Transitions
from training.metrics import UNKNOWN, FloatArray, IntArray
from training.spans import Place

SURE = 0.9
"""A decision less likely right than this is for an editor to look at."""

LEAST_POSITIVES = 5
"""With fewer labels of either kind than this nothing can be fitted."""


def fit_calibrations(theme_logits: LogitArray | FloatArray, labels: IntArray) -> tuple[Calibration, ...]:
    """Fit Platt scaling, threshold and review band of each theme.

    Args:
        theme_logits: ``[N, T]`` of held-out paragraphs.
        labels: ``[N, T]`` of 0, 1 or :data:`~training.metrics.UNKNOWN`.

    Returns:
        One a theme; the neutral ``Calibration()`` where there are too few labels, or where a higher logit does not mean likelier.

    Raises:
        ValueError: If the two are not of one shape ``[N, T]``.
    """
    logits = np.asarray(theme_logits, np.float64)
    if logits.ndim != 2 or logits.shape != np.shape(labels):
        raise ValueError(f"expected logits and labels of one shape [N, T], got {logits.shape} and {np.shape(labels)}")
    return tuple(_fit(logits[:, theme], np.asarray(labels)[:, theme]) for theme in range(logits.shape[1]))


def _fit(logits: FloatArray, labels: IntArray) -> Calibration:
    logits, labels = logits[labels != UNKNOWN], labels[labels != UNKNOWN]
    positives = int((labels == 1).sum())
    if min(positives, len(labels) - positives) < LEAST_POSITIVES:
        return Calibration()
    # Regularised as weakly as keeps the slope finite when the logits part the labels without a mistake.
    platt = LogisticRegression(C=100.0).fit(logits[:, None], labels)
    slope, intercept = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    if slope <= 0:
        return Calibration()
    plain = Calibration(slope, intercept)
    scores = np.array([plain.score(float(logit)) for logit in logits])
    threshold = round(best_expected_f1(scores) / 2, 3)
    return Calibration(slope, intercept, threshold, review_band(scores, labels, threshold))


def best_expected_f1(scores: FloatArray) -> float:
    """The highest F1 to be expected of any threshold, where the scores are probabilities.

    The threshold that reaches it is half of it (Lipton, Elkan & Naryanaswamy, 2014). Read off the scores and not off the few labels,
    it hangs less on single paragraphs than the threshold that was best on them: by cross-validation on the maintainers' development set it
    gave 0.832 macro-F1 (standard deviation 0.005 over foldings), the latter 0.828 (0.009).
    """
    ordered = np.sort(scores)[::-1]
    expected = 2 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())
    return float(expected.max())


def review_band(scores: FloatArray, labels: IntArray, threshold: float, margin: float = 0.1) -> tuple[float, float]:
    """Scores ``(low, high)`` between which a decision is right less often than :data:`SURE`.

    How often a paragraph of a given score has the theme is read off the held-out data by isotonic regression, so that the
    band does not rest on Platt's curve alone: below ``low`` fewer than 1 in 10 have it, from ``high`` on 9 in 10 do. The
    band reaches at least ``margin`` to either side of the threshold, for held-out data without a mistake promise nothing.
    """
    order = np.argsort(scores, kind="stable")
    share = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(scores[order], labels[order].astype(np.float64))
    doubtful, sure = scores[order][share > 1 - SURE], scores[order][share >= SURE]
    low = min(float(doubtful[0]) if len(doubtful) else 1.0, threshold - margin)
    high = max(float(sure[0]) if len(sure) else 1.0, threshold + margin)
    return round(max(0.0, low), 4), round(min(1.0, high), 4)


def fit_tag_temperature(
    encodings: Sequence[Encoding], tag_logits: Sequence[LogitArray], gold: Sequence[Collection[Place]], transitions: Transitions = NO_TRANSITIONS
) -> float:
    """Fit the temperature (Guo et al., 2017) of the department head: the one with which the found names' scores best tell right from wrong.

    Args:
        encodings: Of each paragraph, its N tokens.
        tag_logits: Of each, ``[N, K]``.
        gold: Of each, the code points of its departments.
        transitions: What steps between tags add.

    Returns:
        The temperature, between 0.2 and 5; 1 where no name is found.

    Raises:
        ValueError: If there are not as many paragraphs of one as of the other.
    """
    places = [set(own) for own in gold]

    def loss(log_temperature: float) -> float:
        found = decode_all(encodings, tag_logits, float(np.exp(log_temperature)), transitions)
        scored = [(one.score, (one.start, one.end) in own) for spans, own in zip(found, places, strict=True) for one in spans]
        scores = np.clip([score for score, _ in scored], 1e-6, 1 - 1e-6)
        return float(-np.log(np.where([right for _, right in scored], scores, 1 - scores)).mean())

    if not any(decode_all(encodings, tag_logits, 1.0, transitions)):
        return 1.0
    fitted = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded", options={"xatol": 1e-3})
    return float(round(np.exp(fitted.x), 4))
