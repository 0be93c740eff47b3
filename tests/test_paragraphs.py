"""Raw newspaper text → paragraphs. Every text here was written for these tests."""

import json
import random
import time
from itertools import pairwise
from pathlib import Path

import pytest

from data.kinds import is_credit
from data.lines import INVISIBLE, columns
from data.paragraphs import ready_paragraphs, split_paragraphs
from data.records import Kind, Paragraph

SEED = Path(__file__).resolve().parents[1].parent / "shared" / "seed"

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


# --- what is apart stays apart ---


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n　　"])
def test_paragraphs_of_one_line_each(between: str) -> None:
    lines = [FIRST, "效果如何？", "“比以前快多了。”刚办完手续的牧民说。", "“材料交一次就行！”", SECOND, "大家都说好……", THIRD, "成效明显。"]
    assert texts(between.join(lines)) == lines


@pytest.mark.parametrize("between", ["\n", "\n\n"])
@pytest.mark.parametrize(
    "heading",
    [
        "讲效率——压缩办理环节 缩短等候时间",
        "聚焦主责，提升效能",
        "减下去的是证明，提上来的是信任",
        "一、把该放的权放下去",
        "（二）强化监督，压实责任",
        "3.优化窗口设置",
        "◆ 窗口前移",
        "第二章 办理程序",
        "【窗口故事】",
        "从“找人办”到“上门办”",
    ],
)
def test_headings_are_glued_to_nothing(heading: str, between: str) -> None:
    text = between.join(["大厅里的新变化", FIRST, heading, SECOND, THIRD])
    assert kinds(text) == [("title", "大厅里的新变化"), ("body", FIRST), ("heading", heading), ("body", SECOND), ("body", THIRD)]


def test_a_heading_after_a_paragraph_without_its_full_stop() -> None:
    text = f"{FIRST.rstrip('。')}\n收费目录晒出来\n{SECOND}"
    assert texts(text) == [FIRST.rstrip("。"), "收费目录晒出来", SECOND]


def test_all_heading_like_lines_before_the_first_body_are_titles() -> None:
    lines = ["深化改革在基层", "一枚印章管到底", "——某县推进审批服务便民化纪实", "本报记者 斯琴 通讯员 王小川", FIRST]
    assert [kind for kind, _ in kinds("\n".join(lines))] == ["title", "title", "title", "credit", "body"]


@pytest.mark.parametrize(
    "title", ["县里召开作风建设推进会，要求把会议减下来、把效率提上去，让干部有更多时间下村", "办事大厅为啥不排队了？", "等了三年的证，今天拿到了！"]
)
def test_long_and_asking_headlines_are_titles(title: str) -> None:
    assert kinds(f"{title}\n\n{FIRST}") == [("title", title), ("body", FIRST)]


def test_two_articles_in_one_file() -> None:
    text = f"一枚印章管到底\n\n{FIRST}\n\n收费目录晒出来\n\n{SECOND}\n\n（据《草原日报》）\n\n练兵场上比武忙\n\n淬火 砺剑\n\n{THIRD}\n\n巴特尔 摄"
    assert [kind for kind, _ in kinds(text)] == ["title", "body", "heading", "body", "credit", "title", "title", "body", "credit"]


@pytest.mark.parametrize(
    "credit",
    [
        "谭小亮 摄",
        "李　明 摄",
        "王建国摄",
        "（据《草原日报》）",
        "(据《草原日报》)",
        "记者 张三 通讯员 李四",
        "本报记者 ×××",
        "本报记者王五",
        "新华社记者 李明 摄",
        "来源：新华社",
        "责任编辑：×××",
        "（作者系某县县长）",
        "（作者单位：某县政务服务局，本报记者李明整理）",
        "文/图 本报记者 斯琴",
        "□ 本报记者 斯琴 乌兰",
        "（记者 张三）",
        "新华社发（李明 摄）",
        "受访者供图",
        "资料图片",
        "2023年5月1日",
        "本报评论员",
        "（完）",
    ],
)
def test_credit_lines(credit: str) -> None:
    assert kinds(f"{FIRST}\n{credit}\n{SECOND}") == [("body", FIRST), ("credit", credit), ("body", SECOND)]


@pytest.mark.parametrize(
    "text", ["记者走进办事大厅", "本报记者从县教育局获悉", "群众学会航空拍摄", "（试行）", "（全文）", "记者：您怎么看这次改革？", "编辑部的故事"]
)
def test_what_only_looks_like_a_credit(text: str) -> None:
    assert not is_credit(text)


