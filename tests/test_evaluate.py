"""Evaluation end to end with weightless labellers: measures, JSON, report, command."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from data.corpus import Record, Span
from data.records import Department, Document, LabelledDocument, LabelledParagraph, ThemeScore
from data.themes import Theme
from training.baselines import LongestMatchLabeller, department_names
from training.evaluate import command, evaluate, table, write_evaluation
from training.labelling import BundleLabeller, FoundSpan, Labeller, Prediction
from training.organ_groups import level_and_kind
from training.plots import theme_confusion
from training.report import render_report
from training.scoring import department_f1, gold_themes, length_bucket, macro_f1
from training.worst import worst_spans, worst_themes

THEMES = (Theme("alpha", "甲", "A", "说甲。"), Theme("beta", "乙", "B", "说乙。"))


def record(name: str, text: str, themes: Sequence[str] | None = (), spans: Sequence[str] | None = (), **rest: object) -> Record:
    found = None if spans is None else tuple(Span(text.index(one), text.index(one) + len(one), one) for one in spans)
    return Record(name, text, None if themes is None else tuple(themes), found, **rest)  # type: ignore[arg-type]


class ByCharacter:
    """Gives a theme where its label's character stands, surer the more often; finds 市政府 and 县政府 whole, and any other 局 as two characters."""

    name = "by character"
    calibrated = True

    def label(self, records: Sequence[Record]) -> list[Prediction]:
        predictions = []
        for one in records:
            scores = tuple(min(0.95, 0.05 + 0.45 * one.text.count(theme.label)) for theme in THEMES)
            given = frozenset(theme.label for theme, score in zip(THEMES, scores, strict=True) if score >= 0.5)
            spans = tuple(FoundSpan(m.start(), m.end(), 0.9 if "政府" in m[0] else 0.6) for m in re.finditer("[市县]政府|.局", one.text))
            predictions.append(Prediction(scores, given, spans))
        return predictions


RECORDS = [
    record("r1", "甲甲，市政府发文。", ["甲"], ["市政府"], source="north"),
    record("r2", "甲事不真，县政府说。", [], ["县政府"], source="north"),
    record("r3", "说的其实是乙事，财政局办。", ["甲", "乙"], ["财政局"], source="south"),
    record("r4", "什么也没有，布局而已。", [], [], source="south"),
    record("r5", "乙" + "长" * 130, ["乙"], None, source="south"),
    record("r6", "甲，两位标注者意见不一，办公厅局说。", ["甲"], [], source="north", themes_either=("甲",), departments_either=((14, 16),)),
    record("r7", "税务局来了，市政府也来了。", None, ["税务局", "市政府"], source="north"),
]
# Theme 甲: found r1; wrongly given r2; missed r3; r6 disputed, r7 unknown. Theme 乙: found r3 and r5.
# Departments: right are r1, r2, r7's 市政府; boundary r3 and r7's 税务局 (政局, 务局); spurious r4's 布局; r6's 厅局 is either's; r5 unknown.


