"""Records and the one JSON shape that every interface speaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.answer import document_to_json
from data.paragraphs import ready_paragraphs, split_paragraphs
from data.records import Department, Document, Kind, LabelledDocument, LabelledParagraph, Paragraph, ThemeScore, utf16_offsets

# The column broke the name after 自治区; 𠮷 takes two UTF-16 units.
SENT = "𠮷林巷的居民说，昨天自治区\r\n\r\n教育厅派人来过，市公安局𠮷林派出所也来过。\n\n第二段说的是县政府的事，写得也够长。"
STREAMLINE = ThemeScore("streamline", "精减", 0.91237, True, False)
SPEED = ThemeScore("speed_up", "提速", 0.31999, False, True)


def labelled(scores: tuple[ThemeScore, ...] = (STREAMLINE, SPEED)) -> LabelledDocument:
    document = Document("d1", split_paragraphs(SENT), SENT)
    names = {"自治区教育厅": "内蒙古自治区教育厅", "市公安局𠮷林派出所": None, "县政府": "和林格尔县人民政府"}
    paragraphs = []
    for paragraph in document.paragraphs:
        found = []
        for text, name in names.items():
            if (at := paragraph.text.find(text)) >= 0:
                start, end = paragraph.source_span(at, at + len(text))
                found.append(Department(start, end, text, 0.98765, name))
        paragraphs.append(LabelledParagraph(paragraph, 1, scores, tuple(found)))
    return LabelledDocument(document, tuple(paragraphs))


def test_a_department_across_a_break_is_whole_and_indexes_the_sent_text() -> None:
    answer = document_to_json(labelled())
    first, second = answer["paragraphs"]
    assert first["text"] == "𠮷林巷的居民说，昨天自治区教育厅派人来过，市公安局𠮷林派出所也来过。"
    assert first["departments"][0] == {"start": 10, "end": 20, "text": "自治区教育厅", "score": 0.9877, "name": "内蒙古自治区教育厅"}
    assert SENT[10:20] == "自治区\r\n\r\n教育厅"
    assert SENT[first["start"] : first["end"]].startswith("𠮷林巷")
    assert SENT[second["start"] : second["end"]] == second["text"] == "第二段说的是县政府的事，写得也够长。"


def test_utf16_offsets_are_what_javascript_slices_by() -> None:
    units = SENT.encode("utf-16-le")

    def sliced(one: dict[str, int]) -> str:
        return units[2 * one["start"] : 2 * one["end"]].decode("utf-16-le")

    answer = document_to_json(labelled(), offset_unit="utf-16")
    first, second = answer["paragraphs"]
    assert [sliced(one) for one in first["departments"]] == ["自治区\r\n\r\n教育厅", "市公安局𠮷林派出所"]
    assert (first["departments"][0]["start"], first["departments"][0]["end"]) == (11, 21)
    assert (sliced(first), sliced(second)) == (SENT[: SENT.index("\n\n第")], second["text"])
    plain = document_to_json(labelled())
    assert second["start"] == plain["paragraphs"][1]["start"] + 2
    assert document_to_json(labelled(), offset_unit="code-point") == plain


def test_ready_paragraphs_have_offsets_of_their_own_in_both_units() -> None:
    paragraphs = ready_paragraphs(["𠮷林。", "𠮷林县委和市委。"])
    spans = (Department(0, 4, "𠮷林县委", 0.9), Department(5, 7, "市委", 0.9))
    document = LabelledDocument(
        Document("d", paragraphs), (LabelledParagraph(paragraphs[0], 1, (), ()), LabelledParagraph(paragraphs[1], 1, (), spans))
    )
    first, second = document_to_json(document, offset_unit="utf-16")["paragraphs"]
    assert (first["start"], first["end"]) == (0, 4)
    assert (second["start"], second["end"]) == (0, 9)
    assert [(one["start"], one["end"]) for one in second["departments"]] == [(0, 5), (6, 8)]
    assert [(one["start"], one["end"]) for one in document_to_json(document)["paragraphs"][1]["departments"]] == [(0, 4), (5, 7)]


def test_themes_are_those_given_and_all_on_request() -> None:
    given_only = document_to_json(labelled())
    streamline = {"id": "streamline", "label": "精减", "score": 0.9124, "given": True, "review": False}
    assert given_only["paragraphs"][0]["themes"] == [streamline]
    everything = document_to_json(labelled(), scores="all")
    speed = {"id": "speed_up", "label": "提速", "score": 0.32, "given": False, "review": True}
    assert everything["paragraphs"][0]["themes"] == [streamline, speed]
    assert everything["themes"] == given_only["themes"] == [{"id": "streamline", "label": "精减", "paragraphs": [0, 1]}]


def test_the_documents_departments_are_counted_by_organ_and_the_unknown_left_out() -> None:
    document = labelled()
    assert document_to_json(document)["departments"] == [{"name": "内蒙古自治区教育厅", "mentions": 1}, {"name": "和林格尔县人民政府", "mentions": 1}]
    last = document.paragraphs[1]
    twice = LabelledDocument(document.document, (*document.paragraphs, last))
    assert twice.departments() == [("和林格尔县人民政府", 2), ("内蒙古自治区教育厅", 1)]


def test_a_document_without_paragraphs() -> None:
    answer = document_to_json(LabelledDocument(Document("empty", (), ""), ()))
    assert answer == {"id": "empty", "paragraphs": [], "themes": [], "departments": []}


@given(st.text(alphabet="市𠮷é\n𝄞局", max_size=30))
def test_utf16_offsets_count_units(text: str) -> None:
    assert list(utf16_offsets(text)) == [len(text[:i].encode("utf-16-le")) // 2 for i in range(len(text) + 1)]


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 2), (-1, 2), (0, 8)])
def test_a_span_outside_the_paragraph_is_refused(start: int, end: int) -> None:
    paragraph = Paragraph(0, Kind.BODY, 4, 13, "自治区教育厅。", ((0, 4, 3), (3, 9, 4)))
    with pytest.raises(ValueError, match=rf"\[{start}, {end}\) does not lie in a paragraph of 7 code points"):
        paragraph.source_span(start, end)


def test_spans_on_either_side_of_a_break_do_not_take_it_in() -> None:
    paragraph = Paragraph(0, Kind.BODY, 4, 13, "自治区教育厅。", ((0, 4, 3), (3, 9, 4)))
    assert paragraph.source_span(0, 3) == (4, 7)
    assert paragraph.source_span(3, 6) == (9, 12)
    assert paragraph.source_span(0, 6) == (4, 12)
