"""The worst mistakes of a labeller, for a person to read. They quote the evaluated text: for the local report only."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.corpus import Record
from data.themes import Theme
from training.labelling import Prediction
from training.metrics import UNKNOWN
from training.scoring import gold_themes, matched_spans
from training.spans import Place, overlap

CONTEXT = 24
"""Code points quoted to either side of a wrong span."""


@dataclass(frozen=True, slots=True)
class ThemeMistakes:
    """A theme's mistakes, the surest first: given though not meant, and meant though not given; each with its score."""

    theme: Theme
    false_positives: tuple[tuple[Record, float], ...]
    false_negatives: tuple[tuple[Record, float], ...]


@dataclass(frozen=True, slots=True)
class SpanMistake:
    """A wrong or missing span in its context.

    Attributes:
        kind: "boundary", "spurious" or "missed".
        record: Where it is.
        before: Up to :data:`CONTEXT` code points before it.
        text: The span as predicted, or as it should have been found.
        after: Up to :data:`CONTEXT` code points after it.
        score: The prediction's; ``None`` for what was missed.
        gold: For a boundary mistake, what should have been found there.
    """

    kind: str
    record: Record
    before: str
    text: str
    after: str
    score: float | None
    gold: tuple[str, ...] = ()


def worst_themes(records: Sequence[Record], predictions: Sequence[Prediction], themes: Sequence[Theme], limit: int = 10) -> list[ThemeMistakes]:
    """Per theme, at most ``limit`` false positives by falling and false negatives by rising score."""
    gold = gold_themes(records, themes)
    mistakes = []
    for column, theme in enumerate(themes):
        wrong = [
            (record, prediction.scores[column], theme.label in prediction.given)
            for record, prediction, label in zip(records, predictions, gold[:, column], strict=True)
            if label != UNKNOWN and prediction.scores is not None and (theme.label in prediction.given) != (label == 1)
        ]
        positives = sorted(((record, score) for record, score, given in wrong if given), key=lambda one: -one[1])
        negatives = sorted(((record, score) for record, score, given in wrong if not given), key=lambda one: one[1])
        mistakes.append(ThemeMistakes(theme, tuple(positives[:limit]), tuple(negatives[:limit])))
    return mistakes


def worst_spans(records: Sequence[Record], predictions: Sequence[Prediction], limit: int = 25) -> dict[str, list[SpanMistake]]:
    """Per kind of mistake, at most ``limit``: the surest first, what was missed in the records' order."""
    found: dict[str, list[SpanMistake]] = {"boundary": [], "spurious": [], "missed": []}
    for record, prediction, match in zip(records, predictions, matched_spans(records, predictions), strict=True):
        if match is not None:
            scores = {(span.start, span.end): span.score for span in prediction.spans or ()}
            for kind, mistakes in found.items():
                mistakes += [_mistake(kind, record, place, scores.get(place)) for place in getattr(match, kind)]
    return {kind: sorted(mistakes, key=lambda one: -(one.score or 0.0))[:limit] for kind, mistakes in found.items()}


def _mistake(kind: str, record: Record, place: Place, score: float | None) -> SpanMistake:
    start, end = place
    gold = [(span.start, span.end) for span in record.departments or ()]
    return SpanMistake(
        kind=kind,
        record=record,
        before=record.text[max(0, start - CONTEXT) : start],
        text=record.text[start:end],
        after=record.text[end : end + CONTEXT],
        score=score,
        gold=tuple(record.text[left:right] for left, right in gold if overlap((left, right), place)) if kind == "boundary" else (),
    )
