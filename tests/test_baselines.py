"""The baselines that a bundle must beat."""

from collections.abc import Sequence

import pytest

from data.corpus import Record, Span
from data.themes import Theme, read_themes
from training.baselines import KeywordLabeller, LongestMatchLabeller, TfidfLabeller

THEMES = (Theme("alpha", "甲", "A", "说甲。"), Theme("beta", "乙", "B", "说乙。"))


def record(name: str, text: str, themes: Sequence[str] | None = (), spans: Sequence[str] | None = ()) -> Record:
    found = None if spans is None else tuple(Span(text.index(one), text.index(one) + len(one), one) for one in spans)
    return Record(name, text, None if themes is None else tuple(themes), found)


KEYWORD_CASES = [
    ("区行政审批局把开饭店的审批事项取消了六项，材料精简一半。", {"精减"}),
    ("不动产登记的办理时限由五个工作日压缩到一个工作日，实现当日办结。", {"提速"}),
    ("州里印发部门权责清单，厘清三家单位的职责边界。", {"规范"}),
    ("凌晨四点，某旅官兵在高原靶场展开实弹射击训练。", {"军事训练"}),
    ("镇里昨天组织了一次消防演练，三百名居民参加。", set()),
    ("新开的高铁提速到三百五十公里。", set()),
    ("落实减税降费，企业一季度少缴两千万元。", set()),
    ("市语委办检查街面招牌，规范用字。", set()),
]


@pytest.mark.parametrize(("text", "expected"), KEYWORD_CASES)
def test_keyword_rules(text: str, expected: set[str]) -> None:
    (prediction,) = KeywordLabeller(read_themes()).label([record("k", text)])
    assert prediction.given == expected
    assert prediction.spans is None
    assert prediction.scores is not None
    assert [score > 0 for score in prediction.scores] == [theme.label in expected for theme in read_themes()]


def test_a_theme_without_keywords_is_never_given() -> None:
    (prediction,) = KeywordLabeller(THEMES).label([record("k", "甲乙审批事项取消")])
    assert (prediction.given, prediction.scores) == (frozenset(), (0.0, 0.0))


def test_tfidf_learns_from_known_labels_only() -> None:
    train = [record(f"a{i}", f"今天第{i}批苹果很甜，果园丰收", ["甲"]) for i in range(8)]
    train += [record(f"b{i}", f"昨天第{i}场足球很精彩，球迷高兴", []) for i in range(8)]
    train += [record(f"c{i}", f"今天第{i}批苹果很甜，果园丰收", None) for i in range(40)]
    labeller = TfidfLabeller(train, THEMES)
    fruit, ball = labeller.label([record("x", "明天的苹果也很甜"), record("y", "明天的足球也精彩")])
    assert (fruit.given, ball.given) == (frozenset({"甲"}), frozenset())
    assert fruit.scores is not None
    assert fruit.scores[0] > 0 > fruit.scores[1]  # no training paragraph has 乙
    assert labeller.label([]) == []


def test_longest_match_takes_the_leftmost_and_longest_known_name() -> None:
    train = [record("t", "自治区教育厅、教育厅、市委办和市委", [], ["自治区教育厅", "市委办"]), record("u", "教育厅和市委", None, ["教育厅", "市委"])]
    text = "自治区教育厅会同教育厅、市委办公会、市委；第二自治區教育廳"
    (prediction,) = LongestMatchLabeller(train).label([record("x", text)])
    assert prediction.spans is not None
    assert [text[span.start : span.end] for span in prediction.spans] == ["自治区教育厅", "教育厅", "市委办", "市委", "自治區教育廳"]
    assert prediction.scores is None
