"""The model card: written from what was measured, with failures shown on texts of its own."""

from pathlib import Path

import pytest

from data.corpus import Record, Span
from data.themes import read_themes
from model.bundle import BUNDLED
from model.classifier import Classifier
from training.card import CardExample, failures, figures_table, read_examples
from training.config import ConfigError
from training.evaluate import evaluate
from training.labelling import BundleLabeller

EXAMPLES = Path(__file__).resolve().parents[1] / "training" / "card_examples.toml"
TEXT = "市教育局取消三项证明。"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.open(BUNDLED, threads=1)


@pytest.mark.bundle
def test_only_what_the_bundle_gets_wrong_is_called_a_failure(classifier: Classifier) -> None:
    right = CardExample(TEXT, ("精减",), ("市教育局",), "plain")
    wrong = CardExample(TEXT, ("军事训练",), ("教育局",), "wrong on purpose")
    said = failures(classifier, [right, wrong])
    assert said.startswith("1 of the 2 examples")
    assert said.splitlines()[-1] == f"| {TEXT} | 精减; 市教育局 | 军事训练; 教育局 | wrong on purpose |"
    assert failures(classifier, [right]) == "None of the 1 examples kept for this section is labelled wrongly by this bundle."


def test_the_examples_are_whole_and_of_known_themes() -> None:
    examples = read_examples(EXAMPLES)
    assert len(examples) >= 10
    labels = {theme.label for theme in read_themes()}
    for one in examples:
        assert set(one.themes) <= labels, one
        assert all(name in one.text for name in one.departments), one


def test_an_example_that_lacks_a_field_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "examples.toml"
    path.write_text('[[example]]\ntext = "市政府"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"examples\.toml: expected \[\[example\]\] tables with text, themes"):
        read_examples(path)


@pytest.mark.bundle
def test_figures_stand_with_intervals_by_theme_source_length_level_and_kind(classifier: Classifier) -> None:
    records = [Record(f"r{i}", TEXT, ("精减",), (Span(0, 4, "市教育局"),), "a paper", "") for i in range(3)]
    themes, labeller = classifier.bundle.themes, BundleLabeller(classifier)
    measured = evaluate([labeller], records, themes, frozenset())[0]["labellers"][labeller.name]
    rows = figures_table(measured, themes).splitlines()
    full = "100.0 [100.0, 100.0]"
    assert any(row.startswith(f"| 精减 | 3 | {full} | {full} | {full} | 0.") for row in rows)
    assert f"| a paper | 3 | {full} | {full} |" in rows
    assert f"| ≤5 | 3 | 3 | 0 | 0 | {full} |" in rows
    assert f"| several | 3 | 3 | 0 | 0 | {full} |" in rows
    assert f"| government | 3 | 3 | 0 | 0 | {full} |" in rows
