"""What goes in and what comes out: frozen dataclasses with code-point offsets into the text *as sent*."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a paragraph is in its article."""

    TITLE = "title"
    HEADING = "heading"
    BODY = "body"
    CAPTION = "caption"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, whole, whatever columns and pages did to it.

    Attributes:
        index: Its place in the document, from 0.
        kind: What it is.
        start: Code point in the sent text where it begins.
        end: Code point after its last.
        text: Its text, without the breaks inside.
        pieces: Where its text comes from: ``(offset in text, offset in the sent text, length)`` of each unbroken piece.
    """

    index: int
    kind: Kind
    start: int
    end: int
    text: str
    pieces: tuple[tuple[int, int, int], ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the sent text; a break inside is inside the span.

        Raises:
            ValueError: If ``[start, end)`` is empty or does not lie in the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"[{start}, {end}) does not lie in a paragraph of {len(self.text)} code points")
        return self._source(start), self._source(end - 1) + 1

    def _source(self, offset: int) -> int:
        for own, sent, length in reversed(self.pieces):
            if own <= offset:
                # A space that joined two Latin words stands for the break itself.
                return sent + min(offset - own, length)
        raise ValueError(f"no piece of the paragraph holds offset {offset}")


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be labelled.

    Attributes:
        id: The sender's own name for it.
        paragraphs: Its paragraphs, in order.
        text: The text as sent, or ``None`` where ready paragraphs were sent: then each one's offsets are its own.
        title: Its headline where that was sent apart; read for its region, not labelled.
        date: Its date where known.
        region: The region it is about, where the sender says so.
    """

    id: str
    paragraphs: tuple[Paragraph, ...]
    text: str | None = None
    title: str = ""
    date: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class ThemeScore:
    """One theme of one paragraph.

    Attributes:
        id: The theme's id.
        label: The theme's label.
        score: Calibrated probability that the paragraph has it.
        given: Whether the score reaches the theme's threshold.
        review: Whether the score is near enough to the threshold that an editor should look.
    """

    id: str
    label: str
    score: float
    given: bool
    review: bool


@dataclass(frozen=True, slots=True)
class Department:
    """One department's name in a paragraph.

    Attributes:
        start: Code point where it begins, in the sent text (or in the paragraph, where ready ones were sent).
        end: Code point after its last; a break inside the name lies between.
        text: The name as written, without the break.
        score: Probability of the span.
        name: Canonical name of the organ that it is, or ``None`` where that cannot be told.
    """

    start: int
    end: int
    text: str
    score: float
    name: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledParagraph:
    """A paragraph and what was found in it.

    Attributes:
        paragraph: The paragraph.
        windows: In how many overlapping windows it was read.
        themes: Every theme with its score, in the theme list's order.
        departments: By ``start``.
    """

    paragraph: Paragraph
    windows: int
    themes: tuple[ThemeScore, ...]
    departments: tuple[Department, ...]


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A document and what was found in it."""

    document: Document
    paragraphs: tuple[LabelledParagraph, ...]

    def themes(self) -> list[tuple[ThemeScore, list[int]]]:
        """Each theme given to some paragraph, and the indices of those paragraphs."""
        found: dict[str, tuple[ThemeScore, list[int]]] = {}
        for labelled in self.paragraphs:
            for theme in labelled.themes:
                if theme.given:
                    found.setdefault(theme.id, (theme, []))[1].append(labelled.paragraph.index)
        return list(found.values())

    def departments(self) -> list[tuple[str, int]]:
        """Each organ named and how often, most often first; spans that no organ could be told for are left out."""
        counts: dict[str, int] = {}
        for labelled in self.paragraphs:
            for department in labelled.departments:
                if department.name is not None:
                    counts[department.name] = counts.get(department.name, 0) + 1
        return sorted(counts.items(), key=lambda one: -one[1])


def utf16_offsets(text: str) -> Sequence[int]:
    """UTF-16 code units before each code point of ``text``, and after the last: ``len(text) + 1`` numbers."""
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + (2 if character > "\uffff" else 1))
    return offsets
