"""The tag scheme: its legal steps, and spans ↔ tags."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tags import ALLOWED, MAY_END, MAY_START, TAGS, B, E, I, O, S, spans_to_tags, tags_to_spans


def one_each(count: int) -> npt.NDArray[np.int32]:
    """Offsets of ``count`` tokens of a character each."""
    return np.array([[i, i + 1] for i in range(count)], np.int32).reshape(-1, 2)


def test_the_legal_steps_are_those_of_the_scheme() -> None:
    assert TAGS == ("O", "B", "I", "E", "S")
    legal = {f"{before}{after}" for i, before in enumerate(TAGS) for k, after in enumerate(TAGS) if ALLOWED[i, k]}
    assert legal == {"OO", "OB", "OS", "BI", "BE", "II", "IE", "EO", "EB", "ES", "SO", "SB", "SS"}
    assert {tag for tag, may in zip(TAGS, MAY_START, strict=True) if may} == {"O", "B", "S"}
    assert {tag for tag, may in zip(TAGS, MAY_END, strict=True) if may} == {"O", "E", "S"}


@pytest.mark.parametrize(
    ("spans", "tags"),
    [
        ([], [O, O, O, O, O]),
        ([(0, 5)], [B, I, I, I, E]),
        ([(0, 1), (1, 2)], [S, S, O, O, O]),
        ([(1, 3), (3, 5)], [O, B, E, B, E]),
        ([(2, 3)], [O, O, S, O, O]),
    ],
)
def test_spans_become_tags(spans: list[tuple[int, int]], tags: list[int]) -> None:
    assert spans_to_tags(spans, one_each(5)) == (tags, 0)
    assert tags_to_spans(tags) == spans


def test_no_tokens_have_no_tags() -> None:
    assert spans_to_tags([], one_each(0)) == ([], 0)
    assert tags_to_spans([]) == []


@pytest.mark.parametrize(
    ("span", "tags", "inexact"),
    [
        ((0, 4), [B, E, O], 0),  # both of its tokens are whole
        ((1, 4), [B, E, O], 1),  # begins inside the first token
        ((0, 3), [B, E, O], 1),  # ends inside the second
        ((1, 2), [S, O, O], 1),
        ((4, 5), [O, O, O], 1),  # a space: no token has it
        ((3, 6), [O, B, E], 1),
        ((2, 6), [O, B, E], 0),  # a space inside is no matter
    ],
)
def test_spans_that_tokens_do_not_fit_are_tagged_as_near_as_can_be_and_counted(span: tuple[int, int], tags: list[int], inexact: int) -> None:
    offsets = np.array([[0, 2], [2, 4], [5, 6]], np.int32)
    assert spans_to_tags([span], offsets) == (tags, inexact)


def test_a_token_of_no_width_is_outside() -> None:
    assert spans_to_tags([(0, 1)], np.array([[0, 0], [0, 1]], np.int32)) == ([O, S], 0)


@st.composite
def spans_of(draw: st.DrawFn, count: int = 12) -> list[tuple[int, int]]:
    """Spans in order that do not overlap."""
    edges = sorted(draw(st.sets(st.integers(0, count), max_size=count)))
    return [pair for pair in itertools.pairwise(edges) if draw(st.booleans())]


@given(spans_of())
def test_spans_come_back_and_their_tags_are_legal(spans: list[tuple[int, int]]) -> None:
    tags, inexact = spans_to_tags(spans, one_each(12))
    assert inexact == 0
    assert tags_to_spans(tags) == spans
    assert MAY_START[tags[0]]
    assert MAY_END[tags[-1]]
    assert ALLOWED[tags[:-1], tags[1:]].all()
