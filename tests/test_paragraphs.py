"""Raw newspaper text → paragraphs: what lines are, and what holds of every text. Every text here was written for these tests."""

import json
import random
import time
from pathlib import Path

import pytest

from data.paragraphs import ready_paragraphs, split_paragraphs
from data.records import Kind
from tests.articles import FIRST, SECOND, THIRD, assert_nothing_is_lost, texts, wrapped

SEED = Path(__file__).resolve().parents[1].parent / "shared" / "seed"


# --- what lines are ---


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("count", [1, 2])
def test_every_line_end_parts_paragraphs(line_end: str, count: int) -> None:
    text = (line_end * count).join([FIRST, SECOND, THIRD])
    assert texts(text) == [FIRST, SECOND, THIRD]
    assert split_paragraphs(text)[1].start == len(FIRST) + count * len(line_end)


@pytest.mark.parametrize("edge", ["\u3000\u3000", "\xa0\xa0", "\t", "  ", "\u2003", "\ufeff", "\u200b", "\u3000\u200b\xa0 "])
def test_spaces_at_a_lines_edges_are_not_of_it(edge: str) -> None:
    text = f"{edge}{FIRST}{edge}\n{edge}\n{edge}{SECOND}{edge}"
    assert texts(text) == [FIRST, SECOND]
    assert split_paragraphs(text)[0].start == len(edge)


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\ufeff", "\u3000\u3000\r\n\t\u200b\r\n\xa0"])
def test_nothing_but_spaces_has_no_paragraphs(text: str) -> None:
    assert split_paragraphs(text) == ()


def test_windows_line_ends_are_one_line_end() -> None:
    article = "便民窗口开到村口\n\n" + wrapped(FIRST, 20) + "\n\n" + wrapped(SECOND, 20) + "\n\n" + wrapped(THIRD, 20)
    assert texts(article) == texts(article.replace("\n", "\r\n")) == ["便民窗口开到村口", FIRST, SECOND, THIRD]


# --- what holds of every text ---


def test_characters_beyond_the_basic_plane_count_as_one() -> None:
    text = f"　　𠮷家村的窗口办得快，群众都说好。牧区的𠮷\n\n祥也赶来取经，一看就懂。\n\n{THIRD}"
    first, second = split_paragraphs(text)
    assert first.text == "𠮷家村的窗口办得快，群众都说好。牧区的𠮷祥也赶来取经，一看就懂。"
    assert text[second.start : second.end] == THIRD
    assert_nothing_is_lost(text, (first, second))


def test_nothing_is_lost_wherever_a_text_is_broken() -> None:
    article = "\n\n".join(
        [
            "一枚印章管到底",
            FIRST,
            "（下转第二版）",
            "收费目录晒出来",
            SECOND,
            "（据《草原日报》）",
            THIRD,
            "巴特尔 摄",
            "See Annex No. 3, 图为 Wi-Fi 𠮷",
        ]
    )
    breaks = ["\n", "\n\n", "\r\n", "\r", "\u2028", "\x0c", "\x85", "\n　　", "\n\u200b\n", "\n- 3 -\n", "（上接第一版）", "\n，", " \t\n", "\ufeff"]
    chance = random.Random(7)
    for _ in range(150):
        text = article
        for _ in range(chance.randrange(1, 12)):
            place = chance.randrange(len(text) + 1)
            text = text[:place] + chance.choice(breaks) + text[place:]
        assert_nothing_is_lost(text, split_paragraphs(text))


@pytest.mark.parametrize(
    "unit",
    [FIRST, FIRST + "\n", "\n".join(FIRST[i : i + 20] for i in range(0, 60, 20)) + "\n", "\n", "　", "（" * 100 + "\n", "1" * 50 + "\n", "字　"],
)
def test_five_megabytes_take_linear_time(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        started = time.process_time()
        split_paragraphs(text)
        return time.process_time() - started

    assert seconds(5_000_000 // len("字".encode())) < 8


def test_ready_paragraphs_are_left_as_they_are() -> None:
    sent = ["  一枚印章管到底 ", FIRST + "\n没写完，", SECOND, "收费目录晒出来", THIRD, "", "巴特尔 摄"]
    paragraphs = ready_paragraphs(sent)
    assert [paragraph.text for paragraph in paragraphs] == sent
    assert [(p.index, p.start, p.end, p.pieces) for p in paragraphs] == [(i, 0, len(t), ((0, 0, len(t)),)) for i, t in enumerate(sent)]
    assert [p.kind for p in paragraphs] == [Kind.TITLE, Kind.BODY, Kind.BODY, Kind.HEADING, Kind.BODY, Kind.BODY, Kind.CREDIT]
    assert ready_paragraphs([]) == ()


@pytest.mark.shared
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_seed_article(line_end: str) -> None:
    expected = json.loads((SEED / "expected.json").read_text(encoding="utf-8"))
    text = (SEED / expected["source"]).read_bytes().decode("utf-8")
    paragraphs = split_paragraphs(text.replace("\n", line_end))
    assert [paragraph.text for paragraph in paragraphs] == [one["text"] for one in expected["paragraphs"]]
    assert [str(p.kind) in one["kind"] for p, one in zip(paragraphs, expected["paragraphs"], strict=True)] == [True] * 22
    if line_end == "\n":
        assert [(p.start, p.end) for p in paragraphs] == [(one["start"], one["end"]) for one in expected["paragraphs"]]
