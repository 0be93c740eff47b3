"""Windows → batches: the token budget holds padding included, longest first, and what is the same is computed once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.batching import batches, distinct_windows
from model.encoding import Window
from tests.fakes import fake_encoder


def window(text: str) -> Window:
    """The one window of a text; with its two special tokens it is two longer than the text."""
    (only,) = fake_encoder(512, 96).encode([text])[0].windows
    return only


def of_lengths(*lengths: int) -> list[Window]:
    return [window("甲" * (length - 2)) for length in lengths]


def test_what_is_the_same_is_kept_once_wherever_it_stands() -> None:
    # Windows of three characters, side by side: 丁戊己, 甲乙丙 and 丁戊己, 甲乙丙.
    encodings = fake_encoder(5, 0).encode(["丁戊己", "甲乙丙丁戊己", "甲乙丙", "甲乙"])
    windows, indices = distinct_windows(encodings)
    assert indices == [(0,), (1, 0), (1,), (2,)]
    assert [one.input_ids.tolist() for one in windows] == [window(text).input_ids.tolist() for text in ("丁戊己", "甲乙丙", "甲乙")]


def test_an_empty_paragraph_has_a_window_too() -> None:
    windows, indices = distinct_windows(fake_encoder(5, 0).encode(["", "甲", ""]))
    assert indices == [(0,), (1,), (0,)]
    assert [len(one) for one in windows] == [2, 3]


def test_nothing_makes_no_batch() -> None:
    assert distinct_windows([]) == ([], [])
    assert list(batches([])) == []


def test_longest_first_and_equals_in_order() -> None:
    made = list(batches(of_lengths(3, 5, 3, 6, 5), token_budget=12))
    assert [batch.rows for batch in made] == [(3, 1), (4, 0), (2,)]
    assert [batch.input_ids.shape for batch in made] == [(2, 6), (2, 5), (1, 3)]


def test_padding_is_0_and_masked() -> None:
    windows = [window("甲"), window("甲乙丙"), window("")]
    (batch,) = batches(windows, token_budget=15)
    assert batch.rows == (1, 0, 2)
    cls, sep = windows[2].input_ids.tolist()
    first, second, third = windows[1].input_ids.tolist()[1:-1]
    assert batch.input_ids.tolist() == [[cls, first, second, third, sep], [cls, first, sep, 0, 0], [cls, sep, 0, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]
    assert batch.input_ids.dtype == batch.attention_mask.dtype == np.int32


@pytest.mark.parametrize(
    ("budget", "step", "shapes"),
    [
        (16, 1, [(2, 7), (3, 5)]),
        (16, 8, [(2, 8), (2, 8), (1, 8)]),
        (15, 8, [(1, 8)] * 5),
        (32, 8, [(4, 8), (1, 8)]),
        (1, 1, [(1, 7), (1, 6), (1, 5), (1, 4), (1, 4)]),
    ],
)
def test_the_budget_counts_padding_and_rounded_lengths(budget: int, step: int, shapes: list[tuple[int, int]]) -> None:
    assert [batch.input_ids.shape for batch in batches(of_lengths(5, 4, 7, 4, 6), budget, step)] == shapes


@given(st.lists(st.text("甲乙丙丁", max_size=18), max_size=20), st.integers(1, 64), st.sampled_from([1, 3, 8]))
def test_every_window_is_in_one_batch_as_it_is(texts: list[str], budget: int, step: int) -> None:
    windows = [window(text) for text in texts]
    made = list(batches(windows, budget, step))
    assert sorted(row for batch in made for row in batch.rows) == list(range(len(windows)))
    for batch in made:
        rows, length = batch.input_ids.shape
        assert len(batch.rows) == rows
        assert rows == 1 or rows * length <= budget
        assert length % step == 0
        for row, ids, mask in zip(batch.rows, batch.input_ids, batch.attention_mask, strict=True):
            assert ids[mask == 1].tolist() == windows[row].input_ids.tolist()
            assert mask.tolist() == sorted(mask.tolist(), reverse=True)
            assert not ids[mask == 0].any()
    lengths = [len(windows[row]) for batch in made for row in batch.rows]
    assert lengths == sorted(lengths, reverse=True)
