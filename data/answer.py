"""A labelled document as JSON: the one shape that every interface of lanmu speaks."""

from typing import Any, Literal

from data.records import LabelledDocument, LabelledParagraph, utf16_offsets

OffsetUnit = Literal["code-point", "utf-16"]


def document_to_json(labelled: LabelledDocument, scores: Literal["given", "all"] = "given", offset_unit: OffsetUnit = "code-point") -> dict[str, Any]:
    """The answer for one document.

    Args:
        labelled: The document.
        scores: "given" for the themes that reach their threshold; "all" adds the rest.
        offset_unit: What ``start`` and ``end`` count; "utf-16" is what JavaScript counts.
    """
    whole = None if labelled.document.text is None else _units(labelled.document.text, offset_unit)
    return {
        "id": labelled.document.id,
        "paragraphs": [_paragraph(one, whole or _units(one.paragraph.text, offset_unit), scores) for one in labelled.paragraphs],
        "themes": [{"id": theme.id, "label": theme.label, "paragraphs": indices} for theme, indices in labelled.themes()],
        "departments": [{"name": name, "mentions": mentions} for name, mentions in labelled.departments()],
    }


def _units(text: str, offset_unit: OffsetUnit) -> Any:
    # Most text has no character beyond the basic plane, and then both units count alike.
    if offset_unit == "code-point" or text.isascii() or max(text, default="") <= "\uffff":
        return range(len(text) + 1)
    return utf16_offsets(text)


def _paragraph(one: LabelledParagraph, units: Any, scores: str) -> dict[str, Any]:
    return {
        "index": one.paragraph.index,
        "kind": str(one.paragraph.kind),
        "start": units[one.paragraph.start],
        "end": units[one.paragraph.end],
        "text": one.paragraph.text,
        "windows": one.windows,
        "themes": [
            {"id": t.id, "label": t.label, "score": round(t.score, 4), "given": t.given, "review": t.review}
            for t in one.themes
            if t.given or scores == "all"
        ],
        "departments": [
            {"start": units[d.start], "end": units[d.end], "text": d.text, "score": round(d.score, 4), "name": d.name} for d in one.departments
        ],
    }
