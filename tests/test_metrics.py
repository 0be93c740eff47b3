"""Measures, span matching and calibration: against hand-computed values and against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from model.tags import TAGS, B, E, I, O, S
from tests.fakes import fake_encoder
from training.calibration import best_expected_f1, fit_calibrations, fit_tag_temperature, review_band
from training.metrics import (
    UNKNOWN,
    Bootstrap,
    ece,
    ece_counts,
    macro,
    precision_recall_curve,
    precision_recall_f1,
    theme_counts,
)
from training.spans import Place, match_spans


def random_themes(paragraphs: int = 300, themes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    gold = (random.random((paragraphs, themes)) < 0.3).astype(np.int64)
    given = np.where(random.random(gold.shape) < 0.2, 1 - gold, gold).astype(bool)
    return gold, given


def test_counts_by_hand_and_unknown_labels_count_as_nothing() -> None:
    gold = np.array([[1, 0], [1, 1], [0, UNKNOWN], [UNKNOWN, 1]])
    given = np.array([[True, True], [False, True], [True, True], [True, False]])
    counts = theme_counts(gold, given).sum(axis=0)
    assert counts.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert precision_recall_f1([2, 1, 0]).tolist() == pytest.approx([2 / 3, 1.0, 0.8])


def test_precision_recall_f1_agree_with_scikit_learn() -> None:
    gold, given = random_themes()
    counts = theme_counts(gold, given).sum(axis=0)
    expected = sk.precision_recall_fscore_support(gold, given, average=None)
    assert pytest.approx(np.array(expected[:3])) == precision_recall_f1(counts).T
    assert macro(precision_recall_f1(counts)) == pytest.approx(sk.precision_recall_fscore_support(gold, given, average="macro")[:3])
    assert precision_recall_f1(counts.sum(axis=0)) == pytest.approx(sk.precision_recall_fscore_support(gold, given, average="micro")[:3])


def test_nothing_to_measure_is_nan_and_takes_no_part_in_the_macro_mean() -> None:
    values = precision_recall_f1([[0, 0, 0], [0, 0, 3], [1, 0, 0]])
    assert np.isnan(values[0]).all()
    assert values[1].tolist() == [0.0, 0.0, 0.0]
    assert macro(values).tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(macro(values[:1])).all()


def test_bootstrap_weighs_paragraphs_as_drawing_them_does() -> None:
    gold, given = random_themes()
    counts = theme_counts(gold, given)
    bootstrap = Bootstrap(len(gold), resamples=50, seed=3)
    total, resampled = bootstrap.sums(counts)
    assert (total == counts.sum(axis=0)).all()
    random = np.random.default_rng(3)
    for row in range(50):
        drawn = random.integers(len(gold), size=len(gold))
        assert (resampled[row] == counts[drawn].sum(axis=0)).all()


def test_bootstrap_interval_is_the_known_one_of_a_proportion() -> None:
    # 40 of 100 right: the interval of a proportion is 0.4 ± 1.96 * sqrt(0.4 * 0.6 / 100) = [0.304, 0.496].
    right = (np.arange(100) < 40).astype(np.int64)
    bootstrap = Bootstrap(100)
    total, resampled = bootstrap.sums(right)
    estimate = bootstrap.estimate(float(total) / 100, resampled / 100)
    assert estimate.value == 0.4
    assert estimate.low == pytest.approx(0.304, abs=0.015)
    assert estimate.high == pytest.approx(0.496, abs=0.015)
    again = Bootstrap(100)
    assert again.estimate(0.4, again.sums(right)[1] / 100) == estimate


def test_estimate_of_nothing_is_null_and_numbers_are_rounded() -> None:
    bootstrap = Bootstrap(4, resamples=10)
    assert bootstrap.estimate(math.nan, np.full(10, np.nan)).to_json() is None
    assert bootstrap.estimate(1 / 3, np.full(10, 1 / 3)).to_json() == {"value": 0.3333, "low": 0.3333, "high": 0.3333}
    with pytest.raises(ValueError, match="expected counts of 4 paragraphs, got 3"):
        bootstrap.sums(np.zeros(3))


def test_ece_by_hand() -> None:
    # Bin of 0.9: two answers, one right, gap 0.4; bin of 0.1: two answers, none right, gap 0.1. Mean over four: 0.25.
    counts = ece_counts(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False]))
    assert float(ece(counts.sum(axis=0))) == pytest.approx(0.25)
    assert math.isnan(float(ece(np.zeros((15, 3)))))
    assert float(ece(ece_counts(np.array([1.0, 0.0]), np.array([True, False])).sum(axis=0))) == 0.0


def test_precision_recall_curve_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(1)
    gold = (random.random(200) < 0.3).astype(np.int64)
    scores = np.round(gold * 0.3 + random.random(200) * 0.7, 2).astype(np.float64)
    precision, recall = precision_recall_curve(scores, gold)
    expected_precision, expected_recall, _ = sk.precision_recall_curve(gold, scores)
    # scikit-learn goes the other way and ends in a point (1, 0) of its own.
    assert precision == pytest.approx(expected_precision[:-1][::-1])
    assert recall == pytest.approx(expected_recall[:-1][::-1])
    hidden = np.append(gold, UNKNOWN)
    assert precision_recall_curve(np.append(scores, 0.99), hidden)[0] == pytest.approx(precision)


def test_the_best_expected_f1_is_read_off_the_scores() -> None:
    # Giving the first two: 2 * (0.9 + 0.8) / (2 + 0.9 + 0.8 + 0.1); one or all three promise less.
    assert best_expected_f1(np.array([0.1, 0.9, 0.8])) == pytest.approx(3.4 / 3.8)
    assert best_expected_f1(np.array([1.0, 1.0, 0.0])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("gold", "either", "predicted", "right", "missed", "spurious", "boundary", "counts"),
    [
        ([(0, 4)], [], [(0, 4)], [(0, 4)], [], [], [], (1, 0, 0)),
        ([(0, 4)], [], [], [], [(0, 4)], [], [], (0, 0, 1)),
        ([], [], [(2, 5)], [], [], [(2, 5)], [], (0, 1, 0)),
        # Wrong edges are one false positive and one false negative, as in the CoNLL measure.
        ([(0, 4)], [], [(0, 3)], [], [], [], [(0, 3)], (0, 1, 1)),
        # One gold name cut in two.
        ([(0, 6)], [], [(0, 3), (3, 6)], [], [], [], [(0, 3), (3, 6)], (0, 2, 1)),
        # Neighbours that only touch do not overlap.
        ([(0, 4)], [], [(4, 6)], [], [(0, 4)], [(4, 6)], [], (0, 1, 1)),
        # Either reading is right: found or not, nothing is scored.
        ([], [(2, 5)], [(2, 5)], [], [], [], [], (0, 0, 0)),
        ([], [(2, 5)], [], [], [], [], [], (0, 0, 0)),
        # The annotators differ on the edge: gold holds one reading, either the other; both are passed over.
        ([(0, 6)], [(2, 6)], [(0, 6)], [], [], [], [], (0, 0, 0)),
        ([(0, 6)], [(2, 6)], [(2, 6)], [], [], [], [], (0, 0, 0)),
        ([(0, 6)], [(0, 6), (2, 6)], [], [], [], [], [], (0, 0, 0)),
        # A third reading is wrong all the same.
        ([(0, 6)], [(2, 6)], [(0, 3)], [], [], [], [(0, 3)], (0, 1, 0)),
    ],
)
def test_match_spans(
    gold: list[Place],
    either: list[Place],
    predicted: list[Place],
    right: list[Place],
    missed: list[Place],
    spurious: list[Place],
    boundary: list[Place],
    counts: tuple[int, int, int],
) -> None:
    match = match_spans(gold, either, predicted)
    assert (list(match.right), list(match.missed), list(match.spurious), list(match.boundary)) == (right, missed, spurious, boundary)
    assert match.counts() == counts


def test_platt_scaling_finds_the_curve_that_the_labels_were_drawn_from() -> None:
    random = np.random.default_rng(11)
    logits = random.normal(-1, 3, 4000)
    # Overconfident: the true log-odds are half of the logit, plus 0.5.
    labels = (random.random(4000) < 1 / (1 + np.exp(-(0.5 * logits + 0.5)))).astype(np.int64)
    labels[:400] = UNKNOWN
    (calibration,) = fit_calibrations(logits[:, None], labels[:, None])
    assert calibration.slope == pytest.approx(0.5, abs=0.05)
    assert calibration.intercept == pytest.approx(0.5, abs=0.12)
    scores = np.array([calibration.score(x) for x in logits[400:]])
    raw = 1 / (1 + np.exp(-logits[400:]))
    before, after = (float(ece(ece_counts(one, labels[400:] == 1).sum(axis=0))) for one in (raw, scores))
    assert after < 0.03
    assert before > 0.08
    # The F1-optimal threshold of calibrated scores is half of the best F1 (Lipton et al., 2014).
    best = max(sk.f1_score(labels[400:], scores >= t) for t in np.arange(0.05, 0.95, 0.01))
    assert calibration.threshold == pytest.approx(best / 2, abs=0.06)
    assert calibration.review[0] == pytest.approx(0.1, abs=0.06)
    assert calibration.review[1] == pytest.approx(0.9, abs=0.06)


def test_labels_parted_without_a_mistake_still_leave_something_to_review() -> None:
    logits = np.concatenate([np.linspace(-6, -3, 40), np.linspace(3, 6, 12)])
    labels = np.array([0] * 40 + [1] * 12)
    (calibration,) = fit_calibrations(logits[:, None], labels[:, None])
    assert calibration.score(-3) < 0.1
    assert calibration.score(3) > 0.9
    low, high = calibration.review
    assert low <= calibration.threshold - 0.1 + 1e-9
    assert high >= calibration.threshold + 0.1 - 1e-9


def test_too_few_labels_or_a_logit_that_misleads_give_the_neutral_calibration() -> None:
    logits = np.linspace(-3, 3, 60)
    few, wrong_way = np.zeros(60, np.int64), (logits < 0).astype(np.int64)
    few[:4] = 1
    calibrations = fit_calibrations(np.stack([logits, logits], axis=1), np.stack([few, wrong_way], axis=1))
    assert [(one.slope, one.intercept, one.threshold) for one in calibrations] == [(1.0, 0.0, 0.5)] * 2
    with pytest.raises(ValueError, match=r"one shape \[N, T\], got \(60,\) and \(60,\)"):
        fit_calibrations(logits, few)


def test_review_band_holds_the_scores_at_which_decisions_are_often_wrong() -> None:
    scores = np.repeat([0.05, 0.4, 0.6, 0.97], 20)
    share = {0.05: 0, 0.4: 8, 0.6: 12, 0.97: 20}
    labels = np.concatenate([np.arange(20) < share[value] for value in (0.05, 0.4, 0.6, 0.97)]).astype(np.int64)
    assert review_band(scores, labels, 0.5) == (0.4, 0.97)


def test_tag_temperature_undoes_the_scaling_of_the_logits() -> None:
    random = np.random.default_rng(5)
    true = random.normal(0, 1.5, 4000)
    gold = [[(0, 1)] if right else [] for right in random.random(4000) < 1 / (1 + np.exp(-true))]
    logits = np.full((4000, 1, len(TAGS)), -50.0, np.float32)
    logits[:, 0, O], logits[:, 0, S] = 0.0, 2.5 * true
    assert fit_tag_temperature(fake_encoder(32, 8).encode(["甲"] * 4000), list(logits), gold) == pytest.approx(2.5, rel=0.15)


def test_tag_temperature_needs_a_name() -> None:
    (encoding,) = fake_encoder(32, 8).encode(["甲乙丙"])
    outside = np.tile(np.array([5.0, 0, 0, 0, 0], np.float32), (3, 1))
    assert fit_tag_temperature([encoding], [outside], [[(0, 3)]]) == 1.0
    assert fit_tag_temperature([], [], []) == 1.0
    sure = np.eye(len(TAGS), dtype=np.float32)[[B, I, E]]
    assert fit_tag_temperature([encoding] * 9, [sure] * 9, [[(0, 3)]] * 9) == pytest.approx(0.2, abs=0.01)  # always right: the surest allowed
    assert fit_tag_temperature([encoding] * 9, [sure] * 9, [[(0, 2)]] * 9) == pytest.approx(5.0, abs=0.1)  # never right: the least sure
    with pytest.raises(ValueError, match="argument 2 is longer"):
        fit_tag_temperature([encoding], [sure], [[], []])
