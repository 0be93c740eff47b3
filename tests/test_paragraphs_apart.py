"""Raw newspaper text → paragraphs: what is apart stays apart, and what kind each is. Every text here was written for these tests."""

import pytest

from data.kinds import is_credit
from tests.articles import FIRST, SECOND, THIRD, kinds, texts

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
