"""Span + its document → the organ's official name, or ``None`` where that cannot be told. Rules over ``data/departments``, nothing learned.

A name that tells its region is read by itself. One that does not takes, in this order, the region of the organ that it is
joined to (``省人社厅、财政厅``), the one that the sender stated, that of the organ last named in full in its paragraph, and
what the document's words as a whole speak for; without a clear answer there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from data.departments.names import Reading, read_name
from data.departments.regions import Region
from data.records import Document
from model.region_evidence import RegionEvidence

_JOINTS = frozenset(("", "、", "和", "与", "及", "以及", "暨", "会同", "联合", "，", ","))


@dataclass(frozen=True, slots=True)
class _Linked:
    """A span that has been looked at: where it ends, and the region of its organ where that is known."""

    end: int
    reading: Reading
    region: Region | None
    name: str | None


def link(document: Document, spans: Sequence[Sequence[tuple[int, int]]]) -> list[list[str | None]]:
    """Tell which organ each span names.

    Args:
        document: The document.
        spans: For each of its paragraphs the ``(start, end)`` code points of the spans in that paragraph's text, by start.

    Returns:
        For each paragraph the official name of each span's organ, ``None`` where it cannot be told.

    Raises:
        ValueError: If there are not as many lists of spans as paragraphs.
    """
    if len(spans) != len(document.paragraphs):
        raise ValueError(f"spans: expected a list for each of {len(document.paragraphs)} paragraphs, got {len(spans)}")
    evidence = RegionEvidence(document)
    return [
        _link_paragraph(paragraph.text, place, own, evidence) for place, (paragraph, own) in enumerate(zip(document.paragraphs, spans, strict=True))
    ]


def _link_paragraph(text: str, place: int, spans: Sequence[tuple[int, int]], evidence: RegionEvidence) -> list[str | None]:
    linked: list[_Linked] = []
    for start, end in spans:
        reading = read_name("".join(text[start:end].split()))
        joined = linked[-1] if linked and text[linked[-1].end : start].strip() in _JOINTS else None
        region = _region(reading, joined, linked, place, evidence)
        name = reading.name
        if name is None and region is not None:
            name = reading.named(region)
        elif name is None and reading.otherwise is not None and _is_central(joined, linked, evidence):
            name = reading.otherwise
        linked.append(_Linked(end, reading, region, name))
    return [one.name for one in linked]


def _region(reading: Reading, joined: _Linked | None, linked: Sequence[_Linked], place: int, evidence: RegionEvidence) -> Region | None:
    if reading.name is not None or not reading.forms:
        return None
    if len(reading.regions) == 1:
        return reading.regions[0]
    if reading.regions:
        return evidence.choose_among(place, reading.regions)
    if joined is not None:
        if joined.region is not None and reading.fits(joined.region):
            return joined.region
        if reading.bare and joined.region is None:
            # What it is joined to is the centre's, or of no region that is known; so is this.
            return None
    if reading.otherwise is not None and evidence.stated is None:
        # 国资委 beside a province's organs may still be the centre's.
        return None
    if evidence.stated is None or not any(reading.fits(one) for one in evidence.stated.lineage()):
        near = _near(reading, linked)
        if near is not None:
            return near
    return evidence.choose(place, reading.fits)


def _near(reading: Reading, linked: Sequence[_Linked]) -> Region | None:
    """The fitting region of the organs named in full before, where there is just one."""
    found = {region for one in linked if one.reading.regions and one.region for region in one.region.lineage() if reading.fits(region)}
    return found.pop() if len(found) == 1 else None


def _is_central(joined: _Linked | None, linked: Sequence[_Linked], evidence: RegionEvidence) -> bool:
    """Whether a short form like 发展改革委 is the centre's: it is joined to central organs, or nothing speaks for a region."""
    if joined is not None and joined.region is None:
        return joined.name is not None
    return not evidence.names_a_region and not any(one.region for one in linked)
