"""What is evaluated: anything that labels records. The bundle does it through the classifier, as serving does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tqdm import tqdm

from data.corpus import Record
from data.paragraphs import ready_paragraphs
from data.records import Document
from model.classifier import Classifier


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """A department's name that a labeller found: code points, end exclusive, and how sure it is."""

    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a labeller says of one record.

    Attributes:
        scores: ``[T]``, a score a theme, higher for likelier; ``None`` where it labels no themes.
        given: Labels of the themes given.
        spans: Departments, by ``start``, not overlapping; ``None`` where it labels no departments.
    """

    scores: tuple[float, ...] | None
    given: frozenset[str]
    spans: tuple[FoundSpan, ...] | None


class Labeller(Protocol):
    """Something that labels records."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def calibrated(self) -> bool:
        """Whether its scores are probabilities, so that their calibration can be measured."""

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        """Label each record from its text alone, in order."""


class BundleLabeller:
    """The bundle, through the one path from text to labels.

    Args:
        classifier: The bundle, opened.
        batch: Paragraphs a call.
    """

    calibrated = True

    def __init__(self, classifier: Classifier, batch: int = 64) -> None:
        self._classifier, self._batch = classifier, batch
        self.name = classifier.bundle.label

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        """Label each record as a ready paragraph; see :class:`Labeller`."""
        predictions = []
        with tqdm(total=len(records), unit=" paragraphs", desc=self.name, disable=None) as progress:
            for at in range(0, len(records), self._batch):
                part = records[at : at + self._batch]
                documents = [Document(record.id, tuple(ready_paragraphs([record.text]))) for record in part]
                for labelled in self._classifier.label(documents):
                    (paragraph,) = labelled.paragraphs
                    predictions.append(
                        Prediction(
                            scores=tuple(theme.score for theme in paragraph.themes),
                            given=frozenset(theme.label for theme in paragraph.themes if theme.given),
                            spans=tuple(FoundSpan(one.start, one.end, one.score) for one in paragraph.departments),
                        )
                    )
                progress.update(len(part))
        return predictions
