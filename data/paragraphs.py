"""Raw text → paragraphs: re-joins what columns and pages broke, and keeps apart what is apart.

A heading glued to body, or two whole paragraphs glued to each other, gives an editor labels that fit neither; a sentence
left in two halves only costs some. So a line goes on with the paragraph before it when something shows that it does, and
begins its own otherwise. The rules, the first that fits deciding:

1.  Lines end at LF, CR LF, CR, form feed, vertical tab, NEL, U+2028 and U+2029. Spaces of every width, byte-order marks and
    zero-width characters at a line's edges are not part of it. （上接第一版） and （下转第四版） are split off their lines.
2.  A page number or a page jump is a paragraph of its own (a credit), and what stands after it is held against what stands before.
3.  A line that begins with a closing mark (，。、；：！？”》）…) goes on.
4.  After a credit line nothing goes on. Credits, captions, list items, numbered sections and lines that begin with —— begin their own;
    not where —— or the · of a foreign name goes on within a sentence.
5.  An indented line begins its own where indentation tells starts: the line before has none, or some running text has none.
6.  Lines of one width, closely set, were broken by that width (:mod:`data.lines`): the next goes on, even mid-word. If such a line
    ends with a final mark, the next goes on only after ；, or where it would be indented, or stand after a blank line, if it did
    not. An article's first line without a mark is a title even at that width, unless blank lines part the paragraphs.
7.  After a finished sentence (。！？…；： and closing marks, or these and a credit in the same line) nothing goes on.
8.  A half that must go on — it ends with a comma, an opening mark, inside a quote, bracket or book title, or with a word such as 的 —
    goes on with anything but a line set as a heading (with —— inside or words spaced apart).
9.  Nothing else goes on with a heading-like line, and a heading-like line goes on with nothing: 聚焦主责，提升效能 is no half of the
    sentence below it, unless the line right below is finished and shorter still.
10. Running text (it holds ，。； or is of wrapped lines) that ends with a word goes on, also across blank lines. But not a caption; nor
    wrapped lines whose last is short; nor where every line is indented, or where the next begins as paragraphs do (近日, 据了解).
    A few words without a full stop (a lead, a quote set apart) do so only in a text that is seen to be broken elsewhere.
11. A half that must go on also finds its other half behind captions and photo credits.

Two halves are joined without a space, but with one between two Latin words. Kinds are told afterwards by :mod:`data.kinds`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.kinds import TITLE_LENGTH, Ending, Shape, ending, has_clause, has_stop, shape, stops, tell_kinds
from data.lines import Line, indents_starts, is_broken, parts_by_blanks, read_lines, usual_blanks
from data.records import Paragraph

_CLOSING = tuple("，。、；：！？”’）」』》】〉〕％,;:!?)%")
_APART = (Shape.FURNITURE, Shape.CREDIT, Shape.CAPTION, Shape.SECTION, Shape.ITEM_HEAD, Shape.ITEM, Shape.SUBTITLE)
_HEADS = (Shape.HEAD, Shape.SECTION, Shape.ITEM_HEAD, Shape.SUBTITLE)
_DANGLING = re.compile(r"(?:[的和把被而或但将且]|自治区)\Z")
# 的确, 的士, 了解, 了不起, 了却, 了结 do begin sentences.
_PARTICLE = re.compile(r"的(?![确士])|了(?![解不却结])|们")
_SET_AS_HEADING = re.compile(r"[—―─]{2}|[\u3400-\u9fff”][ \u3000]+[\u3400-\u9fff“]|【.*】\Z")
_NAME_DOT = re.compile(r"·\S")
_PAIRS = (("“", "”"), ("《", "》"), ("（", "）"))
_OPENER = re.compile(r"近日|日前|近年来|据(?:报道|了解|介绍|悉|统计)|新华社|本报|与此同时|此外|然而|首先|其次|第?[一二三四五六七八九][是，]")
_INDENT = 2  # columns
_RAGGED = 12  # columns by which a number or a Latin word that went to the next line shortens a line
_TAIL = 160


@dataclass(frozen=True, slots=True)
class _Page:
    """How the text as a whole is set: see the functions of these names in :mod:`data.lines`."""

    usual_blanks: int
    indents_starts: bool
    parts_by_blanks: bool
    is_broken: bool


@dataclass(slots=True)
class _Block:
    """A paragraph while its lines are gathered.

    Attributes:
        fresh: Whether its article has no body yet.
        lines: Its lines.
        parts: Their texts, and the spaces between.
        pieces: As in :class:`Paragraph`.
        length: Characters in ``parts``.
        tail: The last of them.
        running: Whether it reads as running text.
        width: Columns of its widest line that the width broke, 0 where none was.
        unclosed: For each pair of marks, how many more were opened than closed.
    """

    fresh: bool
    lines: list[Line] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    length: int = 0
    tail: str = ""
    running: bool = False
    width: int = 0
    unclosed: list[int] = field(default_factory=lambda: [0] * len(_PAIRS))

    def add(self, line: Line) -> None:
        glue = _glue(self.tail, line.text)
        self.parts += [glue, line.text]
        self.pieces.append((self.length + len(glue), line.start, len(line.text)))
        self.length += len(glue) + len(line.text)
        self.tail = (self.tail + glue + line.text)[-_TAIL:]
        self.lines.append(line)
        # An article's first line without a mark is a title, though it be as wide as the lines below.
        title = self.fresh and len(self.lines) == 1 and line.indent < _INDENT
        self.running = self.running or has_clause(line.text) or (line.full and not title)
        self.width = max(self.width, line.columns if line.full else 0)
        marks = line.text.replace("(", "（").replace(")", "）")
        self.unclosed = [count + marks.count(left) - marks.count(right) for count, (left, right) in zip(self.unclosed, _PAIRS, strict=True)]

    @property
    def ending(self) -> Ending:
        return self.lines[0].ending if len(self.lines) == 1 else ending(self.tail)

    @property
    def begins(self) -> Shape:
        return self.lines[0].shape

    @property
    def is_credit(self) -> bool:
        return self.begins in (Shape.CREDIT, Shape.FURNITURE) and len(self.lines) == 1

    @property
    def is_heading(self) -> bool:
        own = shape("".join(self.parts)) if self.is_short else Shape.BODY
        return own in _HEADS or (self.fresh and own in (Shape.LONG_HEAD, Shape.ASK))

    @property
    def is_short(self) -> bool:
        """Whether it could stand by itself as a heading or a lead does: a few words, not broken by the width."""
        return self.length <= TITLE_LENGTH and not (self.running and self.lines[-1].full)

    @property
    def must_go_on(self) -> bool:
        """Whether it is half a sentence by itself."""
        if self.is_credit or self.ending is Ending.CLOSED:
            return False
        return self.ending is Ending.HANGING or any(count > 0 for count in self.unclosed) or _DANGLING.search(self.tail) is not None


def split_paragraphs(text: str) -> tuple[Paragraph, ...]:
    """The paragraphs of a raw text, in order of ``start``; every character that is no space is in exactly one of them.

    Takes time linear in the length of ``text``. A text of nothing but spaces has no paragraphs.
    """
    blocks = _gather(read_lines(text))
    texts = ["".join(block.parts) for block in blocks]
    return tuple(
        Paragraph(index, kind, block.lines[0].start, block.lines[-1].end, own, tuple(block.pieces))
        for index, (block, own, kind) in enumerate(zip(blocks, texts, tell_kinds(texts), strict=True))
    )


def ready_paragraphs(texts: Sequence[str]) -> tuple[Paragraph, ...]:
    """Paragraphs that were sent as such: each text exactly as it is, with offsets of its own from 0."""
    told = zip(texts, tell_kinds(texts), strict=True)
    return tuple(Paragraph(index, kind, 0, len(text), text, ((0, 0, len(text)),)) for index, (text, kind) in enumerate(told))


def _gather(lines: Sequence[Line]) -> list[_Block]:
    page = _Page(usual_blanks(lines), indents_starts(lines), parts_by_blanks(lines), is_broken(lines))
    blocks: list[_Block] = []
    before: _Block | None = None  # the last that is no page furniture
    waiting: _Block | None = None  # half a sentence with nothing but captions and credits after it
    fresh = True
    direct = True  # whether nothing stands between `before` and the line
    for line in lines:
        if line.shape is Shape.FURNITURE:
            blocks.append(_Block(fresh))
            blocks[-1].add(line)
            direct = False
            continue
        close = direct and 0 <= line.blanks <= page.usual_blanks
        direct = True
        if before is not None and _goes_on(before, line, close, page):
            before.add(line)
        elif waiting is not None and line.shape is Shape.BODY and _goes_on(waiting, line, False, page):
            waiting.add(line)
            before, waiting = waiting, None
        else:
            if before is not None:
                fresh = before.is_credit or (fresh and (before.is_heading or before.begins is Shape.CAPTION))
                if before.running and before.must_go_on:
                    waiting = before
            if line.shape not in (Shape.CAPTION, Shape.CREDIT):
                waiting = None
            before = _Block(fresh)
            before.add(line)
            blocks.append(before)
    return blocks


def _goes_on(block: _Block, line: Line, close: bool, page: _Page) -> bool:
    """Whether ``line`` goes on with ``block``; ``close`` says that they stand as lines of one paragraph do."""
    last = block.lines[-1]
    wrapped = close and last.full and (block.running or page.parts_by_blanks)
    if line.text.startswith(_CLOSING):
        return True
    # A dateline that fills a narrow column is no credit: （记者 …） follows.
    if block.is_credit and not (wrapped and last.text.endswith(("日电", "日讯"))):
        return False
    # Within a sentence, —— is a dash and · stands in a foreign name.
    inside = (wrapped and not stops(block.tail) and line.text[0] in "—―─·") or (block.running and _NAME_DOT.match(line.text) is not None)
    if line.shape in _APART and not inside:
        return False
    indented = line.indent >= _INDENT
    if indented and (page.indents_starts or last.indent < _INDENT):
        return False
    if wrapped:
        return not stops(block.tail) or last.text[-1] in "；;" or page.parts_by_blanks or block.lines[0].indent >= _INDENT > line.indent
    if block.ending is Ending.CLOSED:
        return False
    must = block.must_go_on or _PARTICLE.match(line.text) is not None
    if line.shape is Shape.HEAD and not line.full:
        return must and _SET_AS_HEADING.search(line.text) is None
    if must:
        return True
    if block.is_heading or (block.is_short and len(block.lines) == 1 and not page.is_broken and not has_stop("".join(block.parts))):
        return block.running and close and line.ending is Ending.CLOSED and line.columns < last.columns
    if block.width and not last.full and not (close and last.columns + _RAGGED >= block.width):
        return False
    return block.running and block.begins is not Shape.CAPTION and not indented and _OPENER.match(line.text) is None


def _glue(before: str, after: str) -> str:
    """What stands between two halves: a space between two Latin words, nothing where either side is Chinese."""
    if not before or not _is_latin(after.lstrip("(\"'")[:1]):
        return ""
    word = before.rstrip(",.;:!?)%\"'")
    if not _is_latin(word[-1:]):
        return ""
    if before[-1].isdecimal() and after[0].isdecimal():
        # 20⏎23年 is one number; between English words two numbers are two.
        around = before.rstrip("0123456789")[-1:] + after[:_TAIL].lstrip("0123456789")[:1]
        return " " if around.isascii() else ""
    return " "


def _is_latin(character: str) -> bool:
    # Of letters beyond Latin, those of Chinese, Japanese and full-width forms stand without spaces.
    return character != "" and (character.isalpha() or character.isdecimal()) and (character < "\u2e80" or "\uac00" <= character <= "\ud7a3")
