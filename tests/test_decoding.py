"""Scores → labels: no illegal span comes out, the likeliest legal one does, windows become one paragraph, scores are probabilities."""

import itertools
import re
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.decoding import Calibration, ScoredSpan, best_tags, decode_all, decode_spans, merge_tag_logits, merge_theme_logits
from model.encoding import Encoding
from model.session import FloatArray
from model.tags import NO_TRANSITIONS, TAGS, B, E, I, O, S, Transitions, tags_to_spans
from tests.fakes import fake_encoder

STEPS = (
    (0.0, -4.4, 0.0, 0.0, -6.5),
    (0.0, 0.0, -0.5, -4.8, 0.0),
    (0.0, 0.0, 0.7, -1.5, 0.0),
    (-4.2, -6.8, 0.0, 0.0, -6.5),
    (-6.5, -6.5, 0.0, 0.0, -6.5),
)
"""Steps between tags as a random field learns them."""
LEGAL = re.compile("(O|S|BI*E)*")
LOGITS = st.integers(-40, 40).map(lambda tenths: np.float32(tenths / 4))


def text_of(tags: list[int]) -> str:
    return "".join(TAGS[tag] for tag in tags)


@cache
def legal_sequences(count: int) -> list[tuple[int, ...]]:
    """Every legal sequence of ``count`` tags, by trying all."""
    return [one for one in itertools.product(range(len(TAGS)), repeat=count) if LEGAL.fullmatch(text_of(list(one)))]


def logits_of(least: int, most: int) -> st.SearchStrategy[FloatArray]:
    return st.integers(least, most).flatmap(lambda count: arrays(np.float32, (count, len(TAGS)), elements=LOGITS))


def plain(count: int, size: int = 510, overlap: int = 96) -> Encoding:
    """``count`` tokens of a character each, in windows of ``size``."""
    return fake_encoder(size + 2, overlap).encode(["甲" * count])[0]


@given(logits_of(1, 5))
def test_the_likeliest_legal_sequence_is_found(logits: FloatArray) -> None:
    tags = best_tags(logits)
    assert LEGAL.fullmatch(text_of(tags))

    def total(sequence: tuple[int, ...]) -> float:
        return float(logits[np.arange(len(logits)), sequence].sum())

    # All logits are quarters, so sums are exact and ties are ties.
    assert total(tuple(tags)) == max(map(total, legal_sequences(len(logits))))


@given(logits_of(1, 40))
def test_no_illegal_span_comes_out_of_anything(logits: FloatArray) -> None:
    encoding = plain(len(logits))
    tags = text_of(best_tags(logits))
    assert LEGAL.fullmatch(tags)
    spans = decode_spans(encoding, logits)
    assert [(span.start, span.end) for span in spans] == [match.span() for match in re.finditer("S|BI*E", tags)]
    assert all(0 < span.score <= 1 for span in spans)


@pytest.mark.parametrize("tag", range(len(TAGS)), ids=TAGS)
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_a_head_that_always_says_one_thing(tag: int, size: float) -> None:
    for count in (1, 2, 9):
        tags = best_tags(np.tile(np.eye(len(TAGS), dtype=np.float32)[tag] * np.float32(size), (count, 1)))
        assert LEGAL.fullmatch(text_of(tags))
        names = count // 2 if tag in (B, E) else count - 2 if tag == I else count
        assert tags.count(tag) == max(0, names)


def test_an_end_that_nothing_began_is_mended_at_the_least_cost() -> None:
    logits = np.zeros((4, 5), np.float32)
    logits[0, O], logits[1, I], logits[2, E], logits[3, O] = 3, 1, 3, 3
    assert text_of(best_tags(logits)) == "OBEO"  # giving up I costs 1, giving up E costs 3


