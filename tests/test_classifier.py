"""The one path from text to labels: batches change nothing, nothing is lost, offsets are those of the text as sent."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from data.paragraphs import ready_paragraphs, split_paragraphs
from data.records import Document, LabelledParagraph
from model.batching import Batch
from model.classifier import Classifier
from model.encoding import window_spans
from model.session import RUNTIMES, Scores, Session
from tests.fakes import DEPARTMENT_SCORE, fake_classifier

EXAMPLE = (Path(__file__).resolve().parents[1] / "docs" / "example.txt").read_text(encoding="utf-8")
TEXTS = [
    "市教育局取消三项入学证明。",
    "县水利局把取水许可由十天办结压到三天，群众少跑两趟。",
    "武警某支队组织特战队员开展夜间实弹射击训练，锤炼官兵的实战本领。",
    "自治区党委编办同步公布部门责任清单，逐项写明由谁办理、依据什么、超期怎样追责。",
    "昨天下了一场大雨，街边的树绿了。",
    "好。",
    "國務院辦公廳(以下簡稱“國辦”)印發通知,要求２０２４年底前全部完成。",
    "".join(EXAMPLE.split()),
]


class Counting:
    """A session that counts what it is given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.runtime, self.length_step = session.runtime, session.length_step
        self.rows = 0

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch; see :class:`model.session.Session`."""

        def counted() -> Iterator[Batch]:
            for batch in batches:
                self.rows += len(batch.rows)
                yield batch

        return self._session.run(counted())


@pytest.fixture(scope="module", params=list(RUNTIMES))
def bundled(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.open(runtime=request.param, threads=2)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return fake_classifier(tmp_path_factory.mktemp("bundle"))


def label(classifier: Classifier, *texts: str) -> tuple[LabelledParagraph, ...]:
    """Label ready paragraphs of one document."""
    (document,) = classifier.label([Document("d", ready_paragraphs(texts))])
    return document.paragraphs


def spans(paragraph: LabelledParagraph) -> list[tuple[int, int]]:
    return [(department.start, department.end) for department in paragraph.departments]


def alike(one: LabelledParagraph, other: LabelledParagraph) -> bool:
    """Whether two paragraphs are given the same, scores but for int8 rounding."""
    scores = [
        [*(theme.score for theme in paragraph.themes), *(department.score for department in paragraph.departments)] for paragraph in (one, other)
    ]
    return spans(one) == spans(other) and scores[0] == pytest.approx(scores[1], abs=0.02)


@pytest.mark.bundle
def test_a_batch_is_labelled_as_one_at_a_time(bundled: Classifier) -> None:
    together = label(bundled, *TEXTS)
    assert [paragraph.paragraph.text for paragraph in together] == TEXTS
    for text, paragraph in zip(TEXTS, together, strict=True):
        (alone,) = bundled.label([Document("alone", ready_paragraphs([text]))])
        assert alike(alone.paragraphs[0], paragraph), text


@pytest.mark.bundle
def test_it_makes_no_difference_how_texts_lie_in_documents_or_in_what_order(bundled: Classifier) -> None:
    together = label(bundled, *TEXTS)
    apart = bundled.label([Document(str(i), ready_paragraphs([text])) for i, text in reversed(list(enumerate(TEXTS)))])
    assert [document.document.id for document in apart] == [str(i) for i in reversed(range(len(TEXTS)))]
    assert all(alike(document.paragraphs[0], paragraph) for document, paragraph in zip(reversed(apart), together, strict=True))


@pytest.mark.bundle
def test_every_paragraph_has_every_theme_decided_by_the_bundles_threshold(bundled: Classifier) -> None:
    for paragraph in label(bundled, *TEXTS):
        assert [(theme.id, theme.label) for theme in paragraph.themes] == [(theme.id, theme.label) for theme in bundled.bundle.themes]
        for theme, calibration in zip(paragraph.themes, bundled.bundle.calibrations, strict=True):
            assert 0 <= theme.score <= 1
            assert theme.given == (theme.score >= calibration.threshold)
            assert theme.review == (calibration.review[0] <= theme.score < calibration.review[1])


@pytest.mark.bundle
def test_what_stands_twice_is_computed_once_and_labelled_alike(bundled: Classifier) -> None:
    counting = Counting(bundled.session)
    classifier = Classifier(bundled.bundle, counting)
    documents = classifier.label([Document("a", ready_paragraphs([TEXTS[0], TEXTS[4], TEXTS[0]])), Document("b", ready_paragraphs([TEXTS[0]]))])
    assert counting.rows == 2
    first, _, second = documents[0].paragraphs
    for other in (second, documents[1].paragraphs[0]):
        assert (other.themes, spans(other)) == (first.themes, spans(first))
        assert [one.score for one in other.departments] == [one.score for one in first.departments]


def test_hundreds_of_paragraphs_come_back_in_order_and_each_is_computed_once(fake: Classifier) -> None:
    texts = [f"{'今' * (number * 37 % 25)}市{chr(0x4E00 + number)}局办。" for number in range(300)]
    counting = Counting(fake.session)
    (document,) = Classifier(fake.bundle, counting).label([Document("d", ready_paragraphs([*texts, *texts[::-1]]))])
    assert [paragraph.paragraph.text for paragraph in document.paragraphs] == [*texts, *texts[::-1]]
    assert [[one.text for one in paragraph.departments] for paragraph in document.paragraphs[:300]] == [[text[-5:-2]] for text in texts]
    assert [spans(one) for one in document.paragraphs[:300]] == [spans(one) for one in document.paragraphs[:299:-1]]
    assert counting.rows == 300


@pytest.mark.bundle
@pytest.mark.parametrize("text", ["", " ", "\u3000\n", "\ufeff"])
def test_an_empty_paragraph_is_still_a_paragraph(bundled: Classifier, text: str) -> None:
    before, empty, after = label(bundled, TEXTS[0], text, TEXTS[1])
    assert (empty.paragraph.text, empty.windows, empty.departments) == (text, 1, ())
    assert len(empty.themes) == len(bundled.bundle.themes)
    assert [one.paragraph.index for one in (before, empty, after)] == [0, 1, 2]


@pytest.mark.bundle
def test_nothing_is_labelled_as_nothing(bundled: Classifier) -> None:
    assert bundled.label([]) == []
    (document,) = bundled.label([Document("empty", ())])
    assert document.paragraphs == ()
    assert bundled.score([]) == ([], [])


def long_text(length: int) -> str:
    """A paragraph of ``length`` characters in which no window reads as another."""
    sentences = (f"第{number}项由市教育局办理，比上年快了{number % 7}天。" for number in range(length))
    text = ""
    while len(text) < length:
        text += next(sentences)
    return text[:length]


@pytest.mark.bundle
def test_a_paragraph_of_3000_characters_is_read_whole(bundled: Classifier) -> None:
    text = long_text(3000)
    (encoding,), (scores,) = bundled.score([text])
    covered = np.zeros(len(text), bool)
    for start, end in encoding.offsets:
        covered[start:end] = True
    assert covered.all()
    size, overlap = bundled.bundle.window_tokens - 2, bundled.bundle.overlap_tokens
    expected = list(window_spans(len(encoding.offsets), size, overlap))
    assert [(window.start, window.start + window.tokens) for window in encoding.windows] == expected
    assert len(expected) > 1
    assert scores.tag_logits.shape[0] == len(encoding.offsets)
    assert np.isfinite(scores.tag_logits).all()
    # No token was left as it was before a window spoke of it.
    assert scores.tag_logits.any(axis=1).all()
    before, paragraph, after = label(bundled, TEXTS[0], text, TEXTS[1])
    assert (paragraph.paragraph.text, paragraph.windows) == (text, len(expected))
    assert (before.windows, after.windows) == (1, 1)
    assert [text[department.start : department.end] for department in paragraph.departments] == [one.text for one in paragraph.departments]
    assert spans(paragraph) == sorted(spans(paragraph))


@pytest.mark.bundle
def test_departments_index_the_text_as_sent_across_what_the_page_broke(bundled: Classifier) -> None:
    sent = "\ufeff" + EXAMPLE.replace("\n", "\r\n") + "𠮷林县教育局取消了三项证明。"
    (labelled,) = bundled.label([Document("example", split_paragraphs(sent), sent)])
    assert any("自治区公安厅" in paragraph.paragraph.text for paragraph in labelled.paragraphs)
    for paragraph in labelled.paragraphs:
        for department in paragraph.departments:
            assert paragraph.paragraph.start <= department.start < department.end <= paragraph.paragraph.end
            assert "".join(sent[department.start : department.end].split()) == "".join(department.text.split())
            assert department.text in paragraph.paragraph.text


@pytest.mark.bundle
def test_it_may_be_shared_by_threads(bundled: Classifier) -> None:
    expected = label(bundled, *TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: label(bundled, *TEXTS), range(8)):
            assert all(map(alike, expected, found))


def test_every_department_of_a_long_paragraph_is_found_once_wherever_windows_meet(fake: Classifier) -> None:
    for filler in range(1, 12):
        text = ("甲" * filler + "市水务局") * (3000 // (filler + 4))
        (paragraph,) = label(fake, text)
        assert paragraph.windows == len(list(window_spans(len(text), 32, 8)))
        assert spans(paragraph) == [(start, start + 4) for start in range(filler, len(text), filler + 4)]
        assert {one.text for one in paragraph.departments} == {"市水务局"}
        assert {round(one.score, 4) for one in paragraph.departments} == {DEPARTMENT_SCORE}


def test_a_theme_told_in_one_window_is_the_paragraphs(fake: Classifier) -> None:
    for place in (0, 40, 199):
        text = "甲" * place + "训" + "甲" * (199 - place)
        (paragraph,) = label(fake, text)
        assert [(theme.id, round(theme.score, 4)) for theme in paragraph.themes] == [("streamline", 0.1192), ("speed_up", 0.1192), ("drill", 0.5)]


def test_a_department_that_a_page_broke_is_whole_with_offsets_as_sent(fake: Classifier) -> None:
    sent = "\ufeff　　𠮷林巷的居民们都在说这件事。昨天下午市水\r\n\r\n务局派人来看过，还减了材料。\r\n\r\n市公安局也来看过，这一段也写得够长。"
    (labelled,) = fake.label([Document("d", split_paragraphs(sent), sent)])
    assert [[(one.text, sent[one.start : one.end]) for one in paragraph.departments] for paragraph in labelled.paragraphs] == [
        [("市水务局", "市水\r\n\r\n务局")],
        [("市公安局", "市公安局")],
    ]
    assert [[theme.id for theme in paragraph.themes if theme.given] for paragraph in labelled.paragraphs] == [["streamline"], []]
