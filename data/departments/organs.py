"""Central organs by name, and types of organ by what is written before and after the region."""

import re
from dataclasses import dataclass
from functools import cache

from data.departments.regions import Region
from data.departments.tables import marked, rows

_GROUP = re.compile(r"([a-z]+)(.*)")
_PARTY = "中共"


@dataclass(frozen=True, slots=True)
class Form:
    """What an organ of one type is called at some levels.

    Attributes:
        kind: party, government, court …
        levels: Letters of the levels at which it is called so.
        pattern: Official name with ``{region}``, ``{short}`` or ``{province}`` in it.
    """

    kind: str
    levels: str
    pattern: str

    def name(self, region: Region, town: str = "") -> str:
        """The official name of ``region``'s organ, or of that of its town or street."""
        pattern = self.pattern.replace("{region}", region.official + town)
        return pattern.replace("{short}", region.short).replace("{province}", region.top.name)


@dataclass(frozen=True, slots=True)
class Organs:
    """Look-up over ``central.tsv`` and ``types.tsv``.

    Attributes:
        central: Name or short form of a central organ → its official name.
        unsure: The same for short forms that organs of regions share.
        types: What is written of an organ, ``{}`` in place of its region → its forms, by level.
        prefixes: What may stand before a region, longest first; ends with "".
        central_kinds: Official name of a central organ → its kind.
    """

    central: dict[str, str]
    unsure: dict[str, str]
    types: dict[str, tuple[Form, ...]]
    prefixes: tuple[str, ...]
    central_kinds: dict[str, str]


@cache
def organs() -> Organs:
    """The tables, read once."""
    central: dict[str, str] = {}
    unsure: dict[str, str] = {}
    central_kinds: dict[str, str] = {}
    for kind, name, cell in rows("central.tsv", 3):
        central[name] = name
        central_kinds[name] = kind
        for short, sure in marked(cell):
            (central if sure else unsure)[short] = name
    types: dict[str, list[Form]] = {}
    for kind, levels, name, cell in rows("types.tsv", 4):
        for group in levels.split():
            match = _GROUP.fullmatch(group)
            if match is None:
                raise ValueError(f"types.tsv: {name}: levels {group!r} are not letters with an ending")
            form = Form(kind, match[1], name.replace("*", match[2]))
            for key in _keys(form.pattern, [written.replace("*", match[2]) for written in cell.split()]):
                types.setdefault(key, []).append(form)
    prefixes = sorted({key.split("{}")[0] for key in types}, key=len, reverse=True)
    return Organs(central, unsure, {key: tuple(forms) for key, forms in types.items()}, tuple(prefixes), central_kinds)


def _keys(pattern: str, written: list[str]) -> set[str]:
    keys = {form if "{}" in form else "{}" + form for form in written}
    own = re.sub(r"\{(?:region|short)\}", "{}", pattern)
    if own.count("{") == 1:
        keys.add(own)
        # 委员会组织部 after a region's name stands for the whole, when it is the party's.
        if own.startswith(_PARTY):
            keys.add(own.removeprefix(_PARTY))
    if pattern.startswith(_PARTY):
        keys |= {_PARTY + key for key in keys if key.startswith("{}")} | {"中国共产党" + key for key in keys if key.startswith("{}")}
    return keys