@pytest.mark.parametrize("steps", [STEPS, NO_TRANSITIONS], ids=["learnt", "none"])
@pytest.mark.parametrize("seed", range(300))
def test_looking_only_where_names_can_be_loses_none(seed: int, steps: Transitions) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 4, (60, len(TAGS))).astype(np.float32)
    logits[:, O] += random.choice([0.0, 3.0, 6.0, 9.0])
    whole = [(first, last) for first, last in tags_to_spans(best_tags(logits, steps))]
    assert [(span.start, span.end) for span in decode_spans(plain(60), logits, 1.0, steps)] == whole


@pytest.mark.parametrize("tags", [(O, B, I, I, I, E, O, O), (O, O, B, I, I, I, E, O)])
def test_no_name_begins_or_ends_where_the_decoder_cuts(tags: tuple[int, ...]) -> None:
    """The doubtful token, the first or the last of what would be a name, is cut off as outside; without its step the name would pay."""
    doubtful = 1 if tags[1] == B else 6
    logits = np.full((8, len(TAGS)), -20.0, np.float32)
    for i, tag in enumerate(tags):
        logits[i, O] = 10.0 if tag == O else 0.0
        if tag != O:
            logits[i, tag] = -1.3 if i == doubtful else 1.75
    assert text_of(best_tags(logits, STEPS)) == "O" * 8
    assert decode_spans(plain(8), logits, 1.0, STEPS) == []


def test_paragraphs_decoded_together_come_out_as_each_by_itself() -> None:
    random = np.random.default_rng(11)
    paragraphs = [random.normal(0, 4, (count, len(TAGS))).astype(np.float32) for count in (1, 40, 0, 7, 90)]
    for one in paragraphs:
        one[:, O] += 3
    encodings = [plain(len(one)) for one in paragraphs]
    together = decode_all(encodings, paragraphs, 1.7, STEPS)
    alone = [decode_spans(encoding, one, 1.7, STEPS) for encoding, one in zip(encodings, paragraphs, strict=True)]
    assert [[(span.start, span.end) for span in spans] for spans in together] == [[(span.start, span.end) for span in spans] for spans in alone]
    assert [span.score for spans in together for span in spans] == pytest.approx([span.score for spans in alone for span in spans], abs=1e-6)
    assert sum(map(len, together)) > 3


def test_a_name_that_only_its_two_steps_pay_for_is_found() -> None:
    steps = np.zeros((len(TAGS), len(TAGS)))
    steps[O, S] = steps[S, O] = 2.0
    logits = np.full((5, len(TAGS)), -20.0, np.float32)
    logits[:, O] = 0.0
    logits[2, S] = -3.0
    found = decode_spans(plain(5), logits, 1.0, tuple(map(tuple, steps.tolist())))
    assert [(span.start, span.end) for span in found] == [(2, 3)]


def test_steps_decide_where_tokens_do_not() -> None:
    logits = sure_of("OBIEO", 1.0)
    assert [(span.start, span.end) for span in decode_spans(plain(5), logits)] == [(1, 4)]
    assert decode_spans(plain(5), logits, 1.0, STEPS) == []  # a name costs more steps than its tokens pay
    assert [(span.start, span.end) for span in decode_spans(plain(5), 8 * logits, 1.0, STEPS)] == [(1, 4)]


def test_nothing_has_no_tags_and_no_spans() -> None:
    none = np.zeros((0, 5), np.float32)
    assert best_tags(none) == []
    assert decode_spans(plain(0), none) == []


def sure_of(tags: str, logit: float = 4.0) -> FloatArray:
    logits: FloatArray = np.eye(len(TAGS), dtype=np.float32)[[TAGS.index(tag) for tag in tags]] * np.float32(logit)
    return logits


def test_spans_are_characters_not_tokens() -> None:
    # 市 Wi-Fi 局, where the middle is one token and a space stands before it.
    offsets = np.array([[0, 1], [2, 7], [7, 8], [9, 10]], np.int32)
    encoding = replace(plain(4), offsets=offsets)
    assert [(span.start, span.end) for span in decode_spans(encoding, sure_of("BIES"))] == [(0, 8), (9, 10)]


