"""Raw newspaper text → paragraphs: what pages and columns broke is joined. Every text here was written for these tests."""

import pytest

from data.paragraphs import split_paragraphs
from tests.articles import FIRST, SECOND, THIRD, assert_nothing_is_lost, kinds, texts, wrapped

# --- what is broken is joined ---


@pytest.mark.parametrize("gap", ["\n", "\n\n", "\r\n\r\n", "\n\u3000\n\n"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("县司法局会同自治区司法厅梳理执法事项，去掉重复检查。县住建局会同自治区", "教育厅核对校舍台账，一次验收。"),
        ("办事的人多了，等候的时间反而短了，因为窗口之间", "的分工打乱重排。"),
        ("抓落实，贵在说了就办，", "办了就要见到成效。"),
        ("县里印发《关于精简村级证明的若干", "措施》，二十三项证明不再开具。"),
        ("改革之后，企业开办只跑一趟。群众说“这样的窗口", "我们天天都愿意来”，排队的人少了。"),
        ("会议开了四十分钟，讨论十一件事，件件都有", "，没有一件往后拖。"),
    ],
)
def test_a_cut_sentence_is_joined_without_a_space(left: str, right: str, gap: str) -> None:
    text = f"{FIRST}{gap}{left}{gap}{right}{gap}{THIRD}"
    assert texts(text) == [FIRST, left + right, THIRD]
    assert_nothing_is_lost(text, split_paragraphs(text))


def test_a_department_across_a_break_is_whole_and_its_span_indexes_the_sent_text() -> None:
    text = f"{FIRST}\n\n县住建局清查了在建工程，逐项销号。自治区\n\n教育厅随后核对校舍台账，一次验收。"
    paragraph = split_paragraphs(text)[1]
    start = paragraph.text.index("自治区教育厅")
    begin, end = paragraph.source_span(start, start + 6)
    assert text[begin:end] == "自治区\n\n教育厅"
    assert len(paragraph.pieces) == 2


def test_a_closing_mark_never_begins_a_paragraph() -> None:
    assert texts("“窗口就该开到群众家门口。\n”他说。\n\n" + SECOND) == ["“窗口就该开到群众家门口。”他说。", SECOND]


def test_three_parts_of_one_sentence_are_one_paragraph() -> None:
    parts = ["今年以来，县市场监管局把检查并成一次，企业迎检次数降了六成，", "腾出的人手", "全部充实到一线，服务更快了。"]
    assert texts("\n\n".join([FIRST, *parts])) == [FIRST, "".join(parts)]


def test_latin_words_are_joined_with_one_space_that_stands_for_the_break() -> None:
    text = "园区引进的企业来自十一个国家，其中包括从事精密制造的 Northern\nValley Tools 公司，当天就拿到了执照。"
    (paragraph,) = split_paragraphs(text)
    assert "Northern Valley Tools" in paragraph.text
    space = paragraph.text.index("Northern Valley") + len("Northern")
    assert paragraph.source_span(space, space + 1) == (text.index("\n"), text.index("\n") + 1)
    assert_nothing_is_lost(text, (paragraph,))


def test_a_number_cut_in_chinese_text_is_one_number() -> None:
    text = f"{FIRST}\n\n全县清理证明，比上年少开三成，减少二十万份。到20\n\n23年底，村级证明全部取消，无一例外。"
    assert "到2023年底" in texts(text)[1]


@pytest.mark.parametrize("furniture", ["- 3 -", "第3页", "— 12 —", "第 4 页 共 9 页", "7", "（下转第四版）", "（上接第一版）", "（下转A4版）"])
def test_a_page_number_between_two_halves_does_not_part_them(furniture: str) -> None:
    left, right = "县卫健局把体检下沉到村，老人不出村就能查。乡镇", "卫生院每周派两名医生坐诊，随到随看。"
    text = f"{FIRST}\n\n{left}\n\n{furniture}\n\n{right}\n\n{THIRD}"
    assert kinds(text) == [("body", FIRST), ("body", left + right), ("credit", furniture), ("body", THIRD)]
    assert_nothing_is_lost(text, split_paragraphs(text))


