"""What the written name of an organ says by itself: which region it names, and what organ it would be there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from data.departments.organs import Form, Organs, organs
from data.departments.regions import Candidates, Region, regions

DEICTICS = {
    "特别行政区": ("s", ""),
    "自治区": ("a", ""),
    "自治州": ("c", "自治州"),
    "自治县": ("d", "自治县"),
    "自治旗": ("d", "自治旗"),
    "特区": ("s", ""),
    "地区": ("c", "地区"),
    "省": ("p", ""),
    "市": ("mcd", "市"),
    "州": ("c", "州"),
    "盟": ("c", "盟"),
    "地": ("c", "地区"),
    "县": ("d", "县"),
    "旗": ("d", "旗"),
    "区": ("ad", "区"),
}
"""What is written for a region already named → the levels it may be of, and how its full name ends."""

# 市场…, 省际… and the like do not speak of a region.
_NO_DEICTIC = re.compile(r"市(?:场|容|民|域|值|区|郊|政)|[区县]域|省[级际]|州际|地(?:方|质|震|铁|下)|区[块间]")
_SESSION = re.compile(r"第?[一二三四五六七八九十百]+届")
_ANONYMOUS = re.compile(r"某.{0,8}$")
_GROUP_ARMY = re.compile(r"(?:中国人民解放军)?(?:陆军)?第?([0-9]{1,2}|[一二三四五六七八九十]{1,3})集团军")
_EMBASSY = re.compile(r"(?:中华人民共和国|中国|我)驻(.{2,12}(?:大使馆|总领事馆|领事馆))")
_TOWN = re.compile(r"(.{1,8}?(?:镇|乡|街道))(.{1,8})")
_INNER = re.compile(r"(?!党组).{0,16}[局署处科室办组队所站部]|.{1,14}(?:中心|委员会|法院|检察院|办事处|党校)|.{2,8}(?:司|厅|庭)")
_OFFICIAL = re.compile(r".{1,20}(?:厅|局|署|委员会|办公室|办公厅|中心|总队|支队|大队|派出所|研究室|指挥部|领导小组|法院|检察院|办事处)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a written name says by itself.

    Attributes:
        name: The official name, where no region is needed to tell it.
        regions: The regions that the name itself may mean; none where it names none.
        deictic: A key of :data:`DEICTICS`, or "" where there is none.
        forms: What the organ is called at each level; none where the type of organ is not known.
        town: The town or street, where one is named.
        rest: The inner office written behind the organ.
        otherwise: Name of the central organ that is meant where nothing points to a region.
    """

    name: str | None = None
    regions: Candidates = ()
    deictic: str = ""
    forms: tuple[Form, ...] = ()
    town: str = ""
    rest: str = ""
    otherwise: str | None = None

    @property
    def bare(self) -> bool:
        """Whether it names a type of organ and nothing of where."""
        return bool(self.forms) and not self.regions and not self.deictic

    def fits(self, region: Region) -> bool:
        """Whether the organ would be one of ``region``."""
        level = "t" if self.town else region.level
        if not any(level in form.levels for form in self.forms):
            return False
        if not self.deictic:
            return True
        levels, ending = DEICTICS[self.deictic]
        if self.deictic == "区" and region.level == "a":
            # 区党委 and 区人社厅 are an autonomous region's; 区委 and 区政府 a district's.
            return not any("d" in form.levels for form in self.forms)
        return region.level in levels and region.name.endswith(ending)

    def named(self, region: Region) -> str | None:
        """The official name of the organ as ``region``'s, or ``None`` where there is none at its level."""
        level = "t" if self.town else region.level
        form = next((form for form in self.forms if level in form.levels), None)
        return form.name(region, self.town) + self.rest if form else None


UNKNOWN = Reading()


@lru_cache(maxsize=8192)
def read_name(text: str) -> Reading:
    """Read the written name of an organ. Pure: the text around it plays no part."""
    tables = organs()
    name = tables.central.get(_SESSION.sub("", text) if "届" in text else text)
    if name is not None:
        return Reading(name=name)
    if match := _EMBASSY.fullmatch(text):
        return Reading(name=f"中华人民共和国驻{match[1]}")
    whole = next(_whole(text, tables), None)
    if text in tables.unsure:
        return Reading(forms=whole.forms if whole else (), otherwise=tables.unsure[text])
    if whole:
        return whole
    if match := _ANONYMOUS.search(text):
        # A unit that is not named is taken for the one that it belongs to.
        return read_name(text[: match.start()]) if match.start() else UNKNOWN
    if match := _GROUP_ARMY.match(text):
        inner = text[match.end() :]
        return Reading(name=f"中国人民解放军陆军第{_numeral(match[1])}集团军{inner}") if not inner or _INNER.fullmatch(inner) else UNKNOWN
    return next(_with_inner_office(text, tables), None) or _with_central_head(text, tables) or _as_written(text, tables)


