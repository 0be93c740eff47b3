"""Short articles, written for the tests of paragraphs, and what those ask of the paragraphs that come out."""

from itertools import pairwise

from data.lines import INVISIBLE, columns
from data.paragraphs import split_paragraphs
from data.records import Paragraph

FIRST = "县政务服务中心把二十七项许可收进一个窗口，群众交一套材料就能办完，比过去少跑两趟。窗口还延长了午间值守，上班族不用再请假。"
SECOND = "县财政局同步清理了收费目录，凡是没有依据的一律取消。清单挂在大厅墙上，谁都能看，谁都能问，谁都能监督。"
THIRD = "下一步，该县将把这套办法推广到十一个乡镇，年底前村里也能办。"


def texts(text: str) -> list[str]:
    return [paragraph.text for paragraph in split_paragraphs(text)]


def kinds(text: str) -> list[tuple[str, str]]:
    return [(str(paragraph.kind), paragraph.text) for paragraph in split_paragraphs(text)]


def wrapped(paragraph: str, characters: int, indent: str = "") -> str:
    """``paragraph`` in lines of so many characters, broken as a page breaks it: no mark begins a line."""
    lines, line = [], indent
    for character in paragraph:
        if columns(line + character) > 2 * characters and character not in "，。、；：！？”》":
            lines.append(line)
            line = ""
        line += character
    return "\n".join([*lines, line])


def is_space(character: str) -> bool:
    return character.isspace() or character in INVISIBLE


def assert_nothing_is_lost(text: str, paragraphs: tuple[Paragraph, ...]) -> None:
    """Every character that is no space is in exactly one paragraph; pieces and spans say where; order is by start."""
    owners = [0] * len(text)
    for index, paragraph in enumerate(paragraphs):
        assert paragraph.index == index
        assert (paragraph.start, paragraph.end) == (paragraph.pieces[0][1], paragraph.pieces[-1][1] + paragraph.pieces[-1][2])
        own_end = 0
        for own, sent, length in paragraph.pieces:
            assert paragraph.text[own_end:own] in ("", " ")
            assert paragraph.text[own : own + length] == text[sent : sent + length]
            own_end = own + length
            for offset in range(sent, sent + length):
                owners[offset] += 1
        assert own_end == len(paragraph.text)
    assert [offset for offset, count in enumerate(owners) if count > 1 or (count == 0 and not is_space(text[offset]))] == []
    assert all(left.start < right.start for left, right in pairwise(paragraphs))
