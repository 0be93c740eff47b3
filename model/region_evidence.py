"""Which region a document is about, as far as its words tell: what 市政府 and a bare 人社厅 lean on."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import cache, cached_property

from data.departments.regions import Candidates, Region, regions
from data.departments.tables import rows
from data.records import Document, Kind

Fits = Callable[[Region], bool]

BODY, TITLE, OUTLET, DATELINE = 1, 3, 3, 3
"""How much a region's mention weighs by where it stands."""
SAME_PARAGRAPH = 2
"""What a mention weighs more for a name in its own paragraph."""
MARGIN = 2
"""How many times the weight of the next the first must have to be taken."""

_DATELINE = re.compile(r"[（(【]?(?:本报|本网|新华社|新华网|人民网|中新社|中新网|记者)?([^，。；！？\s]{2,16}?)\d{1,2}月\d{1,2}日(?:电|讯|消息)")
_OUTLET = re.compile(r"《([^《》]{2,12}(?:报|网|周刊))》|(?:来源|转自|据)[:：]?([^，。；（）()《》\s]{2,12}(?:报|网))")
# 北京 before 电 is where the agencies and every paper's bureau write from; it tells nothing.
_PRESS_SEAT = "11"
_PROVINCIAL = "pasx"
ELSEWHERE = -1


@dataclass(frozen=True, slots=True)
class Mention:
    """A region named in the document.

    Attributes:
        paragraph: Index of the paragraph; ``ELSEWHERE`` for what speaks for no paragraph above the others.
        regions: What the name may mean.
        weight: For regions directly under the centre.
        local_weight: For those below.
    """

    paragraph: int
    regions: Candidates
    weight: int
    local_weight: int


class RegionEvidence:
    """The regions that a document names, read only when first asked for.

    Args:
        document: The document.
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def stated(self) -> Region | None:
        """The region that the sender says the document is about, or ``None``."""
        text = self._document.region.strip()
        end, found = next(regions().heads(text), (0, ()))
        return found[0] if end == len(text) and (len(found) == 1 or (found and found[0].level in "pam")) else None

    @cached_property
    def _mentions(self) -> list[Mention]:
        found = list(self._read(ELSEWHERE, self._document.title, TITLE, TITLE)) if self._document.title else []
        for place, paragraph in enumerate(self._document.paragraphs):
            weight = TITLE if paragraph.kind is Kind.TITLE else BODY
            found += self._read(place, paragraph.text, weight, weight)
        # 鼓楼区 is that of the city that the document names elsewhere; where it names none or two, it tells nothing.
        sure = {region for mention in found if len(mention.regions) == 1 for region in mention.regions[0].lineage()}
        certain = (replace(mention, regions=_meant(mention.regions, sure)) for mention in found)
        return [mention for mention in certain if mention.regions]

    def _read(self, place: int, text: str, weight: int, local_weight: int) -> list[Mention]:
        found = []
        dateline = _DATELINE.match(text)
        outlets = [match.span(match.lastindex or 0) for match in _OUTLET.finditer(text)]
        for start, end in outlets:
            if code := _outlets().get(text[start:end]):
                found.append(Mention(ELSEWHERE, (regions()[code],), OUTLET, OUTLET))
        for start, end, named in regions().mentions(text):
            if dateline and end <= dateline.end(1):
                if named[0].code != _PRESS_SEAT:
                    # A provincial paper's seat says much of the province and little of which city is meant.
                    found.append(Mention(ELSEWHERE, named, DATELINE, BODY))
            elif any(left <= start < right for left, right in outlets):
                found.append(Mention(ELSEWHERE, named, OUTLET, OUTLET))
            else:
                found.append(Mention(place, named, weight, local_weight))
        return found

    def weigh(self, place: int, fits: Fits) -> dict[Region, int]:
        """How much speaks for each region that ``fits`` a name in the paragraph with index ``place``.

        A mention speaks for the nearest region that fits, of the one named and those it lies in.
        """
        weights: dict[Region, int] = {}
        for mention in self._mentions:
            region = next((one for one in mention.regions[0].lineage() if fits(one)), None)
            if region is not None:
                weight = mention.weight if region.parent is None else mention.local_weight
                weights[region] = weights.get(region, 0) + weight + (SAME_PARAGRAPH if mention.paragraph == place != ELSEWHERE else 0)
        return weights

    def choose(self, place: int, fits: Fits) -> Region | None:
        """The region that fits and is meant in the paragraph, or ``None`` where nothing or not enough speaks for one."""
        stated = self.stated
        if stated is not None:
            own = next((one for one in stated.lineage() if fits(one)), None)
            if own is not None:
                return own
        # Below the centre the region lies where the rest of the document does: a city named in passing from elsewhere is not 市.
        around = stated or self._top
        weights = {
            region: weight
            for region, weight in self.weigh(place, fits).items()
            if around is None or region.level in _PROVINCIAL or region.within(around)
        }
        if stated is not None and any(region.within(stated) for region in weights):
            weights = {region: weight for region, weight in weights.items() if region.within(stated)}
        return _clear_first(weights)

    @cached_property
    def _top(self) -> Region | None:
        return _clear_first(self.weigh(ELSEWHERE, lambda region: region.parent is None))

    def choose_among(self, place: int, candidates: Candidates) -> Region | None:
        """Which of the regions of one name is meant: what lies in, or holds, the regions that the document names."""
        stated = self.stated
        if stated is not None:
            inside = tuple(one for one in candidates if one.within(stated) or stated.within(one))
            if len(inside) == 1:
                return inside[0]
        weights: dict[Region, int] = {}
        for mention in self._mentions:
            for one in candidates:
                if one.within(mention.regions[0]) or mention.regions[0].within(one):
                    bonus = SAME_PARAGRAPH if mention.paragraph == place else 0
                    weights[one] = weights.get(one, 0) + mention.weight + bonus
        return _clear_first(weights)

    @property
    def names_a_region(self) -> bool:
        """Whether the document names any region, or its sender did."""
        return self.stated is not None or bool(self._mentions)


def _meant(found: Candidates, sure: Set[Region]) -> Candidates:
    """The one region that is meant by a name, or none."""
    if len(found) == 1:
        return found
    known = [one for one in found if one in sure or one.parent in sure]
    # 吉林 in running text is the province, 南昌 the city and not the county in it.
    if found[0].level in "pam" or all(one.within(found[0]) for one in found):
        return found[:1]
    return tuple(known) if len(known) == 1 else ()


def _clear_first(weights: dict[Region, int]) -> Region | None:
    ranked = sorted(weights.items(), key=lambda one: -one[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] < MARGIN * ranked[1][1]):
        return None
    return ranked[0][0]


@cache
def _outlets() -> dict[str, str]:
    return dict(rows("outlets.tsv", 2))
