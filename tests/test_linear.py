"""The linear part of the theme head: n-grams listed, weighed and added up."""

from pathlib import Path

import numpy as np
import pytest

from data.corpus import Record
from data.themes import Theme
from model.encoding import Encoder
from model.ngrams import LONGEST, NGRAM_COLUMNS, NgramIndex, ngram_hashes
from tests.fakes import fake_encoder
from training.linear import fit_linear, linear_logits, scales

THEMES = (Theme("a", "减", "A", "减。"), Theme("b", "速", "B", "速。"))
TEXTS = ["取消证明", "加快审批", "天气晴好", "取消证明加快审批"]


def record(number: int) -> Record:
    text = TEXTS[number % 4] + chr(0x4E00 + number % 7)
    return Record(str(number), text, tuple(label for label, word in (("减", "取消"), ("速", "加快")) if word in text), None)


@pytest.fixture
def encoder() -> Encoder:
    return fake_encoder(64, 8)


def test_what_tells_a_theme_is_learnt(encoder: Encoder) -> None:
    hashes, table = fit_linear([record(i) for i in range(80)], THEMES, encoder, most=1000)
    index = NgramIndex(hashes)
    assert table.shape == (len(hashes) + 1, 3)
    assert (table[0] == 0).all()
    assert (linear_logits(table, index, ["今天取消证明", "今天加快审批", "今天天气晴好"], encoder) > 0).tolist() == [
        [True, False],
        [False, True],
        [False, False],
    ]


def test_only_so_many_ngrams_are_listed_and_those_that_tell_most(encoder: Encoder) -> None:
    hashes, table = fit_linear([record(i) for i in range(80)], THEMES, encoder, most=12)
    assert len(hashes) == 12
    less, faster = linear_logits(table, NgramIndex(hashes), ["取消证明", "加快审批"], encoder)
    assert less[0] > faster[0] + 1
    assert faster[1] > less[1] + 1


def test_each_ngram_counts_once_for_themes_and_everywhere_for_departments(encoder: Encoder) -> None:
    (window,) = encoder.encode(["取消取消"])[0].windows
    hashes = np.unique(ngram_hashes(window.input_ids)[ngram_hashes(window.input_ids) != 0])
    both = NgramIndex(hashes, hashes[2:]).ids([window.input_ids])[0]
    ids, everywhere = both[:, :LONGEST], both[:, LONGEST:]
    # 取 消 取消 消取 取消取 消取消 取消取消, of which the first three also stand a second time
    assert (ids > 0).sum(axis=1).tolist() == [0, 4, 3, 0, 0, 0]
    assert len(set(ids[ids > 0].tolist())) == 7
    again = np.where(ngram_hashes(window.input_ids) == 0, 0, np.searchsorted(hashes, ngram_hashes(window.input_ids)) + 1)
    assert (everywhere == np.maximum(again - 2, 0)).all()  # the first two hashes are not among its own


def test_unlisted_ngrams_and_special_tokens_have_no_row(encoder: Encoder) -> None:
    (window,) = encoder.encode(["取消"])[0].windows
    assert (NgramIndex().ids([window.input_ids])[0] == 0).all()
    assert NgramIndex().ids([window.input_ids])[0].shape == (4, NGRAM_COLUMNS)
    assert (ngram_hashes(window.input_ids)[[0, -1]] == 0).all()


def test_a_saved_index_is_read_back_and_a_wrong_one_refused(tmp_path: Path) -> None:
    NgramIndex(np.array([3, 9, 2**63], np.uint64), np.array([4], np.uint64)).save(tmp_path / "ngrams.npz")
    read = NgramIndex.from_file(tmp_path / "ngrams.npz")
    assert (read.themes.tolist(), read.departments.tolist()) == ([3, 9, 2**63], [4])
    np.savez(tmp_path / "wrong.npz", themes=np.array([3], np.uint64), departments=np.array([9, 3], np.uint64))
    with pytest.raises(ValueError, match=r"wrong.npz: departments: expected ascending uint64 hashes"):
        NgramIndex.from_file(tmp_path / "wrong.npz")
    np.savez(tmp_path / "half.npz", themes=np.array([3], np.uint64))
    with pytest.raises(ValueError, match=r"half.npz: expected two lists of hashes"):
        NgramIndex.from_file(tmp_path / "half.npz")
    np.save(tmp_path / "old.npy", np.array([3], np.uint64))
    with pytest.raises(ValueError, match=r"old.npy: expected two lists of hashes"):
        NgramIndex.from_file(tmp_path / "old.npy")


def test_a_part_that_tells_nothing_gets_no_weight() -> None:
    labels = np.array([[1], [0]] * 20)
    good = np.where(labels == 1, 2.0, -2.0) + np.linspace(-1, 1, 40)[:, None]
    assert scales(good, -good, labels).tolist() == [0.0]
    assert scales(good, good, labels)[0] == pytest.approx(1.0)
    assert scales(good, 2 * good, labels)[0] == pytest.approx(0.5, rel=0.25)
    assert scales(good, good, np.zeros((40, 1), np.int64)).tolist() == [0.0]
