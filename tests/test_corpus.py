"""Annotated JSONL ↔ records, the theme list, and the starter corpus that ships."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data.corpus import Corpus, Record, RecordError, Span, parse_record, read_corpus, record_to_json
from data.departments.regions import regions
from data.records import Kind
from data.themes import Theme, ThemeFileError, parse_themes, read_themes, themes_to_toml
from training.dataset import to_dataset
from training.splits import near_duplicate_groups

THEMES = (Theme("alpha", "甲", "A", "说甲。"), Theme("beta", "乙", "B", "说乙。"))
LABELS = ["甲", "乙"]
TEXT = "市教育局和县水利局一同来了。"
STARTER = Path(__file__).resolve().parents[1] / "data" / "corpus"


def line(**fields: Any) -> str:
    return json.dumps({"id": "p1", "text": TEXT, **fields}, ensure_ascii=False)


def write(path: Path, *lines: str) -> Path:
    path.write_bytes("\n".join(lines).encode())
    return path


def test_a_full_record_is_read_and_comes_back() -> None:
    spans = [{"start": 5, "end": 9, "text": "县水利局"}, {"start": 0, "end": 4}]
    either = {"themes_either": ["乙"], "departments_either": [{"start": 0, "end": 4}, {"start": 1, "end": 4}]}
    record = parse_record(line(themes=["乙", "甲"], departments=spans, source="自写", kind="body", **either), LABELS)
    assert record == Record(
        "p1",
        TEXT,
        themes=("甲", "乙"),
        departments=(Span(0, 4, "市教育局"), Span(5, 9, "县水利局")),
        source="自写",
        kind="body",
        themes_either=("乙",),
        departments_either=((0, 4), (1, 4)),
    )
    assert record_to_json(record) == {
        "id": "p1",
        "text": TEXT,
        "themes": ["甲", "乙"],
        "departments": [{"start": 0, "end": 4, "text": "市教育局"}, {"start": 5, "end": 9, "text": "县水利局"}],
        "source": "自写",
        "kind": "body",
    }


def test_what_is_unknown_is_not_none() -> None:
    assert [getattr(parse_record(line(), LABELS), name) for name in ("themes", "departments")] == [None, None]
    assert parse_record(line(themes=None, departments=None), LABELS) == parse_record(line(), LABELS)
    none = parse_record(line(themes=[], departments=[]), LABELS)
    assert (none.themes, none.departments) == ((), ())
    assert record_to_json(parse_record(line(), LABELS)) == {"id": "p1", "text": TEXT}
    assert record_to_json(none) == {"id": "p1", "text": TEXT, "themes": [], "departments": []}


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ("[1]", "expected an object, got list"),
        (line(id=""), "field 'id': expected a text, got ''"),
        (line(id=7), "field 'id': expected a text, got 7"),
        (line(text="　\n"), r"field 'text': expected a text, got '\u3000\n'"),
        ('{"id": "p1"}', "field 'text': expected a text, got None"),
        (line(themes="甲"), "field 'themes': expected a list, got str"),
        (line(themes=["丙"]), "field 'themes': unknown theme '丙'; expected one of 甲, 乙"),
        (line(themes=["甲", "甲"]), "field 'themes': '甲' given twice"),
        (line(themes_either=["丙"]), "field 'themes_either': unknown theme '丙'; expected one of 甲, 乙"),
        (line(departments={}), "field 'departments': expected a list, got dict"),
        (line(departments=["局"]), "field 'departments', span 0: expected an object with whole numbers start and end, got '局'"),
        (
            line(departments=[{"start": 0, "end": 4}, {"start": 5.0, "end": 9}]),
            "field 'departments', span 1: expected an object with whole numbers start and end, got {'start': 5.0, 'end': 9}",
        ),
        (
            line(departments=[{"start": False, "end": True}]),
            "field 'departments', span 0: expected an object with whole numbers start and end, got {'start': False, 'end': True}",
        ),
        (line(departments=[{"start": 5, "end": 15}]), "field 'departments', span 0: [5, 15) does not lie in a text of 14 code points"),
        (line(departments=[{"start": -1, "end": 4}]), "field 'departments', span 0: [-1, 4) does not lie in a text of 14 code points"),
        (line(departments=[{"start": 4, "end": 4}]), "field 'departments', span 0: [4, 4) does not lie in a text of 14 code points"),
        (
            line(departments=[{"start": 0, "end": 4, "text": "教育局"}]),
            "field 'departments', span 0: text[0:4] is '市教育局', the span says '教育局'",
        ),
        (
            line(departments=[{"start": 1, "end": 4}, {"start": 0, "end": 4}]),
            "field 'departments': '市教育局' at 0 and '教育局' at 1 overlap",
        ),
    ],
)
def test_a_record_that_cannot_be_used_says_why(sent: str, what: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(sent, LABELS)
    assert str(caught.value) == what


def test_each_problem_has_its_file_and_line_and_the_rest_is_read(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", line(), "", line(id="p2", themes=["丙"]), "{", line(id="p3"))
    second = write(tmp_path / "b.jsonl", line(id="p3"), line(id="p4", departments=[{"start": 9, "end": 99}]))
    corpus = read_corpus([first, second], THEMES)
    assert [record.id for record in corpus.records] == ["p1", "p3"]
    assert [str(problem) for problem in corpus.problems] == [
        f"{first}:3: field 'themes': unknown theme '丙'; expected one of 甲, 乙",
        f"{first}:4: not JSON in UTF-8: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        f"{second}:1: id 'p3' was used at {first}:5",
        f"{second}:2: field 'departments', span 0: [9, 99) does not lie in a text of 14 code points",
    ]


def test_a_line_that_is_no_utf8_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"id": "p1", "text": "文"}\n'.encode("gb18030") + line().encode() + b"\r\n")
    corpus = read_corpus([path], THEMES)
    assert [record.text for record in corpus.records] == [TEXT]
    assert [(problem.line, problem.what.split(":")[0]) for problem in corpus.problems] == [(1, "not JSON in UTF-8")]


def test_a_folder_stands_for_its_jsonl_files_by_name(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", line(id="second"))
    write(tmp_path / "a.jsonl", line(id="first"))
    write(tmp_path / "README.md", "no record")
    assert [record.id for record in read_corpus([tmp_path], THEMES).records] == ["first", "second"]
    with pytest.raises(FileNotFoundError):
        read_corpus([tmp_path / "missing.jsonl"], THEMES)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    text = "市教育局\u2028县水利局\u0085\u2029来了"
    path = write(tmp_path / "a.jsonl", json.dumps({"id": "p1", "text": text, "departments": [{"start": 5, "end": 9}]}, ensure_ascii=False))
    corpus = read_corpus([path], THEMES)
    assert (corpus.problems, corpus.records[0].text) == ([], text)
    assert corpus.records[0].departments == (Span(5, 9, "县水利局"),)


def test_the_dataset_keeps_unknown_apart_from_none() -> None:
    span = Span(0, 4, "市教育局")
    rows = to_dataset([Record("p1", TEXT, ("甲",), (span,), "自写", "body"), Record("p2", TEXT, None, ()), Record("p3", TEXT, (), None)])
    assert rows["id"] == ["p1", "p2", "p3"]
    assert rows["themes"] == [["甲"], None, []]
    assert rows["departments"] == [[{"start": 0, "end": 4, "text": "市教育局"}], [], None]
    assert (rows["source"], rows["kind"]) == (["自写", "", ""], ["body", "", ""])
    assert to_dataset([]).column_names == ["id", "text", "themes", "departments", "themes_either", "source", "kind"]


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ("[[theme]", "my.toml: not TOML: "),
        ("title = 'x'", "my.toml: expected at least one [[theme]], got none"),
        ("theme = 3", "my.toml: expected [[theme]] tables, got theme = 3"),
        ("[theme]\nid = 'a'", "my.toml: expected [[theme]] tables, got theme = {'id': 'a'}"),
        (
            "[[theme]]\nid = 'a'\nlabel = '甲'\nenglish = 'A'\ndefinition = '。'\nmedia_topic = 5",
            "my.toml: theme 1: field 'media_topic' must be a text, got 5",
        ),
        ("[[theme]]\nid = 'a'\nlabel = '甲'\nenglish = 'A'", "my.toml: theme 1: field 'definition' must be a text, got None"),
        ("[[theme]]\nid = 'a'\nlabel = ' '\nenglish = 'A'\ndefinition = '。'", "my.toml: theme 1: field 'label' must be a text, got ' '"),
        (
            "[[theme]]\nid = 'a'\nlabel = '甲'\nenglish = 'A'\ndefinition = '。'\ncolour = 'red'",
            "my.toml: theme 1: unknown field 'colour'; expected definition, english, id, label, media_topic",
        ),
        (themes_to_toml((THEMES[0], Theme("gamma", "甲", "C", "。"))), "my.toml: label used twice: 甲"),
        (themes_to_toml((*THEMES, Theme("alpha", "丙", "C", "。"))), "my.toml: id used twice: alpha"),
    ],
)
def test_a_theme_list_that_cannot_be_used_says_why(toml: str, what: str) -> None:
    with pytest.raises(ThemeFileError) as caught:
        parse_themes(toml, "my.toml")
    assert str(caught.value).startswith(what)


def test_themes_come_back_as_written(tmp_path: Path) -> None:
    themes = (Theme("a", '引"号', "back\\slash", "一行。\r\n两行。\x01\x7f", "medtop:20000593"), *THEMES)
    path = tmp_path / "themes.toml"
    path.write_text(themes_to_toml(themes), encoding="utf-8")
    assert read_themes(path) == themes


def test_the_projects_own_themes() -> None:
    themes = read_themes()
    assert [theme.label for theme in themes] == ["规范", "精减", "提速", "军事训练"]
    assert [theme.id for theme in themes] == ["standardise", "streamline", "speed_up", "military_training"]


@pytest.fixture(scope="module")
def starter() -> Corpus:
    return read_corpus([STARTER], read_themes())


def test_the_starter_corpus_is_valid_and_large_enough(starter: Corpus) -> None:
    assert starter.problems == []
    records = starter.records
    assert len(records) >= 600
    assert all(record.themes is not None and record.departments is not None for record in records)
    counts = Counter(label for record in records for label in record.themes or ())
    assert min(counts[theme.label] for theme in read_themes()) >= 90, counts
    assert sum(record.themes == () for record in records) >= 200
    assert sum(len(record.departments or ()) for record in records) >= 900


def test_no_two_paragraphs_of_the_starter_corpus_are_alike(starter: Corpus) -> None:
    assert len({record.text for record in starter.records}) == len(starter.records)
    alike = {one: other for one, other in near_duplicate_groups(starter.records).items() if one != other}
    assert alike == {}


def test_the_starter_corpus_shows_every_kind_and_both_themes_and_none_in_the_short_ones(starter: Corpus) -> None:
    kinds = Counter(record.kind for record in starter.records)
    assert set(kinds) == set(map(str, Kind))
    assert min(kinds.values()) >= 20, kinds
    for kind in ("title", "heading", "caption"):
        given = Counter(bool(record.themes) for record in starter.records if record.kind == kind)
        assert min(given[True], given[False]) >= 5, (kind, given)


def test_the_starter_corpus_is_from_all_over_the_country(starter: Corpus) -> None:
    named = {found[0].top.name for record in starter.records for _, _, found in regions().mentions(record.text) if len(found) == 1}
    provinces = {name for name in named if name not in ("香港特别行政区", "澳门特别行政区", "新疆生产建设兵团")}
    assert len(provinces) >= 28, sorted(provinces)


def test_the_starter_corpus_names_organs_of_every_level_in_full_and_in_short(starter: Corpus) -> None:
    names = [span.text for record in starter.records for span in record.departments or ()]
    assert len(set(names)) >= 600
    assert sum(len(name) <= 4 for name in names) >= 150
    assert sum(len(name) >= 9 for name in names) >= 150
    endings = ["镇政府", "街道办事处", "县委", "市委", "省委", "自治区党委", "国务院", "党中央", "法院", "检察院", "集团军某旅", "妇联"]
    assert {ending: sum(name.endswith(ending) for name in names) for ending in endings if sum(name.endswith(ending) for name in names) < 3} == {}
    dense = sum(len(record.departments or ()) >= 5 for record in starter.records)
    assert dense >= 20, dense
