"""The runtimes over the bundle that ships: they agree, padding changes nothing, and what cannot run is told in a line."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model.batching import Batch, batches, distinct_windows
from model.bundle import BUNDLED, SERVING, read_bundle
from model.encoding import Encoder, Window
from model.errors import BundleError, RuntimeUnavailableError
from model.session import RUNTIMES, FloatArray, Scores, Session, default_threads, open_session
from model.tags import TAGS

WEIGHTS = BUNDLED / SERVING
NAMES = ["openvino", "onnxruntime"]
TEXTS = [
    "市教育局取消三项入学证明。",
    "县水利局把取水许可由十天办结压到三天，群众少跑两趟。",
    "",
    "好。",
    "武警某支队组织特战队员开展夜间实弹射击训练，锤炼官兵的实战本领。",
    "自治区党委编办同步公布部门责任清单，逐项写明由谁办理、依据什么、超期怎样追责，并把清单执行情况列入年度考核。" * 4,
]


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {name: open_session(WEIGHTS, name, threads=2) for name in NAMES}


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    bundle = read_bundle(BUNDLED)
    return distinct_windows(Encoder.from_folder(bundle.path, bundle.window_tokens, bundle.overlap_tokens).encode(TEXTS))[0]


def run(session: Session, windows: Sequence[Window], token_budget: int, length_step: int = 1) -> list[Scores]:
    """The scores of each window, without padding."""
    planned = list(batches(windows, token_budget, length_step))
    found: dict[int, Scores] = {}
    for batch, scores in zip(planned, session.run(planned), strict=True):
        assert scores.theme_logits.shape == (len(batch.rows), len(read_bundle(BUNDLED).themes))
        assert scores.tag_logits.shape == (*batch.input_ids.shape, len(TAGS))
        for place, row in enumerate(batch.rows):
            found[row] = Scores(scores.theme_logits[place], scores.tag_logits[place, : len(windows[row])])
    return [found[row] for row in range(len(windows))]


def probabilities(scores: Sequence[Scores]) -> FloatArray:
    """Of each theme and tag, of all windows in a row: unlike logits they are of one size whatever the weights."""
    themes = [1 / (1 + np.exp(-one.theme_logits)) for one in scores]
    tags = [np.exp(one.tag_logits - one.tag_logits.max(axis=1, keepdims=True)) for one in scores]
    return np.concatenate([np.concatenate((theme, (tag / tag.sum(axis=1, keepdims=True)).ravel())) for theme, tag in zip(themes, tags, strict=True)])


def difference(one: Sequence[Scores], other: Sequence[Scores]) -> FloatArray:
    difference: FloatArray = np.abs(probabilities(one) - probabilities(other))
    return difference


@pytest.mark.bundle
def test_the_runtimes_agree_on_padded_batches(sessions: dict[str, Session], windows: list[Window]) -> None:
    one, other = (run(sessions[name], windows, 4096, 8) for name in NAMES)
    # Both read the same int8 file and round in places of their own: now and then a token between two tags is moved by it, most by nothing.
    assert difference(one, other).mean() < 0.005
    assert np.quantile(difference(one, other), 0.99) < 0.05


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing_but_rounding(sessions: dict[str, Session], windows: list[Window], name: str) -> None:
    alone = run(sessions[name], windows, 1)
    for budget, step in [(512, 1), (512, 8), (4096, 64)]:
        assert difference(alone, run(sessions[name], windows, budget, step)).max() < 0.1, (budget, step)


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_scores_depend_on_the_text_and_nothing_else(sessions: dict[str, Session], windows: list[Window], name: str) -> None:
    before = run(sessions[name], windows, 1)
    assert len({scores.theme_logits.tobytes() for scores in before}) == len(windows)
    # Results are the caller's own: a later run does not write over them.
    kept = [scores.tag_logits.copy() for scores in before]
    again = run(sessions[name], windows[::-1], 1)[::-1]
    for scores, first, second in zip(before, kept, again, strict=True):
        assert np.array_equal(scores.tag_logits, first)
        assert np.array_equal(second.tag_logits, first)
        assert np.isfinite(first).all()


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_a_session_may_be_shared_by_threads(sessions: dict[str, Session], windows: list[Window], name: str) -> None:
    expected = run(sessions[name], windows, 512)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: run(sessions[name], windows, 512), range(8)):
            assert difference(expected, found).max() < 1e-6


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_no_batches_have_no_scores(sessions: dict[str, Session], name: str) -> None:
    assert list(sessions[name].run([])) == []


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_batches_are_asked_for_as_they_are_needed(sessions: dict[str, Session], windows: list[Window], name: str) -> None:
    asked: list[Batch] = []

    def planned() -> Iterator[Batch]:
        for batch in list(batches(windows, 1)) * 10:
            asked.append(batch)
            yield batch

    results = sessions[name].run(planned())
    next(results)
    assert 1 <= len(asked) < 20
    assert len(list(results)) == 10 * len(windows) - 1


@pytest.mark.bundle
@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_given_up_leaves_the_session_free(sessions: dict[str, Session], windows: list[Window], name: str) -> None:
    expected = run(sessions[name], windows, 1)
    results = sessions[name].run(batches(windows[::-1] * 5, 1))
    next(results)
    del results
    assert difference(expected, run(sessions[name], windows, 1)).max() < 1e-6


@pytest.mark.bundle
def test_auto_is_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(RUNTIMES) == NAMES
    assert open_session(WEIGHTS, threads=1).runtime == "openvino"
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert open_session(WEIGHTS, threads=1).runtime == "onnxruntime"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeUnavailableError, match=r"^no inference runtime runs here: openvino is not installed; onnxruntime is not installed$"):
        open_session(WEIGHTS, threads=1)


@pytest.mark.parametrize(("name", "message"), [("openvino", "OpenVINO cannot be loaded: "), ("onnxruntime", "ONNX Runtime cannot be loaded: ")])
def test_a_runtime_that_is_asked_for_and_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, message: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeUnavailableError, match=f"^{message}") as caught:
        open_session(tmp_path / SERVING, name, threads=1)
    assert "\n" not in str(caught.value)


def test_an_unknown_runtime_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match=r"^unknown runtime 'abacus'; expected auto, openvino, onnxruntime$"):
        open_session(tmp_path / SERVING, "abacus")


@pytest.mark.parametrize(("name", "shown"), [("openvino", "OpenVINO"), ("onnxruntime", "ONNX Runtime")])
@pytest.mark.parametrize("content", [None, b"", b"no weights at all\n" * 40], ids=["missing", "empty", "damaged"])
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path: Path, name: str, shown: str, content: bytes | None) -> None:
    path = tmp_path / SERVING
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        open_session(path, name, threads=1)
    assert str(caught.value).startswith(f"{shown} cannot read {path}: ")
    assert "\n" not in str(caught.value)


def test_with_auto_every_runtime_says_why_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / SERVING
    path.write_bytes(b"no weights at all")
    with pytest.raises((BundleError, RuntimeUnavailableError)) as caught:
        open_session(path, threads=1)
    assert "\n" not in str(caught.value)
    for shown in ("OpenVINO cannot read", "ONNX Runtime cannot read"):
        assert f"{shown} {path}" in str(caught.value)


def test_threads_are_those_that_the_process_may_use() -> None:
    assert default_threads() >= 1
