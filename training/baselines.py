"""What a newsroom could have without a network: the measure that a bundle must beat. Each is a ``Labeller``."""

import re
import tomllib
from collections.abc import Sequence
from importlib import resources

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from data.corpus import Record
from data.themes import Theme
from model.folding import fold
from training.labelling import FoundSpan, Prediction

KEYWORDS = "baseline_keywords.toml"


class KeywordLabeller:
    """Gives a theme when one of its patterns stands in the text, once the phrases that mislead are taken out.

    Patterns are in :data:`KEYWORDS`, the one place where words of a theme may stand; a theme without any is never given.
    """

    name = "keyword rules"
    calibrated = False

    def __init__(self, themes: Sequence[Theme]) -> None:
        tables = tomllib.loads(resources.files("training").joinpath(KEYWORDS).read_text(encoding="utf-8"))
        self._themes = themes
        self._rules = [
            (_pattern(tables.get(theme.id, {}).get("given", [])), _pattern(tables.get(theme.id, {}).get("ignored", []))) for theme in themes
        ]

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        """See :class:`~training.labelling.Labeller`; the score is the number of matches."""
        predictions = []
        for record in records:
            text = fold(record.text)
            scores = tuple(float(len(given.findall(ignored.sub("\n", text)))) for given, ignored in self._rules)
            labels = frozenset(theme.label for theme, score in zip(self._themes, scores, strict=True) if score)
            predictions.append(Prediction(scores, labels, None))
        return predictions


def _pattern(alternatives: Sequence[str]) -> re.Pattern[str]:
    # A pattern that never matches stands for none at all: an empty alternation would match everywhere.
    return re.compile("|".join(f"(?:{one})" for one in alternatives) or r"(?!)")


class TfidfLabeller:
    """TF-IDF of the 1 to 4 characters on folded text, and a linear SVM a theme.

    Args:
        records: To learn from; a theme that is unknown in a record is not learnt from it.
        themes: What to learn; one that all or none of the records have is never given.
    """

    name = "TF-IDF + SVM"
    calibrated = False

    def __init__(self, records: Sequence[Record], themes: Sequence[Theme]) -> None:
        self._themes = themes
        known = [record for record in records if record.themes is not None]
        self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True, dtype=np.float32)
        features = self._vectorizer.fit_transform([fold(record.text) for record in known])
        self._machines: list[LinearSVC | None] = []
        for theme in themes:
            rows = [i for i, record in enumerate(known) if theme.label not in record.themes_either]
            labels = [theme.label in (known[i].themes or ()) for i in rows]
            machine = LinearSVC(C=0.5, class_weight="balanced", random_state=0) if len(set(labels)) == 2 else None
            self._machines.append(machine if machine is None else machine.fit(features[rows], labels))

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        """See :class:`~training.labelling.Labeller`; the score is the margin, and from 0 up the theme is given."""
        if not records:
            return []
        features = self._vectorizer.transform([fold(record.text) for record in records])
        never = np.full(len(records), -np.inf)
        margins = np.stack([never if machine is None else machine.decision_function(features) for machine in self._machines], axis=1)
        return [
            Prediction(
                tuple(float(margin) for margin in row),
                frozenset(theme.label for theme, margin in zip(self._themes, row, strict=True) if margin >= 0),
                None,
            )
            for row in margins
        ]


class LongestMatchLabeller:
    """Finds the organ names of the training records, and only those: leftmost first, the longest that fits."""

    name = "longest match"
    calibrated = False

    def __init__(self, records: Sequence[Record]) -> None:
        self._names = department_names(records)
        self._longest = max(map(len, self._names), default=0)

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        """See :class:`~training.labelling.Labeller`."""
        return [Prediction(None, frozenset(), tuple(self._spans(fold(record.text)))) for record in records]

    def _spans(self, text: str) -> list[FoundSpan]:
        spans, at = [], 0
        while at < len(text):
            length = next((n for n in range(min(self._longest, len(text) - at), 0, -1) if text[at : at + n] in self._names), 0)
            if length:
                spans.append(FoundSpan(at, at + length))
            at += length or 1
        return spans


def department_names(records: Sequence[Record]) -> frozenset[str]:
    """Every department's name in the records, folded."""
    return frozenset(fold(span.text) for record in records for span in record.departments or ())
