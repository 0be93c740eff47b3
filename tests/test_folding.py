"""Folding changes characters and never their number: offsets into the folded text are offsets into the text as sent."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.folding import fold

MARKS, FULL_MARKS = ",;:?!()", "，；：？！（）"
# What newsrooms send, and what has tripped others: planes beyond the first, joiners, marks that combine, every kind of space.
MIXED = "臺灣國務院市局𠮷𪚥１２Ａｚ％，,;:?!()（）“”。、 \u3000\xa0\t\r\n\u200b\ufeff\u0301é🇨👨‍👩ﷺİßﬃ"


@given(st.one_of(st.text(), st.text(alphabet=MIXED)))
def test_every_offset_is_kept(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    # What no rule speaks of stays where it stands.
    assert all(fold(character) == character for character in folded if character not in "苧")
    assert [i for i, character in enumerate(text) if character in "𠮷𪚥\n\r"] == [i for i, character in enumerate(folded) if character in "𠮷𪚥\n\r"]


@given(st.text(alphabet=MIXED), st.text(alphabet=MIXED))
def test_what_stands_after_a_line_break_does_not_matter(before: str, after: str) -> None:
    assert fold(before + "\n" + after) == fold(before) + "\n" + fold(after)


def test_full_width_letters_and_digits_become_ascii() -> None:
    for character in string.ascii_letters + string.digits + "%+-./$":
        assert fold(chr(ord(character) + 0xFEE0)) == character


def test_full_width_marks_are_what_chinese_is_written_with_and_stay() -> None:
    kept = FULL_MARKS + "。、“”‘’《》【】—…·＂＃＝＆＠"
    assert fold(kept) == kept


@pytest.mark.parametrize(("half", "full"), list(zip(MARKS, FULL_MARKS, strict=True)))
def test_half_width_marks_become_full_width_beside_chinese_only(half: str, full: str) -> None:
    assert fold(f"市{half}") == f"市{full}"
    assert fold(f"{half}市") == f"{full}市"
    assert fold(f"”{half}") == f"”{full}"
    assert fold(f"𠮷{half}") == f"𠮷{full}"
    assert fold(f"國{half}") == f"国{full}"
    for alone in (half, f"a{half}b", f"2{half}3", f" {half} ", f"市 {half}1"):
        assert fold(alone) == alone


def test_a_run_of_marks_after_chinese_is_folded_whole() -> None:
    assert fold("市教育局(以下简称“局”),2024年") == "市教育局（以下简称“局”），2024年"


def test_corner_brackets_become_quotes() -> None:
    assert fold("會議通過「放管服」改革『二十條』") == "会议通过“放管服”改革‘二十条’"
    assert fold("﹁局﹂﹃委﹄〝廳〞,三〜五日｡") == "“局”‘委’“厅”，三～五日。"


@pytest.mark.parametrize("space", "\u3000\xa0\u2002\u2003\u2009\u202f\u205f\t")
def test_spaces_are_one_space(space: str) -> None:
    assert fold(f"张{space}三") == "张 三"


@pytest.mark.parametrize("other", ["\n", "\r\n", "\u200b", "\ufeff", "🇨🇳", "e\u0301", "İ", "ß", "ﬃ", "①", "𠮷", ""])
def test_what_has_no_single_other_form_stays(other: str) -> None:
    assert fold(other) == other


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("國務院臺灣事務辦公室", "国务院台湾事务办公室"),
        ("內蒙古自治區黨委機構編制委員會", "内蒙古自治区党委机构编制委员会"),
        ("軍隊訓練規範", "军队训练规范"),
        ("𠮷林縣縣長", "𠮷林县县长"),
    ],
)
def test_traditional_becomes_simplified_character_for_character(traditional: str, simplified: str) -> None:
    assert fold(traditional) == simplified
    assert fold(simplified) == simplified


def test_a_mixed_line_folds_all_at_once() -> None:
    assert fold("　據報,２０２４年Ａ市縮短(１０個)工作日") == " 据报，2024年A市缩短（10个）工作日"


def test_only_chinese_letters_spaces_and_marks_are_ever_changed() -> None:
    changed = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and fold(chr(code)) != chr(code)]
    assert len(changed) > 4000
    full_width = {chr(ord(character) + 0xFEE0) for character in string.ascii_letters + string.digits + "%+-./$"}
    others = set("「」『』﹁﹂﹃﹄〝〞｡〜\u3000\xa0\u2002\u2003\u2009\u202f\u205f\t")
    assert {one for one in changed if unicodedata.category(one) != "Lo"} == full_width | others
