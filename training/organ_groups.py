"""Gold names in groups, by their length and by what the written name tells of the organ: its level and its kind."""

from data.departments.names import read_name
from data.departments.organs import organs

NAME_LENGTHS = (3, 5, 8, 12)
"""Upper ends of the buckets of names, in code points; a last one holds what is longer."""
NAME_LENGTH_BUCKETS = (*(f"≤{end}" for end in NAME_LENGTHS), f">{NAME_LENGTHS[-1]}")
LEVELS = ("central", "province", "prefecture", "county", "town", "several", "unread")
"""The organ's level. "several": the name fits several levels (市政府, 教育局); "unread": the register knows no such name."""
KINDS = (
    "party",
    "congress",
    "government",
    "supervision",
    "court",
    "procuratorate",
    "cppcc",
    "military",
    "people",
    "democratic",
    "institution",
    "unread",
)

_LEVEL_OF_LETTER = {
    "p": "province",
    "a": "province",
    "m": "province",
    "s": "province",
    "x": "province",
    "c": "prefecture",
    "d": "county",
    "t": "town",
}
_DEICTIC_LEVELS = {"省": "province", "自治区": "province", "特别行政区": "province", "特区": "province", "市": "several", "区": "several"}
_DEICTIC_LEVELS |= dict.fromkeys(("自治州", "地区", "州", "盟", "地"), "prefecture") | dict.fromkeys(("自治县", "自治旗", "县", "旗"), "county")


def name_length(name: str) -> str:
    """The one of :data:`NAME_LENGTH_BUCKETS` that a name falls into."""
    return NAME_LENGTH_BUCKETS[sum(len(name) > end for end in NAME_LENGTHS)]


def level_and_kind(name: str) -> tuple[str, str]:
    """The one of :data:`LEVELS` and the one of :data:`KINDS` that a folded name tells by itself."""
    reading = read_name(name)
    kinds = {form.kind for form in reading.forms}
    if reading.name is not None and not reading.forms:
        return "central", organs().central_kinds.get(reading.name, "unread")
    if not reading.forms:
        return "unread", "unread"
    # A name that the register lacks may still tell its region; its kind is then "".
    kind = (kinds.pop() if len(kinds) == 1 else "") or "unread"
    if reading.town:
        return "town", kind
    if reading.regions:
        levels = {_LEVEL_OF_LETTER[region.level] for region in reading.regions}
    elif reading.deictic:
        levels = {_DEICTIC_LEVELS[reading.deictic]}
    else:
        levels = {_LEVEL_OF_LETTER[letter] for form in reading.forms for letter in form.levels}
    return (levels.pop() if len(levels) == 1 else "several"), kind
