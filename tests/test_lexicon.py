"""What the lexicon says of a text: the numbers that the network reads beside the characters."""

from pathlib import Path

import numpy as np
import pytest

from data.departments.lexicon import ENDINGS, lexicon_names
from model.lexicon import CENTRAL, ENDING, LEXICON_CHANNELS, LEXICON_ROWS, MOST_ENDINGS, NEXT, NOWHERE, ORGAN, REGION, Lexicon

NAMES = {"region": ["内蒙古", "内蒙古自治区", "呼和浩特市"], "organ": ["公安局", "人社厅"], "central": ["国务院"], "ending": ["局", "厅", "院"]}


def said(text: str, channel: int, names: dict[str, list[str]] | None = None) -> list[int]:
    """What the channel says, counted from the channel's own first row."""
    values: list[int] = (Lexicon(NAMES if names is None else names).ids(text) - NOWHERE)[:, channel].tolist()
    return values


def test_the_longest_name_at_a_place_wins() -> None:
    assert said("在内蒙古自治区，内蒙古", REGION) == [0, 1, 2, 2, 2, 2, 3, 0, 1, 2, 3]


def test_organs_and_central_organs_have_channels_of_their_own() -> None:
    text = "国务院和呼和浩特市公安局"
    assert said(text, CENTRAL) == [1, 2, 3] + [0] * 9
    assert said(text, ORGAN) == [0] * 9 + [1, 2, 3]
    assert said(text, REGION) == [0] * 4 + [1, 2, 2, 2, 3] + [0] * 3


def test_an_ending_is_told_where_it_ends_and_announced_before() -> None:
    text = "市公安局长说，厅"
    assert said(text, ENDING) == [0, 0, 0, 1, 0, 0, 0, 2]
    # number * 10 + distance; a mark ends the view
    assert said(text, NEXT) == [13, 12, 11, 0, 0, 0, 21, 0]


def test_a_far_ending_is_only_far() -> None:
    assert said("一二三四五六七八九十局", NEXT)[:3] == [19, 19, 18]


def test_names_that_overlap_a_rare_character_keep_code_point_offsets() -> None:
    assert said("𠮷在内蒙古", REGION) == [0, 0, 1, 2, 3]


def test_an_empty_lexicon_says_nothing() -> None:
    ids = Lexicon({}).ids("国务院")
    assert ids.shape == (3, LEXICON_CHANNELS)
    assert (ids == NOWHERE).all()
    assert Lexicon(NAMES).ids("").shape == (0, LEXICON_CHANNELS)


def test_every_number_is_a_row_of_its_own_channel() -> None:
    ids = Lexicon(lexicon_names()).ids("内蒙古自治区人力资源和社会保障厅、国家税务总局会同呼和浩特市公安局印发通知。" * 5)
    edges = np.append(NOWHERE, LEXICON_ROWS)
    for channel in range(LEXICON_CHANNELS):
        assert ids[:, channel].min() >= edges[channel]
        assert ids[:, channel].max() < edges[channel + 1]
    assert len(ENDINGS) <= MOST_ENDINGS


def test_a_saved_lexicon_says_the_same(tmp_path: Path) -> None:
    lexicon = Lexicon(lexicon_names())
    lexicon.save(tmp_path / "lexicon.tsv")
    text = "自治区党委编办会同内蒙古自治区公安厅、呼和浩特市市场监督管理局清理证明"
    assert np.array_equal(Lexicon.from_file(tmp_path / "lexicon.tsv").ids(text), lexicon.ids(text))


@pytest.mark.parametrize(("line", "number"), [("region 北京", 1), ("region\t北京\nplace\t上海", 2), ("region\t", 1)])
def test_a_line_that_is_no_name_is_told_with_its_place(tmp_path: Path, line: str, number: int) -> None:
    (tmp_path / "lexicon.tsv").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"lexicon.tsv:{number}: expected a kind"):
        Lexicon.from_file(tmp_path / "lexicon.tsv")


def test_too_many_endings_are_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {MOST_ENDINGS} endings, got {MOST_ENDINGS + 1}"):
        Lexicon({"ending": [chr(0x4E00 + i) for i in range(MOST_ENDINGS + 1)]})
