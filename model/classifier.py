"""The only path from text to labels: paragraphs → encodings → batches → session → decoding → linking.

HTTP, batch, cluster and evaluation all call it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data.records import Department, Document, LabelledDocument, LabelledParagraph, Paragraph, ThemeScore
from model.batching import Batch, batches, distinct_windows
from model.bundle import BUNDLED, SERVING, Bundle, read_bundle
from model.decoding import ScoredSpan, decode_all, merge_tag_logits, merge_theme_logits
from model.encoding import Encoder, Encoding
from model.linking import link
from model.session import Scores, Session, open_session

_CHUNK = 64
"""Paragraphs that are encoded, and later decoded, together, while the session computes others."""


class Classifier:
    """A bundle, opened for labelling. Safe to call from several threads.

    Args:
        bundle: The bundle, checked.
        session: A runtime over its serving weights.
        token_budget: Most tokens of a batch, padding included.
    """

    def __init__(self, bundle: Bundle, session: Session, token_budget: int = 512) -> None:
        self.bundle = bundle
        self.session = session
        self._token_budget = token_budget
        self._encoder = Encoder.from_folder(bundle.path, bundle.window_tokens, bundle.overlap_tokens)

    @classmethod
    def open(cls, path: Path = BUNDLED, runtime: str = "auto", threads: int = 0) -> "Classifier":
        """Open the bundle at ``path``.

        Raises:
            BundleError: If the bundle is missing, damaged or of another format.
            RuntimeUnavailableError: If no runtime, or not the one asked for, can run here.
        """
        bundle = read_bundle(path)
        return cls(bundle, open_session(bundle.path / SERVING, runtime, threads))

    def label(self, documents: Sequence[Document]) -> list[LabelledDocument]:
        """Label documents, in their order. What stands in several of them is computed once."""
        found: dict[str, tuple[Encoding, Scores, list[ScoredSpan]]] = {}
        for chunk in self._scored([paragraph.text for document in documents for paragraph in document.paragraphs]):
            spans = decode_all(chunk.encodings, [one.tag_logits for one in chunk.scores], self.bundle.tag_temperature, self.bundle.tag_transitions)
            found.update(zip(chunk.texts, zip(chunk.encodings, chunk.scores, spans, strict=True), strict=True))
        return [self._document(document, [found[paragraph.text] for paragraph in document.paragraphs]) for document in documents]

    def score(self, texts: Sequence[str]) -> tuple[list[Encoding], list[Scores]]:
        """Encode and score paragraphs: of each its encoding and, windows merged, theme logits ``[T]`` and tag logits ``[N, K]``."""
        found: dict[str, tuple[Encoding, Scores]] = {}
        for chunk in self._scored(texts):
            found.update(zip(chunk.texts, zip(chunk.encodings, chunk.scores, strict=True), strict=True))
        return [found[text][0] for text in texts], [found[text][1] for text in texts]

    def _scored(self, texts: Sequence[str]) -> Iterator["_Chunk"]:
        """The texts that differ, longest first, in chunks: while the session computes one, the next is encoded and the one before is the caller's."""
        distinct = sorted(dict.fromkeys(texts), key=len, reverse=True)
        ahead: deque[_Chunk] = deque()

        def planned() -> Iterator[Batch]:
            for at in range(0, len(distinct), _CHUNK):
                own = distinct[at : at + _CHUNK]
                ahead.append(_Chunk(own, self._encoder.encode(own)))
                yield from ahead[-1].batches(self._token_budget, self.session.length_step)

        for scores in self.session.run(planned()):
            if ahead[0].take(scores):
                yield ahead.popleft()

    def _document(self, document: Document, found: Sequence[tuple[Encoding, Scores, list[ScoredSpan]]]) -> LabelledDocument:
        names = link(document, [[(span.start, span.end) for span in spans] for _, _, spans in found])
        paragraphs = tuple(
            LabelledParagraph(
                paragraph=paragraph,
                windows=len(encoding.windows),
                themes=self._themes(scores),
                departments=tuple(_department(paragraph, span, name) for span, name in zip(spans, own_names, strict=True)),
            )
            for paragraph, (encoding, scores, spans), own_names in zip(document.paragraphs, found, names, strict=True)
        )
        return LabelledDocument(document, paragraphs)

    def _themes(self, scores: Scores) -> tuple[ThemeScore, ...]:
        given = []
        for theme, calibration, logit in zip(self.bundle.themes, self.bundle.calibrations, scores.theme_logits, strict=True):
            score = calibration.score(float(np.float64(logit)))
            low, high = calibration.review
            given.append(ThemeScore(theme.id, theme.label, score, score >= calibration.threshold, low <= score < high))
        return tuple(given)


class _Chunk:
    """Paragraphs on their way through the session.

    Attributes:
        texts: Their texts, which differ.
        encodings: Of each.
        scores: Of each, its windows merged; there when all its batches are.
    """

    def __init__(self, texts: Sequence[str], encodings: Sequence[Encoding]) -> None:
        self.texts, self.encodings = texts, encodings
        self.scores: list[Scores] = []
        self._windows, self._own = distinct_windows(encodings)
        self._rows: dict[int, Scores] = {}
        self._waiting: deque[Batch] = deque()

    def batches(self, token_budget: int, length_step: int) -> Sequence[Batch]:
        """What the session must score."""
        planned = list(batches(self._windows, token_budget, length_step))
        self._waiting.extend(planned)  # taken off one by one while the session still reads the list
        return planned

    def take(self, scores: Scores) -> bool:
        """Take what the session says of the next batch; whether it was the last."""
        for place, row in enumerate(self._waiting.popleft().rows):
            self._rows[row] = Scores(scores.theme_logits[place], scores.tag_logits[place])
        if self._waiting:
            return False
        for encoding, own in zip(self.encodings, self._own, strict=True):
            parts = [self._rows[row] for row in own]
            tags = merge_tag_logits(encoding, [part.tag_logits for part in parts])
            self.scores.append(Scores(merge_theme_logits([part.theme_logits for part in parts]), tags))
        return True


def _department(paragraph: Paragraph, span: ScoredSpan, name: str | None) -> Department:
    start, end = paragraph.source_span(span.start, span.end)
    return Department(start, end, paragraph.text[span.start : span.end], span.score, name)
