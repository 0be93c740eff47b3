"""Records and predictions → measures: of the whole set, by source, by length, and on names never seen in training."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.corpus import Record
from data.themes import Theme
from model.folding import fold
from training.labelling import Prediction
from training.metrics import UNKNOWN, Bootstrap, FloatArray, IntArray, ece, ece_counts, macro, precision_recall_f1, theme_counts
from training.organ_groups import KINDS, LEVELS, NAME_LENGTH_BUCKETS, level_and_kind, name_length
from training.spans import Place, SpanMatch, match_spans

LENGTHS = (60, 120, 200)
"""Upper ends of the length buckets, in code points; a last one holds what is longer."""
LENGTH_BUCKETS = (*(f"≤{end}" for end in LENGTHS), f">{LENGTHS[-1]}")

Measures = dict[str, Any]
Transform = Callable[[FloatArray], FloatArray]


def gold_themes(records: Sequence[Record], themes: Sequence[Theme]) -> IntArray:
    """``[N, T]`` of 0, 1, or ``UNKNOWN`` where nobody looked or annotators differ."""
    gold = np.full((len(records), len(themes)), UNKNOWN, np.int64)
    for row, record in enumerate(records):
        for column, theme in enumerate(themes):
            if record.themes is not None and theme.label not in record.themes_either:
                gold[row, column] = int(theme.label in record.themes)
    return gold


def given_themes(predictions: Sequence[Prediction], themes: Sequence[Theme]) -> npt.NDArray[np.bool_]:
    """``[N, T]`` whether each theme was given."""
    return np.array([[theme.label in one.given for theme in themes] for one in predictions], np.bool_).reshape(len(predictions), len(themes))


def matched_spans(records: Sequence[Record], predictions: Sequence[Prediction]) -> list[SpanMatch | None]:
    """Each record's spans, sorted out; ``None`` where nobody looked for departments."""
    matches: list[SpanMatch | None] = []
    for record, prediction in zip(records, predictions, strict=True):
        gold = None if record.departments is None else [(span.start, span.end) for span in record.departments]
        predicted = [(span.start, span.end) for span in prediction.spans or ()]
        matches.append(None if gold is None else match_spans(gold, record.departments_either, predicted))
    return matches


def span_counts(matches: Sequence[SpanMatch | None]) -> IntArray:
    """``[N, 3]`` true positives, false positives, false negatives."""
    return np.array([(0, 0, 0) if one is None else one.counts() for one in matches], np.int64).reshape(len(matches), 3)


def macro_f1(records: Sequence[Record], predictions: Sequence[Prediction], themes: Sequence[Theme]) -> float:
    """Macro-F1 of the themes, without an interval; ``nan`` where nothing could be measured."""
    counts = theme_counts(gold_themes(records, themes), given_themes(predictions, themes)).sum(axis=0)
    return float(macro(precision_recall_f1(counts))[2])


def department_f1(records: Sequence[Record], predictions: Sequence[Prediction]) -> float:
    """Exact-span F1 of the departments, without an interval; ``nan`` where nothing could be measured."""
    return float(precision_recall_f1(span_counts(matched_spans(records, predictions)).sum(axis=0))[2])


def length_bucket(text: str) -> str:
    """The one of :data:`LENGTH_BUCKETS` that a paragraph falls into."""
    return LENGTH_BUCKETS[sum(len(text) > end for end in LENGTHS)]


