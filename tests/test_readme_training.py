"""The commands of the README that train, measure, export and serve a bundle of one's own, and that add a theme."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModel, AutoTokenizer

from data.corpus import Record, parse_record, record_to_json
from data.themes import read_themes
from model.bundle import BUNDLED, read_bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.tags import spans_to_tags
from tests.benchmarks.readme_answer import READMES
from tests.readme_commands import (
    ANNOTATE,
    COPY_CONFIG,
    COPY_THEMES,
    CURL,
    EVALUATE,
    EXPORT,
    KEEP_APART,
    PRETRAIN,
    SERVE_MINE,
    TRAIN,
    ask,
    command,
    done,
    serving,
    set_keys,
    toml_blocks,
)
from tests.test_docs import read
from tests.tiny import starter_records, write_records
from training.config import read_config
from training.pretrain_config import read_pretrain_config

STARTER_PARAGRAPHS = 400
SURE_THEME, SURE_TAG = 1.0, 2.0
"""Logits by which the bundled model must be sure of a theme, and of a token's tag."""


@pytest.fixture(scope="module")
def sure_records() -> list[Record]:
    """A few dozen starter paragraphs that the bundled model labels as they are annotated, and plainly.

    An export measures int8 against fp32 and writes nothing beyond half a point. Among so few paragraphs one flipped label is more
    than that, so none may be on the brink.
    """
    records, themes = starter_records(STARTER_PARAGRAPHS), read_themes()
    encodings, scores = Classifier.open(threads=1).score([record.text for record in records])
    sure = []
    for record, encoding, score in zip(records, encodings, scores, strict=True):
        wanted = np.array([1 if theme.label in (record.themes or ()) else -1 for theme in themes])
        tags, inexact = spans_to_tags([(span.start, span.end) for span in record.departments or ()], encoding.offsets)
        logits = np.array(score.tag_logits)
        gold = logits[np.arange(len(tags)), tags].copy()
        logits[np.arange(len(tags)), tags] = -np.inf
        if not inexact and (wanted * score.theme_logits > SURE_THEME).all() and (gold - logits.max(axis=1) > SURE_TAG).all():
            sure.append(record)
    assert len(sure) >= 24, f"the bundled model is sure of {len(sure)} of {len(records)} starter paragraphs only"
    return sure


def write_starter(checkout: Path, records: list[Record]) -> None:
    """The checkout's starter corpus, much smaller than the real one so that the tests are quick."""
    lines = [json.dumps(record_to_json(record), ensure_ascii=False) + "\n" for record in records]
    (checkout / "data" / "corpus" / "starter.jsonl").write_text("".join(lines), encoding="utf-8")