def test_measures_by_hand() -> None:
    one = evaluate([ByCharacter()], RECORDS, THEMES, department_names(RECORDS[:1]))[0]["labellers"]["by character"]
    alpha, beta = one["themes"]["alpha"], one["themes"]["beta"]
    assert [alpha[key] for key in ("scored", "gold", "given")] == [5, 2, 2]
    assert [beta[key] for key in ("scored", "gold", "given")] == [6, 2, 2]
    assert [alpha[key]["value"] for key in ("precision", "recall", "f1")] == [0.5, 0.5, 0.5]
    assert beta["f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    # Scores of 甲 where known: 0.95 (is), 0.5 (is not), 0.05 (is), 0.05, 0.05; bin of 0.05: sum 0.15, one right.
    assert alpha["ece"]["value"] == pytest.approx((0.05 + 0.5 + 0.85) / 5, abs=1e-4)
    assert one["macro"]["f1"]["value"] == 0.75
    assert one["micro"]["f1"]["value"] == 0.75
    departments = one["departments"]
    assert (departments["gold"], departments["predicted"]) == (5, 6)
    assert departments["errors"] == {"missed": 0, "spurious": 1, "boundary": 2}
    assert [departments[key]["value"] for key in ("precision", "recall", "f1")] == [0.5, 0.6, round(6 / 11, 4)]
    assert departments["ece"]["value"] == pytest.approx((3 * 0.1 + 3 * 0.6) / 6, abs=1e-4)
    # Only 市政府 stands in the first record: new are 县政府, found, and 财政局 and 税务局, not found.
    assert departments["unseen_names"]["gold"] == 3
    assert departments["unseen_names"]["recall"]["value"] == round(1 / 3, 4)
    assert (departments["seen_names"]["gold"], departments["seen_names"]["recall"]["value"]) == (2, 1.0)
    assert 0.0 <= departments["f1"]["low"] < round(6 / 11, 4) < departments["f1"]["high"] <= 1.0


def test_groups_by_source_and_length() -> None:
    one = evaluate([ByCharacter()], RECORDS, THEMES)[0]["labellers"]["by character"]
    assert {key: group["paragraphs"] for key, group in one["by_source"].items()} == {"north": 4, "south": 3}
    assert one["by_source"]["north"]["department_f1"]["value"] == 0.75
    assert one["by_source"]["south"]["department_f1"]["value"] == 0.0
    assert one["by_source"]["south"]["micro_f1"]["value"] == 0.8
    assert list(one["by_length"]) == ["≤60", "≤200"]
    assert one["by_length"]["≤200"]["paragraphs"] == 1
    assert one["by_length"]["≤200"]["department_f1"] is None
    assert one["departments"]["unseen_names"] is None
    assert [length_bucket("字" * n) for n in (1, 60, 61, 120, 121, 200, 201)] == ["≤60", "≤60", "≤120", "≤120", "≤200", "≤200", ">200"]


def test_names_are_grouped_by_length_level_and_kind() -> None:
    one = evaluate([ByCharacter()], RECORDS, THEMES)[0]["labellers"]["by character"]["departments"]
    # Of 市政府 (twice), 县政府, 财政局 and 税务局, the last two were found with wrong edges.
    (length,) = one["by_name_length"].items()
    assert (length[0], {key: length[1][key] for key in ("gold", "right", "cut", "missed")}) == ("≤3", {"gold": 5, "right": 3, "cut": 2, "missed": 0})
    assert length[1]["recall"]["value"] == 0.6
    assert {level: (row["right"], row["cut"]) for level, row in one["by_level"].items()} == {"county": (1, 0), "several": (2, 2)}
    assert {kind: row["gold"] for kind, row in one["by_organ_kind"].items()} == {"government": 5}


@pytest.mark.parametrize(
    ("name", "level", "kind"),
    [
        ("国务院", "central", "government"),
        ("中央军委", "central", "military"),
        ("内蒙古自治区人力资源和社会保障厅", "province", "government"),
        ("省委", "province", "party"),
        ("呼和浩特市中级人民法院", "prefecture", "court"),
        ("县人大常委会", "county", "congress"),
        ("市政府", "several", "government"),
        ("双辽市畜牧业管理局", "county", "unread"),
        ("某某某", "unread", "unread"),
    ],
)
def test_a_written_name_tells_level_and_kind(name: str, level: str, kind: str) -> None:
    assert level_and_kind(name) == (level, kind)


def test_report_draws_how_the_bundle_learnt() -> None:
    measured, runs = evaluate([ByCharacter()], RECORDS, THEMES)
    evaluation = {"bundle": None, "runtime": None, "data": [], "train": [], "set_aside": 0, **measured}
    point = {"tokens": 1_000_000, "loss": 6.0, "held_out_loss": 5.9, "probe_department_f1": 0.4, "probe_theme_macro_f1": 0.5}
    about = {"pretraining": {"curve": [point, {**point, "tokens": 2_000_000}]}, "training": {"loss": {"gold": [[50, 0.9], [100, 0.4]]}}}
    page, plain = (render_report(evaluation, RECORDS, THEMES, runs, one) for one in (about, None))
    assert "学习过程" in page
    assert "学习过程" not in plain
    for words in ("pre-training", "probe", "training: gold", "million tokens"):
        assert f">{words}<" in page


def test_single_figures_equal_those_of_the_whole_evaluation() -> None:
    predictions = ByCharacter().label(RECORDS)
    assert macro_f1(RECORDS, predictions, THEMES) == 0.75
    assert department_f1(RECORDS, predictions) == pytest.approx(6 / 11)


def test_the_same_evaluation_twice_is_the_same_and_needs_records_and_names() -> None:
    assert evaluate([ByCharacter()], RECORDS, THEMES)[0] == evaluate([ByCharacter()], RECORDS, THEMES)[0]
    with pytest.raises(ValueError, match="no record"):
        evaluate([ByCharacter()], [], THEMES)
    with pytest.raises(ValueError, match="differ in name, got by character, by character"):
        evaluate([ByCharacter(), ByCharacter()], RECORDS, THEMES)


def test_confusion_counts_paragraphs_whose_themes_are_all_known() -> None:
    given = [[theme.label in one.given for theme in THEMES] for one in ByCharacter().label(RECORDS)]
    # Rows: gold 甲, 乙, none. r1 甲→甲; r2 none→甲; r3 甲乙→乙; r4 none→none; r5 乙→乙.
    assert theme_confusion(gold_themes(RECORDS, THEMES), np.array(given)).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]