@dataclass(frozen=True, slots=True)
class Scorer:
    """Measures one labeller's predictions.

    Args:
        records: The N records evaluated.
        themes: The T themes.
        bootstrap: Resamples of the N records, shared between labellers so that they are compared on the same ones.
        known_names: Folded department names of the training files, or ``None`` where no training file is known.
    """

    records: Sequence[Record]
    themes: Sequence[Theme]
    bootstrap: Bootstrap
    known_names: frozenset[str] | None = None

    def measure(self, predictions: Sequence[Prediction], calibrated: bool) -> Measures:
        """All measures, in the form of ``evaluation.json`` (see :mod:`training.evaluate`)."""
        gold = gold_themes(self.records, self.themes)
        labels_themes = all(one.scores is not None for one in predictions)
        labels_spans = all(one.spans is not None for one in predictions)
        counts = theme_counts(gold, given_themes(predictions, self.themes)) if labels_themes else None
        matches = matched_spans(self.records, predictions)
        spans = span_counts(matches) if labels_spans else None
        sources = [record.source or "-" for record in self.records]
        return {
            **(self._themes(counts, gold, predictions, calibrated) if counts is not None else {"themes": None, "macro": None, "micro": None}),
            "departments": None if spans is None else self._departments(spans, matches, predictions, calibrated),
            "by_source": self._groups(sources, [source for source, _ in Counter(sources).most_common()], counts, spans),
            "by_length": self._groups([length_bucket(record.text) for record in self.records], LENGTH_BUCKETS, counts, spans),
        }

    def _estimates(self, counts: npt.NDArray[np.generic], names: Sequence[str], transform: Transform) -> Measures:
        """``names`` → estimate, for a transform of summed counts into as many values."""
        total, resampled = self.bootstrap.sums(counts)
        values, spread = np.atleast_1d(transform(total)), transform(resampled).reshape(self.bootstrap.resamples, -1)
        return {name: self.bootstrap.estimate(float(values[i]), spread[:, i]).to_json() for i, name in enumerate(names)}

    def _prf(self, counts: npt.NDArray[np.generic]) -> Measures:
        return self._estimates(counts, ("precision", "recall", "f1"), precision_recall_f1)

    def _themes(self, counts: IntArray, gold: IntArray, predictions: Sequence[Prediction], calibrated: bool) -> Measures:
        scores = np.array([one.scores for one in predictions], np.float64)
        per_theme = {}
        for i, theme in enumerate(self.themes):
            error = None
            if calibrated:
                answers = ece_counts(scores[:, i], gold[:, i] == 1) * (gold[:, i] != UNKNOWN)[:, None, None]
                error = self._estimates(answers, ("ece",), ece)["ece"]
            scored = gold[:, i] != UNKNOWN
            numbers = {"scored": int(scored.sum()), "gold": int((gold[:, i] == 1).sum()), "given": int(counts[:, i, :2].sum())}
            per_theme[theme.id] = {**numbers, **self._prf(counts[:, i]), "ece": error}
        return {
            "themes": per_theme,
            "macro": self._estimates(counts, ("precision", "recall", "f1"), lambda sums: macro(precision_recall_f1(sums))),
            "micro": self._prf(counts.sum(axis=1)),
        }

    def _departments(self, spans: IntArray, matches: Sequence[SpanMatch | None], predictions: Sequence[Prediction], calibrated: bool) -> Measures:
        total = spans.sum(axis=0)
        kinds = {kind: sum(len(getattr(one, kind)) for one in matches if one is not None) for kind in ("missed", "spurious", "boundary")}
        answers = np.zeros((len(matches), *ece_counts(np.zeros(0), np.zeros(0, np.bool_)).shape[1:]))
        for row, (match, prediction) in enumerate(zip(matches, predictions, strict=True)):
            if match is not None:
                judged = [
                    (span.score, (span.start, span.end) in match.right)
                    for span in prediction.spans or ()
                    if (span.start, span.end) in {*match.right, *match.spurious, *match.boundary}
                ]
                answers[row] = ece_counts(np.array([s for s, _ in judged], np.float64), np.array([r for _, r in judged], np.bool_)).sum(axis=0)
        return {
            "gold": int(total[0] + total[2]),
            "predicted": int(total[0] + total[1]),
            **self._prf(spans),
            "ece": self._estimates(answers, ("ece",), ece)["ece"] if calibrated else None,
            "errors": kinds,
            **{f"{which}_names": self._names(matches, which == "seen") for which in ("unseen", "seen")},
            "by_name_length": self._name_groups(matches, name_length, NAME_LENGTH_BUCKETS),
            "by_level": self._name_groups(matches, lambda name: level_and_kind(name)[0], LEVELS),
            "by_organ_kind": self._name_groups(matches, lambda name: level_and_kind(name)[1], KINDS),
        }

    def _name_groups(self, matches: Sequence[SpanMatch | None], group_of: Callable[[str], str], order: Sequence[str]) -> Mapping[str, Measures]:
        """What became of the gold names of each group that has any: found exactly, cut at an edge, or missed; and recall."""
        counts = {group: np.zeros((len(matches), 3), np.int64) for group in order}
        fates = {group: dict.fromkeys(("right", "cut", "missed"), 0) for group in order}
        for row, (record, match) in enumerate(zip(self.records, matches, strict=True)):
            if match is None:
                continue
            text = fold(record.text)
            places: dict[str, tuple[Place, ...]] = {"right": match.right, "cut": match.cut, "missed": match.missed}
            for fate, found in places.items():
                for start, end in found:
                    group = group_of(text[start:end])
                    counts[group][row, 0 if fate == "right" else 2] += 1
                    fates[group][fate] += 1
        return {group: {"gold": int(own.sum()), **fates[group], "recall": self._prf(own)["recall"]} for group, own in counts.items() if own.any()}

    def _names(self, matches: Sequence[SpanMatch | None], seen: bool) -> Measures | None:
        """Recall on the gold names that do, or do not, stand in the training files."""
        if self.known_names is None:
            return None
        counts = np.zeros((len(matches), 3), np.int64)
        for row, (record, match) in enumerate(zip(self.records, matches, strict=True)):
            if match is not None:
                text = fold(record.text)
                for column, group in ((0, match.right), (2, match.missed + match.cut)):
                    counts[row, column] = sum((text[start:end] in self.known_names) == seen for start, end in group)
        return {"gold": int(counts.sum()), "recall": self._prf(counts)["recall"]}

    def _groups(self, keys: Sequence[str], order: Sequence[str], counts: IntArray | None, spans: IntArray | None) -> Mapping[str, Measures]:
        """Measures within each group of paragraphs that has any. A resample's share of a group varies, as it should."""
        groups = {}
        for key in order:
            inside = np.array([one == key for one in keys])
            if not inside.any():
                continue
            measures: Measures = {"paragraphs": int(inside.sum())}
            if counts is not None:
                own = counts * inside[:, None, None]
                measures["theme_gold"] = int(own[..., [0, 2]].sum())
                measures["macro_f1"] = self._estimates(own, ("f1",), lambda sums: macro(precision_recall_f1(sums))[..., 2])["f1"]
                measures["micro_f1"] = self._prf(own.sum(axis=1))["f1"]
            if spans is not None:
                own = spans * inside[:, None]
                measures["department_gold"] = int(own[:, [0, 2]].sum())
                measures["department_f1"] = self._prf(own)["f1"]
            groups[key] = measures
        return groups