def _splits(text: str, tables: Organs) -> Iterator[tuple[str, Candidates, str, str]]:
    """The ways to part a name into ``(what stands before the region, regions, deictic, what stands behind)``, the likeliest first."""
    for prefix in tables.prefixes:
        if not text.startswith(prefix):
            continue
        for end, found in regions().heads(text, len(prefix)):
            behind = _SESSION.sub("", text[end:], count=1)
            yield prefix, found, "", behind
            # 长沙市市委 names its level twice.
            if behind[:1] in DEICTICS and all(one.name.endswith(behind[:1]) for one in found):
                yield prefix, found, "", behind[1:]
        for deictic in DEICTICS:
            if text.startswith(deictic, len(prefix)):
                yield prefix, (), deictic, _SESSION.sub("", text[len(prefix) + len(deictic) :], count=1)
        yield prefix, (), "", text[len(prefix) :]


def _whole(text: str, tables: Organs) -> Iterator[Reading]:
    for prefix, found, deictic, behind in _splits(text, tables):
        forms = tables.types.get(f"{prefix}{{}}{behind}")
        if forms:
            own = "自治区" if deictic == "区" and behind.startswith("党委") else deictic
            if reading := _narrowed(Reading(regions=found, deictic=own, forms=forms)):
                yield reading
        elif found and not prefix and (match := _TOWN.fullmatch(behind)):
            forms = tuple(form for form in tables.types.get("{}" + match[2], ()) if "t" in form.levels)
            if forms:
                yield Reading(regions=found, forms=forms, town=match[1])


def _narrowed(reading: Reading) -> Reading | None:
    """The reading with only those of its regions that have such an organ; ``None`` where it names regions and none has."""
    if not reading.regions:
        return reading
    fitting = tuple(region for region in reading.regions if reading.fits(region))
    if len(fitting) > 1:
        # 南昌 is the prefecture, of which 南昌县 is a part.
        fitting = tuple(one for one in fitting if not any(one is not other and one.within(other) for other in fitting))
    if not fitting:
        return None
    return Reading(regions=fitting, forms=reading.forms, rest=reading.rest)


def _with_inner_office(text: str, tables: Organs) -> Iterator[Reading]:
    for prefix, found, deictic, behind in _splits(text, tables):
        for cut in range(len(behind) - 1, 0, -1):
            forms = tables.types.get(f"{prefix}{{}}{behind[:cut]}")
            if forms and _INNER.fullmatch(behind, cut):
                if reading := _narrowed(Reading(regions=found, deictic=deictic, forms=forms, rest=behind[cut:])):
                    yield reading
                break


def _with_central_head(text: str, tables: Organs) -> Reading | None:
    for cut in range(len(text) - 1, 1, -1):
        name = tables.central.get(text[:cut])
        if name is not None:
            # What the State Council sets up bears its name without the state's.
            head = name.removeprefix("中华人民共和国") if name.endswith("国务院") else name
            return Reading(name=head + text[cut:]) if _INNER.fullmatch(text, cut) else None
    return None


def _as_written(text: str, tables: Organs) -> Reading:
    """A name whose type is not in the table, taken as it stands where it has the look of a full official name."""
    for end, found in regions().heads(text):
        behind = text[end:]
        full = all(text.endswith(one.name, 0, end) or one.level == "s" for one in found)
        # A type that is listed, and not for this level, is no organ: a city has no 厅.
        if full and _OFFICIAL.fullmatch(behind) and "{}" + behind not in tables.types:
            return Reading(regions=found, forms=(Form("", "pamcdsx", "{region}" + behind),))
    for deictic in DEICTICS:
        behind = text[len(deictic) :]
        if text.startswith(deictic) and _OFFICIAL.fullmatch(behind) and not _NO_DEICTIC.match(text):
            return Reading(deictic=deictic, forms=(Form("", "pamcdsx", "{region}" + behind),))
    return UNKNOWN


def _numeral(number: str) -> str:
    if not number.isdecimal():
        return number
    tens, ones = divmod(int(number), 10)
    digits = " 一二三四五六七八九"
    return ("" if not tens else "十" if tens == 1 else digits[tens] + "十") + (digits[ones] if ones else "")