def test_a_span_is_as_sure_as_its_least_sure_token_and_temperature_cools_it() -> None:
    logits = sure_of("OBIEO", 6.0)
    logits[2] = sure_of("I", 3.0)[0]

    def score(temperature: float, steps: FloatArray) -> float:
        """The least probability of a tag of the span, by adding up every legal sequence."""
        sequences = legal_sequences(5)
        totals = [sum(logits[i, tag] for i, tag in enumerate(one)) + sum(steps[a, b] for a, b in itertools.pairwise(one)) for one in sequences]
        weights = np.exp(np.array(totals, np.float64) / temperature)
        chosen = [sum(w for w, one in zip(weights, sequences, strict=True) if one[i] == [O, B, I, E, O][i]) / weights.sum() for i in (1, 2, 3)]
        return float(min(chosen))

    for temperature, steps in [(1.0, NO_TRANSITIONS), (2.0, NO_TRANSITIONS), (1.5, STEPS)]:
        (span,) = decode_spans(plain(5), logits, temperature, steps)
        assert (span.start, span.end) == (1, 4)
        assert span.score == pytest.approx(score(temperature, np.array(steps)), abs=1e-4)
    assert decode_spans(plain(5), logits, 2.0)[0].score < decode_spans(plain(5), logits, 1.0)[0].score


def test_logits_of_any_size_make_a_score() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_spans(plain(2), sure_of("BE", 1e5), 0.2) == [ScoredSpan(0, 2, 1.0)]


@given(st.integers(0, 60), st.integers(2, 20), st.data())
def test_windows_of_a_paragraph_become_the_paragraph(count: int, size: int, data: st.DataObject) -> None:
    """Each token is read once, from a window that no other sees farther from a cut."""
    encoding = plain(count, size, data.draw(st.integers(0, size - 1)))
    # Special tokens and padding say -1; a token says which window and which token it is.
    windows = []
    for number, window in enumerate(encoding.windows):
        logits = np.full((window.tokens + 2 + data.draw(st.integers(0, 3)), 2), -1, np.float32)
        logits[1 : 1 + window.tokens, 0] = number
        logits[1 : 1 + window.tokens, 1] = np.arange(window.start, window.start + window.tokens)
        windows.append(logits)
    merged = merge_tag_logits(encoding, windows)
    assert merged.shape == (count, 2)
    assert merged[:, 1].tolist() == list(range(count))

    def room(number: int, token: int) -> int:
        start, end = encoding.windows[number].start, encoding.windows[number].start + encoding.windows[number].tokens
        if not start <= token < end:
            return -1
        left = token - start if start else count
        right = end - 1 - token if end < count else count
        return min(left, right)

    for token, number in enumerate(merged[:, 0]):
        assert room(int(number), token) == max(room(other, token) for other in range(len(windows)))


def test_a_paragraphs_theme_is_that_of_its_likeliest_window() -> None:
    windows = [np.array(one, np.float32) for one in ([1, -3, 0], [-2, 5, 0], [0, 0, -1])]
    assert merge_theme_logits(windows).tolist() == [1, 5, 0]
    assert merge_theme_logits(windows[:1]).tolist() == [1, -3, 0]


@pytest.mark.parametrize(
    ("slope", "intercept", "logit", "score"),
    [(1.0, 0.0, 0.0, 0.5), (1.0, 0.0, np.log(3), 0.75), (2.0, 0.0, np.log(3), 0.9), (1.0, np.log(4), 0.0, 0.8), (0.5, -1.0, 2.0, 0.5)],
)
def test_calibration_is_platts(slope: float, intercept: float, logit: float, score: float) -> None:
    assert Calibration(slope, intercept).score(logit) == pytest.approx(score)


def test_calibrated_scores_are_plain_numbers_between_0_and_1_in_the_order_of_the_logits() -> None:
    calibration = Calibration(3.0, -0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = [calibration.score(logit) for logit in (-1e9, -50.0, -1.0, 0.0, 1.0, 5.0, 1e9)]
    assert scores == sorted(scores)
    assert all(type(score) is float and 0 <= score <= 1 for score in scores)
    assert scores[0] == pytest.approx(0)
    assert scores[-1] == pytest.approx(1)
