"""Predicted department spans against gold ones: exact matches, and what kind of mistake the rest is."""

from collections.abc import Collection
from dataclasses import dataclass

Place = tuple[int, int]
"""Code points ``(start, end)``, end exclusive."""


@dataclass(frozen=True, slots=True)
class SpanMatch:
    """One paragraph's spans, sorted out. Each list is in reading order.

    Attributes:
        right: Predicted and gold alike.
        missed: Gold, and no wrong prediction touches it.
        spurious: Predicted, and it touches no gold span that was not found.
        boundary: Predicted with wrong edges: overlaps gold that was not found, or a span either reading of which is right.
        cut: Gold that such a prediction overlaps; it was not found exactly and counts as a false negative.
    """

    right: tuple[Place, ...]
    missed: tuple[Place, ...]
    spurious: tuple[Place, ...]
    boundary: tuple[Place, ...]
    cut: tuple[Place, ...]

    def counts(self) -> tuple[int, int, int]:
        """True positives, false positives, false negatives of the exact-span measure."""
        return len(self.right), len(self.spurious) + len(self.boundary), len(self.missed) + len(self.cut)


def match_spans(gold: Collection[Place], either: Collection[Place], predicted: Collection[Place]) -> SpanMatch:
    """Hold predicted spans against gold ones.

    Args:
        gold: What the annotators agree on, and one annotator's reading where they do not.
        either: Spans on which they differ. Gold that overlaps one is not scored; a prediction equal to one, or to gold that is
            not scored, is neither right nor wrong.
        predicted: What the labeller says.
    """
    disputed = set(either)
    scored = {span for span in gold if not any(overlap(span, other) for other in disputed)}
    neutral = disputed | (set(gold) - scored)
    answers = set(predicted) - neutral
    right, wrong, unfound = answers & scored, answers - scored, scored - answers
    boundary = {span for span in wrong if any(overlap(span, other) for other in unfound | neutral)}
    cut = {span for span in unfound if any(overlap(span, other) for other in wrong)}
    return SpanMatch(
        right=tuple(sorted(right)),
        missed=tuple(sorted(unfound - cut)),
        spurious=tuple(sorted(wrong - boundary)),
        boundary=tuple(sorted(boundary)),
        cut=tuple(sorted(cut)),
    )


def overlap(left: Place, right: Place) -> bool:
    """Whether two spans share a character."""
    return left[0] < right[1] and right[0] < left[1]