def test_a_page_jump_within_a_line_is_split_off() -> None:
    left, right = "县里把三十件民生实事挂图作战，一件一件销号。到九月", "已经办成二十六件，其余的都在收尾。"
    text = f"{left}（下转第四版）\n\n　　（上接第一版）{right}"
    assert kinds(text) == [("body", left + right), ("credit", "（下转第四版）"), ("credit", "（上接第一版）")]
    assert_nothing_is_lost(text, split_paragraphs(text))


def test_a_caption_between_two_halves_does_not_part_them() -> None:
    caption = "图为窗口人员正在帮老人填表。 苏日娜 摄"
    text = f"为了让群众少跑腿，县里把二十七项许可收进一个窗口，\n{caption}\n又把收费、缴税、公证一并请进大厅。"
    assert kinds(text) == [("body", "为了让群众少跑腿，县里把二十七项许可收进一个窗口，又把收费、缴税、公证一并请进大厅。"), ("caption", caption)]


# --- lines that the page's width broke ---


@pytest.mark.parametrize("characters", [12, 16, 20, 34])
@pytest.mark.parametrize(("indent", "between"), [("　　", "\n"), ("　　", "\n\n"), ("    ", "\n"), ("", "\n\n")])
def test_wrapped_columns_are_joined(characters: int, indent: str, between: str) -> None:
    paragraphs = [FIRST, SECOND, FIRST + SECOND, THIRD, SECOND + FIRST]
    assert texts(between.join(wrapped(paragraph, characters, indent) for paragraph in paragraphs)) == paragraphs


def test_wrapped_columns_with_a_blank_line_after_every_line() -> None:
    paragraphs = [FIRST, SECOND, FIRST + SECOND, THIRD]
    text = "\n".join(wrapped(paragraph, 20, "　　") for paragraph in paragraphs).replace("\n", "\n\n")
    assert texts(text) == paragraphs


def test_a_sentence_that_ends_at_the_full_width_goes_on_only_where_starts_are_marked() -> None:
    lines = [
        "窗口人员每天上门帮办，老人在家就把手续办",
        "完，邻居看了都说好，也照着样子打电话预约",
        "县里每周都要通报一次，谁拖谁就当面说清楚。",
        "检查并成一次以后，企业把时间都用在生产上",
        "，订单跟着多了。",
    ]
    assert {len(line) for line in lines[:4]} <= {20, 21}
    assert texts("便民\n\n" + "\n".join(lines) + "\n\n" + wrapped(SECOND, 20) + "\n\n" + THIRD) == ["便民", "".join(lines), SECOND, THIRD]
    assert texts("便民\n　　" + "\n".join(lines) + "\n　　" + wrapped(SECOND, 20)) == ["便民", "".join(lines), SECOND]
    assert texts("便民\n" + "\n".join(lines) + "\n" + wrapped(SECOND, 18)) == ["便民", "".join(lines[:3]), "".join(lines[3:]), SECOND]


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_column_break_within_wrapped_text(after: int) -> None:
    lines = wrapped(SECOND + FIRST + THIRD, 20).split("\n")
    assert not lines[after - 1].endswith("。")
    assert texts("\n".join(lines[:after]) + "\n\n" + "\n".join(lines[after:])) == [SECOND + FIRST + THIRD]


def test_a_short_last_line_ends_its_paragraph_even_without_a_full_stop() -> None:
    lead = FIRST.rstrip("。") + "也不用托人"
    assert texts("\n\n".join(wrapped(paragraph, 20) for paragraph in (lead, SECOND, THIRD))) == [lead, SECOND, THIRD]


def test_headings_among_wrapped_lines_stay_apart() -> None:
    text = "\n".join(
        ["一枚印章管到底", wrapped(FIRST, 20, "　　"), "收费目录晒出来", wrapped(SECOND, 20, "　　"), "三、推到村里去", wrapped(THIRD, 20, "　　")]
    )
    assert kinds(text) == [
        ("title", "一枚印章管到底"),
        ("body", FIRST),
        ("heading", "收费目录晒出来"),
        ("body", SECOND),
        ("heading", "三、推到村里去"),
        ("body", THIRD),
    ]