def test_worst_mistakes_come_surest_first() -> None:
    more = [*RECORDS, record("r8", "甲甲甲也不真。", []), record("r9", "说的是别的。", ["甲"])]
    predictions = ByCharacter().label(more)
    alpha, beta = worst_themes(more, predictions, THEMES)
    assert [(one.id, score) for one, score in alpha.false_positives] == [("r8", 0.95), ("r2", 0.5)]
    assert [one.id for one, _ in alpha.false_negatives] == ["r3", "r9"]
    assert (beta.false_positives, beta.false_negatives) == ((), ())
    assert [one.id for one, _ in worst_themes(more, predictions, THEMES, limit=1)[0].false_positives] == ["r8"]
    spans = worst_spans(more, predictions)
    assert [(one.text, one.gold) for one in spans["boundary"]] == [("政局", ("财政局",)), ("务局", ("税务局",))]
    assert [(one.before, one.text, one.after) for one in spans["spurious"]] == [("什么也没有，", "布局", "而已。")]
    assert spans["missed"] == []


@pytest.fixture
def written(tmp_path: Path) -> tuple[dict[str, object], str]:
    labellers: list[Labeller] = [ByCharacter(), LongestMatchLabeller(RECORDS[:2])]
    hostile = record("r8", "甲甲甲<script>alert(1)</script>", [], source="a<b")
    records = [*RECORDS, hostile]
    measured, runs = evaluate(labellers, records, THEMES, frozenset())
    evaluation = {"bundle": None, "runtime": None, "data": [{"file": "made-up.jsonl", "sha256": "0"}], "train": [], "set_aside": 2, **measured}
    write_evaluation(tmp_path / "new" / "folder", evaluation, records, THEMES, runs)
    folder = tmp_path / "new" / "folder"
    return json.loads((folder / "evaluation.json").read_text(encoding="utf-8")), (folder / "report.html").read_text(encoding="utf-8")


def test_json_holds_the_figures_and_none_of_the_text(written: tuple[dict[str, object], str]) -> None:
    evaluation, _ = written
    text = json.dumps(evaluation, ensure_ascii=False)
    assert not any(one.text in text or one.id in text for one in RECORDS)
    assert "市政府" not in text
    assert evaluation["records"] == 8
    labellers = evaluation["labellers"]
    assert isinstance(labellers, dict)
    assert labellers["longest match"]["themes"] is None
    assert labellers["longest match"]["departments"]["ece"] is None
    assert labellers["longest match"]["departments"]["recall"]["value"] == 0.6  # 市政府 twice and 县政府
    assert max(len(decimals) for decimals in re.findall(r"\d\.(\d+)", text)) <= 4


def test_report_is_self_contained_quotes_mistakes_and_escapes_them(written: tuple[dict[str, object], str]) -> None:
    _, page = written
    assert page.startswith("<!doctype html>")
    assert page.count('<svg role="img"') == 7
    # Nothing is fetched: no outside script, style, image or font.
    assert not re.search(r"<script|<link|<img|@import|url\(\s*['\"]?http|(?:src|href)=['\"]http", page.replace('xlink:href="#', ""))
    assert "alert(1)&lt;/script&gt;" in page
    assert "a&lt;b" in page
    assert "什么也没有，<mark>布局</mark>而已。" in page
    assert "应为：财政局" in page
    assert "另有 2 行读不出来" in page
    assert "最长匹配" in page
    assert 'lang="zh-CN"' in page