@pytest.mark.parametrize(
    "caption",
    [
        "图为窗口人员正在帮老人填表。 李明 摄",
        "图为办事大厅一角",
        "图为五月一日，办事群众在大厅自助区办理业务，工作人员一旁讲解操作步骤",
        "▲牧民在家门口办证",
        "上图：流动办证车开进牧区。",
        "图①：帮办员上门服务",
        "大厅里，志愿者引导老人取号。 本报记者 斯琴 摄",
    ],
)
def test_captions(caption: str) -> None:
    assert kinds(f"{FIRST}\n{caption}\n{SECOND}") == [("body", FIRST), ("caption", caption), ("body", SECOND)]


@pytest.mark.parametrize("mark", ["一、{}", "（一）{}", "1.{}", "1、{}", "①{}", "第一条 {}", "●{}", "· {}", "（1）{}", "——{}"])
def test_list_items_begin_their_own(mark: str) -> None:
    items = [mark.format("能取消的证明一律取消，不留尾巴；"), mark.format("能下放的权限一律下放，不打折扣")]
    assert texts("\n".join([FIRST, *items, SECOND])) == [FIRST, *items, SECOND]


def test_a_number_that_begins_a_line_is_no_list_item() -> None:
    left, right = "县里的办件量连年上升，窗口却没有多开。去年办件增长了", "3.5个百分点，今年还在涨。"
    assert texts(f"{FIRST}\n\n{left}\n\n{right}") == [FIRST, left + right]


def test_items_without_marks_are_headings_only_where_body_follows() -> None:
    text = f"{FIRST}\n1.减证明\n{SECOND}\n2.减环节\n3.减时限\n4.减跑动"
    assert [kind for kind, _ in kinds(text)] == ["body", "heading", "body", "body", "body", "body"]


def test_an_indented_line_begins_its_own_where_indentation_tells_starts() -> None:
    text = f"一枚印章管到底\n　　{FIRST}\n　　县里把检查并成一次，企业迎检少了六成，腾出人手\n全部充实到一线，服务更快了。\n　　{THIRD}"
    assert texts(text) == ["一枚印章管到底", FIRST, "县里把检查并成一次，企业迎检少了六成，腾出人手全部充实到一线，服务更快了。", THIRD]


def test_a_credit_in_the_same_line_ends_its_paragraph() -> None:
    for credit in ("（记者 张三）", "（本报记者 斯琴 通讯员 王小川）", " 本报记者 斯琴", "来源：新华社"):
        assert texts(f"{FIRST}{credit}\n{SECOND}") == [FIRST + credit, SECOND]


def test_a_lead_without_a_full_stop_is_left_alone_in_a_text_that_is_not_broken() -> None:
    lead = "县里把二十七项许可收进一个窗口，群众交一套材料就能办完，办事更加省心省力"
    assert texts("\n".join(["一枚印章管到底", SECOND, lead, FIRST, THIRD])) == ["一枚印章管到底", SECOND, lead, FIRST, THIRD]


def test_half_width_marks_of_web_copy() -> None:
    def web(text: str) -> str:
        return text.translate(str.maketrans("，。：；？！（）", ",.:;?!()"))

    text = f"{web(FIRST)}\n\n县里的检查并成一次.企业迎检少了六成,腾出人手\n\n全部充实到一线,服务更快了.\n\n(据《草原日报》)\n\n{web(SECOND)}"
    joined = "县里的检查并成一次.企业迎检少了六成,腾出人手全部充实到一线,服务更快了."
    assert kinds(text) == [("body", web(FIRST)), ("body", joined), ("credit", "(据《草原日报》)"), ("body", web(SECOND))]


def test_verse_and_slogans_within_an_article_are_lines_of_body() -> None:
    slogans = ["少开一次会", "少发一份文", "多走一个村", "多办一件事"]
    assert kinds("\n".join(["作风新气象", FIRST, *slogans, THIRD])) == [
        ("title", "作风新气象"),
        ("body", FIRST),
        *[("body", line) for line in slogans],
        ("body", THIRD),
    ]
    assert [kind for kind, _ in kinds("\n".join(["村口的标语", *slogans]))] == ["title", "body", "body", "body", "body"]
    assert texts("风吹草低，\n牛羊成群。\n窗口到村，\n证件到门。") == ["风吹草低，牛羊成群。", "窗口到村，证件到门。"]


def test_a_single_line() -> None:
    assert kinds("一枚印章管到底") == [("title", "一枚印章管到底")]
    assert kinds(THIRD) == [("body", THIRD)]


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
