"""Provinces, prefectures and counties: by name or short name, at the head of a name, and in running text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from data.departments.tables import marked, rows

LEVELS = {"province": "p", "autonomous-region": "a", "municipality": "m", "prefecture": "c", "county": "d", "sar": "s", "corps": "x"}
"""Level as ``regions.tsv`` writes it → the letter that ``types.tsv`` uses."""

# A short place name that goes on like this names a street, a school or a company and not the place.
_NOT_THE_PLACE = re.compile(r"(?:东|西|南|北|中)?路|街(?![头上巷区坊])|大学|师范|时间|合作组织|战区|军区|舰|号")


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region of the administrative division.

    Attributes:
        code: Administrative division code, 2, 4 or 6 digits.
        level: A letter of :data:`LEVELS`.
        name: Full name.
        short: Name without 省, 市, 自治区, 县 …; the full name where there is no such form.
        parent: The region it lies in, or ``None`` for those directly under the centre.
    """

    code: str
    level: str
    name: str
    short: str
    parent: "Region | None"

    @property
    def official(self) -> str:
        """The name that its organs carry: a city's district has the city in front, for districts of one name stand in several cities."""
        if self.level == "d" and self.name.endswith("区") and self.parent is not None and self.parent.level in "mc":
            return self.parent.name + self.name
        return self.name

    @property
    def top(self) -> "Region":
        """The region directly under the centre that it lies in; itself where it is one."""
        return self if self.parent is None else self.parent.top

    def lineage(self) -> "Iterator[Region]":
        """Itself, then the region it lies in, and so on."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent

    def within(self, other: "Region") -> bool:
        """Whether it is ``other`` or lies in it."""
        return any(region is other for region in self.lineage())


Candidates = tuple[Region, ...]


class Regions:
    """Look-up over ``regions.tsv``."""

    def __init__(self) -> None:
        by_code: dict[str, Region] = {}
        names: dict[str, list[Region]] = {}
        sure: set[str] = set()
        for code, level, name, parent, short in rows("regions.tsv", 5):
            forms = [*marked(name), *marked(short)]
            full = forms[0][0]
            # 恩施州 and 恩施: the shortest that the full name begins with; 兵团 is none.
            stems = [form for form, _ in forms[1:] if full.startswith(form)]
            region = Region(code, LEVELS[level], full, min(stems, key=len, default=full), by_code.get(parent))
            by_code[code] = region
            for form, is_sure in forms:
                names.setdefault(form, []).append(region)
                if is_sure:
                    sure.add(form)
        self._names: dict[str, Candidates] = {form: tuple(own) for form, own in names.items()}
        self._codes = by_code
        self._longest = max(map(len, names))
        self._by_start: dict[str, list[str]] = {}
        for form in sorted(sure, key=len, reverse=True):
            self._by_start.setdefault(form[:2], []).append(form)

    def __getitem__(self, code: str) -> Region:
        return self._codes[code]

    def named(self, name: str) -> Candidates:
        """The regions that a full or short name may mean, larger ones first; none where it is no region's."""
        return self._names.get(name, ())

    def names(self) -> set[str]:
        """Every full and short name."""
        return set(self._names)

    def heads(self, text: str, start: int = 0, above: Candidates = ()) -> Iterator[tuple[int, Candidates]]:
        """The ways in which a name may begin with a region, longest first: ``(end, regions)``.

        ``江西省赣州市…`` begins with one region, 赣州市: names that lie in one another are read as the last of them.
        """
        for end in range(min(len(text), start + self._longest), start + 1, -1):
            found = self._names.get(text[start:end], ())
            if above:
                found = tuple(one for one in found if any(one is not other and one.within(other) for other in above))
            if found:
                yield from self.heads(text, end, found)
                yield end, found

    def mentions(self, text: str) -> Iterator[tuple[int, int, Candidates]]:
        """The regions named in running text, in order: ``(start, end, regions)``, the longest name at each place.

        Short forms that mean other things too (大同, 来宾) are left out, and names that lie in one another are read as the last of them.
        """
        start, length = 0, len(text)
        while start < length - 1:
            name = next((form for form in self._by_start.get(text[start : start + 2], ()) if text.startswith(form, start)), None)
            if name is None:
                start += 1
                continue
            end, found = next((one for one in self.heads(text, start) if one[0] > start + len(name)), (start + len(name), self._names[name]))
            if name == found[0].name or not _NOT_THE_PLACE.match(text, end):
                yield start, end, found
            start = end


@cache
def regions() -> Regions:
    """The table, read once."""
    return Regions()