def test_report_draws_the_same_page_again_with_ascii_in_its_plots(written: tuple[dict[str, object], str]) -> None:
    _, page = written
    measured, runs = evaluate([ByCharacter()], RECORDS, THEMES)
    evaluation = {"bundle": None, "runtime": None, "data": [], "train": [], "set_aside": 0, **measured}
    assert render_report(evaluation, RECORDS, THEMES, runs) == render_report(evaluation, RECORDS, THEMES, runs)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert all(drawing.isascii() for drawing in drawings)
    assert all("alpha" in drawing and "beta" in drawing for drawing in drawings[:3])


def test_table_prints_a_line_a_labeller() -> None:
    lines = table(evaluate([ByCharacter(), LongestMatchLabeller(RECORDS)], RECORDS, THEMES)[0], THEMES).splitlines()
    assert lines[0].split() == ["F1,", "%", "alpha", "beta", "macro", "micro", "departments"]
    assert lines[1].startswith("by character")
    assert "100.0 [100.0, 100.0]" in lines[1]
    assert lines[2].split()[:6] == ["longest", "match", "-", "-", "-", "-"]


class FakeClassifier:
    """Labels as ``ByCharacter`` does, in the classifier's form; notes the size of each call."""

    def __init__(self) -> None:
        self.bundle = type("Bundle", (), {"label": "fake@1", "about": {}})()
        self.calls: list[int] = []

    def label(self, documents: Sequence[Document]) -> list[LabelledDocument]:
        self.calls.append(len(documents))
        labelled = []
        for document in documents:
            (paragraph,) = document.paragraphs
            (one,) = ByCharacter().label([record(document.id, paragraph.text)])
            assert one.scores is not None
            assert one.spans is not None
            themes = tuple(ThemeScore(t.id, t.label, s, t.label in one.given, False) for t, s in zip(THEMES, one.scores, strict=True))
            departments = tuple(Department(s.start, s.end, paragraph.text[s.start : s.end], s.score) for s in one.spans)
            labelled.append(LabelledDocument(document, (LabelledParagraph(paragraph, 1, themes, departments),)))
        return labelled


def test_bundle_labeller_goes_through_the_classifier_in_batches() -> None:
    classifier = FakeClassifier()
    labeller = BundleLabeller(classifier, batch=3)  # type: ignore[arg-type]
    assert labeller.label(RECORDS) == ByCharacter().label(RECORDS)
    assert classifier.calls == [3, 3, 1]
    assert labeller.name == "fake@1"


def test_command_measures_a_file_and_says_what_it_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = FakeClassifier()
    classifier.bundle.themes = THEMES
    classifier.session = type("Session", (), {"runtime": "none"})()  # type: ignore[attr-defined]
    monkeypatch.setattr("training.evaluate.Classifier.open", lambda path, runtime: classifier)
    data = tmp_path / "data.jsonl"
    lines = [
        {"id": "a", "text": "甲甲，市政府说。", "themes": ["甲"], "departments": [{"start": 3, "end": 6}]},
        {"id": "b", "text": "没有。", "themes": ["丙"]},
    ]
    data.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    result = CliRunner().invoke(command, ["--data", str(data), "--train", str(data), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert f"set aside: {data}:2: field 'themes': unknown theme '丙'" in result.stderr
    assert result.stdout.splitlines()[1].startswith("fake@1")
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert (written["bundle"], written["runtime"], written["records"], written["set_aside"]) == ("fake@1", "none", 1, 1)
    assert written["data"][0]["file"] == "data.jsonl"
    assert len(written["data"][0]["sha256"]) == 64
    assert written["labellers"]["fake@1"]["departments"]["seen_names"]["recall"]["value"] == 1.0
    assert (tmp_path / "out" / "report.html").is_file()


def test_command_refuses_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("", encoding="utf-8")
    result = CliRunner().invoke(command, ["--data", str(data), "--baselines"])
    assert result.exit_code == 2
    assert "--baselines needs --train" in result.stderr
    result = CliRunner().invoke(command, ["--data", str(data), "--bundle", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "no bundle at" in result.stderr
