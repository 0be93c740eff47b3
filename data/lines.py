"""The sent text as lines: where each stands, how far it is indented, and whether a page's width broke it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from unicodedata import east_asian_width

from data.kinds import JUMP_END, JUMP_START, TITLE_LENGTH, Ending, Shape, ending, has_clause, shape

LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Every character that str.isspace knows lies below U+3001.
TRIMMED = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + INVISIBLE

_CONTENT = re.compile(f"[^{LINE_ENDS}]+")
_LINE_END = re.compile(f"\r\n|[{LINE_ENDS}]")
_MARK_INSIDE = re.compile(r"[，。；、：？！,;].")
_TAB_COLUMNS = 4

MIN_COLUMNS, MAX_COLUMNS = 16, 120  # widths that lines are wrapped at
_TOLERANCE = 4  # columns: a mark may not begin a line, and hangs over or takes its character along
_NEIGHBOURS = 10


@dataclass(slots=True)
class Line:
    """A line that holds something.

    Attributes:
        start: Code point in the sent text where it begins, after its indentation.
        end: Code point after its last character that is no space.
        text: What stands between.
        indent: Columns of space before it.
        blanks: Blank lines before it; -1 where it was split off the line before.
        shape: What it looks like by itself.
        ending: How it ends.
        columns: Its width with its indentation, a full-width character counted as two; ``MAX_COLUMNS + 1`` where it is wider.
        full: Whether it is as wide as the lines about it, so that the width broke it.
    """

    start: int
    end: int
    text: str
    indent: int
    blanks: int
    shape: Shape = field(init=False)
    ending: Ending = field(init=False)
    columns: int = field(init=False)
    full: bool = False

    def __post_init__(self) -> None:
        self.shape = shape(self.text)
        self.ending = ending(self.text)
        self.columns = self.indent + columns(self.text) if len(self.text) <= MAX_COLUMNS else MAX_COLUMNS + 1


def columns(text: str) -> int:
    """Width of ``text`` on a page: full-width characters count two, others one."""
    if text.isascii():
        return len(text)
    return sum(2 if character >= "\u2e80" or east_asian_width(character) in "WFA" else 1 for character in text)


def read_lines(text: str) -> list[Line]:
    """The lines of ``text`` that hold something, in order; trimmed, and with page jumps split off."""
    lines = list(_split(text))
    _mark_full(lines)
    return lines


def _split(text: str) -> Iterator[Line]:
    blanks, before = 0, 0
    for content in _CONTENT.finditer(text):
        own = content[0]
        trimmed = own.strip(TRIMMED)
        if not trimmed:
            continue
        start = content.start() + len(own) - len(own.lstrip(TRIMMED))
        # "\r\n" and "\n" are one line end, and one line end makes no blank line.
        ends = sum(1 for _ in _LINE_END.finditer(text, before, start))
        blanks = ends - 1 if before else ends
        indent = sum(_indent(character) for character in own[: start - content.start()])
        before = start + len(trimmed)
        yield from _without_jumps(trimmed, start, indent, blanks)


def _indent(character: str) -> int:
    if character in INVISIBLE:
        return 0
    if character == "\t":
        return _TAB_COLUMNS
    return 2 if character in "\u3000\u2003" else 1


def _without_jumps(text: str, start: int, indent: int, blanks: int) -> Iterator[Line]:
    """Cut （上接第一版） off the line's start and （下转第四版） off its end: they are the page's, not the sentence's."""
    if jump := JUMP_START.match(text):
        yield Line(start, start + jump.end(), jump[0], indent, blanks)
        rest = text[jump.end() :].lstrip(TRIMMED)
        start, text, indent, blanks = start + len(text) - len(rest), rest, 0, -1
    if jump := JUMP_END.search(text, max(0, len(text) - 40)):
        before = text[: jump.start()].rstrip(TRIMMED)
        if before:
            yield Line(start, start + len(before), before, indent, blanks)
            indent, blanks = 0, -1
        start, text = start + jump.start(), jump[0]
    if text:
        yield Line(start, start + len(text), text, indent, blanks)


def _mark_full(lines: Sequence[Line]) -> None:
    """Mark the lines that a page's width broke.

    Such lines come in numbers, end at one column, have hardly a wider line among them, hold marks inside and mostly end
    in mid-sentence. Lists, verse and paragraphs that happen to be of one length lack one of these.
    """
    inner = [_MARK_INSIDE.search(line.text) is not None if line.columns <= MAX_COLUMNS else False for line in lines]
    for index, line in enumerate(lines):
        if MIN_COLUMNS <= line.columns <= MAX_COLUMNS:
            line.full = any(
                _wrapped_among(line, lines, inner, range(first, last))
                for first, last in ((max(0, index - _NEIGHBOURS), index), (index + 1, min(len(lines), index + 1 + _NEIGHBOURS)))
            )
    # Where lines of a paragraph follow each other closely, one that stands alone is a heading of that width.
    usual = usual_blanks(lines)
    close = [after.blanks <= usual for after in lines[1:]]
    for index, line in enumerate(lines):
        line.full = line.full and (close[index - 1 : index] == [True] or close[index : index + 1] == [True])


def _wrapped_among(line: Line, lines: Sequence[Line], inner: Sequence[bool], near: range) -> bool:
    same = [index for index in near if abs(lines[index].columns - line.columns) <= _TOLERANCE]
    if len(same) < 2 or len(same) < 0.4 * len(near):
        return False
    if sum(lines[index].columns > line.columns + _TOLERANCE for index in near) > 1:
        return False
    broken = sum(lines[index].ending is not Ending.CLOSED for index in same)
    # A narrow column has many lines without a mark, but then nearly all are of its width.
    marked = 0.2 if len(same) >= 0.7 * len(near) else 0.4
    return broken >= 0.5 * len(same) and sum(inner[index] for index in same) >= marked * len(same)


def usual_blanks(lines: Sequence[Line]) -> int:
    """Blank lines that stand between the lines of one paragraph: 0, but 1 in a text that is double-spaced throughout."""
    counts = Counter(after.blanks for line, after in pairwise(lines) if line.full and after.blanks >= 0)
    return min(counts, key=lambda blanks: (-counts[blanks], blanks), default=0)


def indents_starts(lines: Sequence[Line]) -> bool:
    """Whether indentation tells where paragraphs start: some lines of running text have it, and some have not."""
    running = [line.indent >= 2 for line in lines if line.full or (line.shape is Shape.BODY and has_clause(line.text))]
    return any(running) and not all(running)


def is_broken(lines: Sequence[Line]) -> bool:
    """Whether columns or pages cut sentences in this text, seen where nothing else can be meant: at a comma, or after much text."""

    def is_half(line: Line) -> bool:
        return not line.full and (line.ending is Ending.HANGING or (line.ending is Ending.OPEN and len(line.text) > TITLE_LENGTH))

    return any(is_half(line) and after.shape is Shape.BODY for line, after in pairwise(line for line in lines if line.shape is not Shape.FURNITURE))


def parts_by_blanks(lines: Sequence[Line]) -> bool:
    """Whether paragraphs of wrapped lines have blank lines between them: after finished lines, and after all that are short as well."""
    usual = usual_blanks(lines)
    apart = close = 0
    for before, line, following in zip(lines, lines[1:], lines[2:], strict=False):
        if before.full and line.blanks <= usual and line.ending is Ending.CLOSED:
            apart += following.blanks > usual
            close += following.blanks <= usual and not line.full
    return apart >= max(1, 4 * close)
