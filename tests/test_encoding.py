"""Text → ids and offsets, in windows; and back from window scores to the paragraph's."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model.batching import batches, distinct_windows
from model.decoding import best_tags, decode_spans, merge_tag_logits, merge_theme_logits
from model.encoding import Encoder, window_spans
from model.folding import fold
from model.tags import TAGS, B, E, I, O, S, spans_to_tags, tags_to_spans

CHARACTERS = "自治区党委政府教育厅人社精减提速规范市县公安局，。、（）：？台湾万与医书1230a"


def encoder(window: int = 10, overlap: int = 2) -> Encoder:
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(CHARACTERS)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Encoder(tokenizer, window, overlap)


@pytest.mark.parametrize(
    ("count", "size", "overlap", "expected"),
    [
        (0, 4, 1, [(0, 0)]),
        (4, 4, 1, [(0, 4)]),
        (5, 4, 1, [(0, 4), (1, 5)]),
        (7, 4, 1, [(0, 4), (3, 7)]),
        (8, 4, 1, [(0, 4), (3, 7), (4, 8)]),
        (10, 4, 0, [(0, 4), (4, 8), (6, 10)]),
    ],
)
def test_windows(count: int, size: int, overlap: int, expected: list[tuple[int, int]]) -> None:
    assert list(window_spans(count, size, overlap)) == expected


def test_overlap_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overlap must be in \[0, 4\), got 4"):
        list(window_spans(10, 4, 4))


@given(st.text(alphabet=CHARACTERS + " \u3000\n𠮷é臺", max_size=60))
def test_every_character_that_is_no_space_lies_in_a_token_and_every_token_in_a_window(text: str) -> None:
    (encoding,) = encoder().encode([text])
    covered = {i for start, end in encoding.offsets for i in range(start, end)}
    assert covered == {i for i, character in enumerate(text) if not character.isspace()}
    seen = {window.start + i for window in encoding.windows for i in range(window.tokens)}
    assert seen == set(range(len(encoding.offsets)))
    assert all(len(window) <= 10 for window in encoding.windows)


@pytest.mark.parametrize(
    ("sent", "folded"),
    [
        ("自治区党委,政府", "自治区党委，政府"),
        ("１２３ＡＢ％", "123AB%"),
        ("投资2,300.5亿", "投资2,300.5亿"),
        ("臺灣與醫書", "台湾与医书"),
        ("(据报):好?", "（据报）：好？"),
        ("Wi-Fi: ok", "Wi-Fi: ok"),
        ("全　角", "全 角"),
        ("𠮷林", "𠮷林"),
    ],
)
def test_fold(sent: str, folded: str) -> None:
    assert fold(sent) == folded


@given(st.text())
def test_fold_keeps_every_offset(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_traditional_and_half_width_text_reads_as_simplified_full_width_text_does() -> None:
    one, other = encoder().encode(["自治區黨委,政府", "自治区党委，政府"])
    assert one.windows[0].input_ids.tolist() == other.windows[0].input_ids.tolist()
    assert 1 not in one.windows[0].input_ids


def test_offsets_count_code_points_beyond_the_basic_plane() -> None:
    (encoding,) = encoder(20).encode(["𠮷市教育厅"])
    assert encoding.offsets.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]


def test_spans_become_tags_and_come_back() -> None:
    offsets = np.array([[i, i + 1] for i in range(8)], np.int32)
    tags, inexact = spans_to_tags([(0, 1), (2, 5), (5, 7)], offsets)
    assert tags == [S, O, B, I, E, B, E, O]
    assert inexact == 0
    assert tags_to_spans(tags) == [(0, 1), (2, 5), (5, 7)]


def test_a_span_edge_inside_a_token_is_counted() -> None:
    tags, inexact = spans_to_tags([(1, 4)], np.array([[0, 2], [2, 3], [3, 4]], np.int32))
    assert (tags, inexact) == ([B, I, E], 1)


@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=5, max_size=5), min_size=1, max_size=7))
def test_no_illegal_span_can_come_out_and_the_likeliest_legal_one_does(rows: list[list[float]]) -> None:
    logits = np.array(rows, np.float32)
    tags = best_tags(logits)
    follows = {"O": "OBS", "B": "IE", "I": "IE", "E": "OBS", "S": "OBS"}
    names = [TAGS[tag] for tag in tags]
    assert names[0] in "OBS"
    assert names[-1] in "OES"
    assert all(after in follows[before] for before, after in itertools.pairwise(names))

    def legal(prefix: list[int]) -> list[list[int]]:
        if len(prefix) == len(logits):
            return [prefix] if TAGS[prefix[-1]] in "OES" else []
        options = "OBS" if not prefix else follows[TAGS[prefix[-1]]]
        return [one for tag in options for one in legal([*prefix, TAGS.index(tag)])]

    if len(logits) <= 5:
        best = max(sum(float(logits[i, tag]) for i, tag in enumerate(one)) for one in legal([]))
        assert sum(float(logits[i, tag]) for i, tag in enumerate(tags)) == pytest.approx(best, abs=1e-4)


def test_span_score_is_that_of_the_least_sure_token() -> None:
    (encoding,) = encoder().encode(["公安局"])
    logits = np.full((3, 5), -20, np.float32)
    logits[0, B], logits[1, I], logits[1, E], logits[2, O], logits[2, E] = 20, np.log(3), 0, 0, 0  # BIE has 3 parts in 4, BEO has 1
    (span,) = decode_spans(encoding, logits)
    assert (span.start, span.end) == (0, 3)
    assert span.score == pytest.approx(0.75, abs=1e-5)


def test_overlapping_windows_are_read_where_they_see_most() -> None:
    (encoding,) = encoder(window=8, overlap=3).encode(["自治区党委政府教育"])  # 9 tokens in windows of 6: 0-6 and 3-9
    assert [(window.start, window.tokens) for window in encoding.windows] == [(0, 6), (3, 6)]
    first, second = np.zeros((8, 5), np.float32), np.ones((8, 5), np.float32)
    assert merge_tag_logits(encoding, [first, second])[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert merge_theme_logits([np.array([1.0, -2.0], np.float32), np.array([-1.0, 3.0], np.float32)]).tolist() == [1.0, 3.0]


def test_batches_keep_to_the_budget_longest_first_and_compute_repeats_once() -> None:
    encodings = encoder(20).encode(["自治区", "自治区党委政府", "自治区", "党"])
    windows, indices = distinct_windows(encodings)
    assert indices == [(0,), (1,), (0,), (2,)]
    made = list(batches(windows, token_budget=10))
    assert [(batch.rows, batch.input_ids.shape) for batch in made] == [((1,), (1, 9)), ((0, 2), (2, 5))]
    assert made[1].attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert [batch.input_ids.shape for batch in batches(windows, 10, length_step=8)] == [(1, 16), (1, 8), (1, 8)]


def test_a_window_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    windows, _ = distinct_windows(encoder(20).encode(["自治区党委政府教育厅"]))
    assert [batch.input_ids.shape for batch in batches(windows, token_budget=4)] == [(1, 12)]
