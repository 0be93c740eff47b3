"""The only path from text to labels: paragraphs → encodings → batches → session → decoding → linking.

HTTP, batch, cluster and evaluation all call it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.records import Department, Document, LabelledDocument, LabelledParagraph, Paragraph, ThemeScore
from model.batching import batches, distinct_windows
from model.bundle import BUNDLED, SERVING, Bundle, read_bundle
from model.decoding import ScoredSpan, decode_all, merge_tag_logits, merge_theme_logits
from model.encoding import Encoder, Encoding
from model.linking import link
from model.session import Scores, Session, open_session


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
        texts = [paragraph.text for document in documents for paragraph in document.paragraphs]
        encodings, scores = self.score(texts)
        tag_logits = [one.tag_logits for one in scores]
        spans = decode_all(encodings, tag_logits, self.bundle.tag_temperature, self.bundle.tag_transitions)
        found = iter(zip(encodings, scores, spans, strict=True))
        return [self._document(document, [next(found) for _ in document.paragraphs]) for document in documents]

    def score(self, texts: Sequence[str]) -> tuple[list[Encoding], list[Scores]]:
        """Encode and score paragraphs: of each its encoding and, windows merged, theme logits ``[T]`` and tag logits ``[N, K]``."""
        encodings = self._encoder.encode(texts)
        windows, indices = distinct_windows(encodings)
        planned = list(batches(windows, self._token_budget, self.session.length_step))
        rows: list[Scores | None] = [None] * len(windows)
        for batch, scores in zip(planned, self.session.run(planned), strict=True):
            for place, row in enumerate(batch.rows):
                rows[row] = Scores(scores.theme_logits[place], scores.tag_logits[place])
        merged = []
        for encoding, own in zip(encodings, indices, strict=True):
            parts = [part for part in (rows[i] for i in own) if part is not None]
            merged.append(
                Scores(merge_theme_logits([part.theme_logits for part in parts]), merge_tag_logits(encoding, [part.tag_logits for part in parts]))
            )
        return encodings, merged

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


def _department(paragraph: Paragraph, span: ScoredSpan, name: str | None) -> Department:
    start, end = paragraph.source_span(span.start, span.end)
    return Department(start, end, paragraph.text[span.start : span.end], span.score, name)