@pytest.mark.bundle
@pytest.mark.slow
def test_retraining(checkout: Path, sure_records: list[Record]) -> None:
    """On two steps and a few dozen starter paragraphs in place of three epochs and the whole corpus, at a rate that changes next to nothing."""
    write_starter(checkout, sure_records)
    labels = [theme.label for theme in read_themes()]
    for pattern, name, themes, department in ((ANNOTATE, "mine", "精减", "市教育局"), (KEEP_APART, "held-out", "提速", "县水利局")):
        done(command(pattern), checkout)
        (line,) = (checkout / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        record = parse_record(line, labels)
        assert (record.themes, [span.text for span in record.departments or ()]) == ((themes,), [department])

    config = checkout / "training/configs/mine.toml"
    done(command(COPY_CONFIG), checkout)
    set_keys(config, toml_blocks()[0])
    settings = read_config(config)
    assert [Path(one).resolve() for one in settings.train] == [checkout.resolve() / "data/corpus", checkout.resolve() / "mine.jsonl"]
    set_keys(config, "max_steps = 2\nbatch_size = 2\nlearning_rate = 1e-6\nhead_learning_rate = 1e-6\ndev_share = 0.5")

    trained = done(command(TRAIN), checkout)
    assert "set aside" not in trained.stderr
    bundle = read_bundle(checkout / "runs/mine/bundle")
    assert f"({bundle.label})" in trained.stdout.splitlines()[-1]

    evaluated = done(command(EVALUATE), checkout)
    head, row = evaluated.stdout.splitlines()
    assert head.split()[-3:] == ["macro", "micro", "departments"]
    assert row.startswith(bundle.label)
    evaluation = json.loads((checkout / "runs/mine/report/evaluation.json").read_text(encoding="utf-8"))
    assert (evaluation["bundle"], evaluation["records"], evaluation["set_aside"]) == (bundle.label, 1, 0)
    assert "</html>" in (checkout / "runs/mine/report/report.html").read_text(encoding="utf-8")

    exported = done(command(EXPORT), checkout)
    mine = read_bundle(checkout / "bundles/mine")
    assert mine.name == "mine"
    assert f"({mine.label})" in exported.stdout.splitlines()[-1]

    with serving(command(SERVE_MINE), checkout) as (address, label):
        answer = ask(command(CURL), address, checkout)
    assert answer["bundle"] == label == mine.label
    names = [department["name"] for department in answer["documents"][0]["paragraphs"][0]["departments"]]
    assert names == ["内蒙古自治区政务服务局", "内蒙古自治区公安厅"]


@pytest.mark.bundle
@pytest.mark.slow
def test_a_theme_is_added_and_the_old_ones_keep_what_they_learnt(checkout: Path, sure_records: list[Record]) -> None:
    """On one step and a few dozen starter paragraphs; the weights are compared before export, which calibrates the scores anew."""
    write_starter(checkout, sure_records)
    done(command(COPY_THEMES), checkout)
    with (checkout / "my-themes.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + toml_blocks()[1])
    old, new = read_themes(), read_themes(checkout / "my-themes.toml")
    added = tomllib.loads(toml_blocks()[1])["theme"][0]
    assert (new[:-1], new[-1].id, new[-1].label) == (old, added["id"], added["label"])

    text = "村里修了路、清了塘，合作社带着乡亲们种菌菇，人均收入涨了两成。"
    line = json.dumps({"id": "n1", "text": text, "themes": [added["label"]], "departments": []}, ensure_ascii=False)
    (checkout / "mine.jsonl").write_text(line + "\n", encoding="utf-8")
    config = checkout / "training/configs/mine.toml"
    done(command(COPY_CONFIG), checkout)
    set_keys(config, toml_blocks()[0])
    said = {re.findall(r'`(themes = "[^"`]+")`', read(page))[0] for page in READMES}
    assert len(said) == 1
    set_keys(config, said.pop())
    set_keys(config, "max_steps = 1\nbatch_size = 2\ndev_share = 0.5")
    trained = done(f"{command(TRAIN)} --no-export", checkout)
    assert "set aside" not in trained.stderr

    network = checkout / "runs/mine/network"
    assert read_themes(network / "themes.toml") == new
    texts = [record.text for record in sure_records]
    before, after = theme_scores(BUNDLED, texts), theme_scores(network, texts)
    assert after.keys() - before.keys() == {added["id"]}
    for theme, scores in before.items():
        assert after[theme] == pytest.approx(scores, abs=0.02), theme


def theme_scores(folder: Path, texts: list[str]) -> Mapping[str, list[float]]:
    """Scores, not calibrated, that the trained weights in ``folder`` give the texts, by theme."""
    from training.base import load_network
    from training.runtime import TorchSession, reference_classifier

    themes = read_themes(folder / "themes.toml")
    classifier = reference_classifier(TorchSession(load_network(folder)), folder, themes, (Calibration(),) * len(themes), 1.0, (384, 96))
    logits = np.stack([one.theme_logits for one in classifier.score(texts)[1]]).astype(np.float64)
    return {theme.id: (1 / (1 + np.exp(-logits[:, place]))).tolist() for place, theme in enumerate(themes)}


def test_an_encoder_is_pretrained_as_shown(checkout: Path) -> None:
    """With the settings of the configuration that is shown but for its size, which would take minutes."""
    config = checkout / PRETRAIN.split()[-1]
    assert config.read_text(encoding="utf-8") == read("training/configs/pretrain-small.toml")
    for path in (read_pretrain_config(config).texts[0], *read_pretrain_config(config).probe):
        assert Path(path) == checkout / "data/corpus"
    records = starter_records(60)
    write_records(checkout / "data/corpus/starter.jsonl", records)
    set_keys(
        config,
        "tokens = 2048\nvocabulary = 1500\nlayers = 1\nhidden_size = 32\nheads = 2\nsave_steps = 4\nprobe_paragraphs = 30\n"
        "probe_epochs = 1\nrow_tokens = 64\nshort_row_tokens = 32\nbatch_tokens = 512\nheld_out_rows = 2",
    )
    result = done(PRETRAIN, checkout)
    assert "encoder: " in result.stdout
    encoder = checkout / "runs/encoder/encoder"
    assert AutoModel.from_pretrained(encoder).config.num_hidden_layers == 1
    assert AutoTokenizer.from_pretrained(encoder).tokenize("市政府") == ["市", "政", "府"]
