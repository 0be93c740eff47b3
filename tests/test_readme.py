"""Every command that the READMEs show is run, and its outcome is what a reader would notice.

The two READMEs show the same commands (``tests/test_docs.py``), so the English one's are run. They run in a temporary
folder with what of the checkout they need: the same files in the same places, ``.venv/bin`` being where this
interpreter's ``lanmu`` is. ``make`` is asked what it would do, for what it would do is install and run these tests.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sysconfig
import threading
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.corpus import Record, parse_record, record_to_json
from data.themes import read_themes
from model.bundle import BUNDLED, read_bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.tags import spans_to_tags
from tests.benchmarks.readme_answer import READMES, curl_request, laid_out, sh_commands, shown_answer, with_answer
from tests.test_docs import fenced, read
from training.config import read_config

ROOT = Path(__file__).resolve().parents[1]
README = READMES[0]
ADDRESS = "127.0.0.1:8000"

CURL = f"curl -s http://{ADDRESS}/v1/label *"
LABEL = ".venv/bin/lanmu label docs/example.txt -o labels.jsonl"
LABEL_STDIN = "echo * | .venv/bin/lanmu label -"
ANNOTATE = "printf * > mine.jsonl"
KEEP_APART = "printf * > held-out.jsonl"
COPY_CONFIG = "cp training/configs/small.toml training/configs/mine.toml"
TRAIN = ".venv/bin/lanmu train training/configs/mine.toml"
EVALUATE = ".venv/bin/lanmu evaluate --bundle runs/mine/bundle --data held-out.jsonl --output runs/mine/report"
EXPORT = ".venv/bin/lanmu export runs/mine --output bundles/mine --name mine"
SERVE_MINE = ".venv/bin/lanmu serve --bundle bundles/mine"
COPY_THEMES = "cp data/themes.toml my-themes.toml"
MAKE = {
    "make serve": [".venv/bin/python -m pip install --quiet --no-compile --editable .", ".venv/bin/lanmu serve"],
    "make test": [".venv/bin/python -m pip install --quiet --editable '.[train,test]'", ".venv/bin/python -m pytest"],
    "make lint": [
        ".venv/bin/python -m pip install --quiet --editable '.[train,test]'",
        ".venv/bin/ruff check .",
        ".venv/bin/ruff format --check .",
        ".venv/bin/mypy",
    ],
    "make train": [
        ".venv/bin/python -m pip install --quiet --editable '.[train,test]'",
        ".venv/bin/lanmu train training/configs/small.toml",
    ],
}
"""What each does on a machine that has nothing yet, but for making ``.venv`` and noting what is installed."""

HANDLED = (CURL, LABEL, LABEL_STDIN, ANNOTATE, KEEP_APART, COPY_CONFIG, TRAIN, EVALUATE, EXPORT, SERVE_MINE, COPY_THEMES, *MAKE)
"""Patterns of the commands that the tests below run, each with its own."""

STARTER_PARAGRAPHS = 400
SURE_THEME, SURE_TAG = 1.0, 2.0
"""Logits by which the bundled model must be sure of a theme, and of a token's tag."""


def command(pattern: str) -> str:
    """The command of the README that is ``pattern``."""
    (found,) = {one for one in sh_commands(read(README)) if fnmatchcase(one, pattern)}
    return found


def toml_blocks() -> tuple[str, str]:
    """The README's lines for the configuration, and its table for the theme list."""
    settings, theme = (block for language, block in fenced(read(README)) if language == "toml")
    return settings, theme


def environment() -> dict[str, str]:
    """This process's, without settings of lanmu and of the ``make`` that may have started the tests."""
    return {name: value for name, value in os.environ.items() if not re.match(r"LANMU_|MAKE|MFLAGS|CONFIG$|PYTHON(PATH)?$", name)}


def sh(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command line as a reader would."""
    return subprocess.run(["sh", "-c", line], cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800, check=False)


def done(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command line that must succeed."""
    result = sh(line, folder)
    assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    return result


@contextmanager
def serving(line: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run a ``lanmu serve`` on a free port; the host and port, and the bundle, that it prints. It must end well when it is told to."""
    words = [*shlex.split(line), "--port", "0"]
    process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        printed = process.stdout.readline()
        found = re.fullmatch(r"lanmu: ready at http://(127\.0\.0\.1:\d+) \((\S+), \w+\)\n", printed)
        assert found is not None, printed or process.communicate()[1]
        yield found[1], found[2]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def ask(line: str, address: str, folder: Path) -> Any:
    """The parsed answer to the README's ``curl`` at another address; the same request where there is no ``curl``."""
    moved = line.replace(ADDRESS, address)
    if shutil.which("curl"):
        return json.loads(done(moved, folder).stdout)
    url, headers, body = curl_request(moved)
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as response:
        return json.loads(response.read())


def without_scores(value: Any) -> tuple[Any, list[float]]:
    """An answer without its scores, and these by themselves in their order."""
    scores: list[float] = []

    def strip(one: Any) -> Any:
        if isinstance(one, list):
            return [strip(part) for part in one]
        if isinstance(one, dict):
            scores.extend(part for name, part in one.items() if name == "score")
            return {name: strip(part) for name, part in one.items() if name != "score"}
        return one

    return strip(value), scores


def set_keys(config: Path, lines: str) -> None:
    """Say ``lines`` in a configuration: in the place of the line that has the key, or at its end."""
    text = config.read_text(encoding="utf-8")
    for line in lines.splitlines():
        key = re.escape(line.partition(" =")[0])
        text, replaced = re.subn(rf"^{key} = .*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
        text += "" if replaced else f"{line}\n"
    config.write_text(text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that has what the commands need, at its place; ``data/corpus`` is empty."""
    for name in ("docs/example.txt", "data/themes.toml", "training/configs/small.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "data" / "corpus").mkdir()
    (tmp_path / "model" / "bundles").mkdir(parents=True)
    (tmp_path / "model" / "bundles" / "small").symlink_to(BUNDLED)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(sysconfig.get_path("scripts"))
    return tmp_path


@pytest.fixture(scope="module")
def sure_records() -> list[Record]:
    """A few dozen starter paragraphs that the bundled model labels as they are annotated, and plainly.

    An export measures int8 against fp32 and writes nothing beyond half a point. Among so few paragraphs one flipped label is more
    than that, so none may be on the brink.
    """
    from tests.tiny import starter_records

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


def test_every_command_is_run_by_a_test_here() -> None:
    commands = set(sh_commands(read(README)))
    assert [one for one in commands if not any(fnmatchcase(one, pattern) for pattern in HANDLED)] == []
    assert [pattern for pattern in HANDLED if not any(fnmatchcase(one, pattern) for one in commands)] == []


@pytest.mark.parametrize("page", READMES)
def test_commands_stand_in_sh_blocks_only(page: str) -> None:
    assert {language for language, _ in fenced(read(page))} == {"sh", "toml", "json", "text"}


@pytest.mark.parametrize("page", READMES)
def test_nothing_is_left_to_fill_in(page: str) -> None:
    assert re.findall(r"@@[^@\n]*@@|@@", read(page)) == []


@pytest.mark.parametrize("target", MAKE)
def test_make(target: str) -> None:
    plan = done(f"make --no-print-directory --dry-run --always-make {target.removeprefix('make ')}", ROOT).stdout.splitlines()
    made, *_ = plan
    assert made.startswith("test -x .venv/bin/python || python3 -m venv .venv")
    assert [line for line in plan[1:] if not re.match(r"touch |\S+ -m pip install --quiet torch==", line)] == MAKE[target]


def test_make_train_goes_on_from_the_bundled_model_to_where_the_readme_says() -> None:
    config = read_config(ROOT / MAKE["make train"][-1].split()[-1])
    assert (Path(config.base).resolve(), Path(config.output).resolve() / "bundle") == (BUNDLED, ROOT / "runs/small/bundle")
    for page in READMES:
        assert "`runs/small/bundle`" in read(page)


def test_continuous_integration_runs_the_readmes_own_commands() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in lines
    assert "make lint" in lines


@pytest.mark.bundle
def test_the_server_answers_the_request_as_shown(checkout: Path) -> None:
    with serving(MAKE["make serve"][-1], checkout) as (address, bundle):
        answer = ask(command(CURL), address, checkout)
        with urllib.request.urlopen(f"http://{address}/docs", timeout=60) as page:
            assert page.status == 200
    assert answer["bundle"] == bundle == read_bundle(BUNDLED).label
    found, scores = without_scores(answer)
    for readme in READMES:
        expected, expected_scores = without_scores(json.loads(shown_answer(read(readme))))
        assert found == expected
        assert scores == pytest.approx(expected_scores, abs=0.02)


def test_the_request_is_the_same_where_there_is_no_curl() -> None:
    address, headers, body = curl_request(command(CURL))
    assert (address, headers) == (f"http://{ADDRESS}/v1/label", {"Content-Type": "application/json"})
    assert [document.keys() for document in json.loads(body)["documents"]] == [{"id", "region", "text"}]


@pytest.mark.bundle
def test_a_file_is_labelled_as_the_table_at_the_top_shows(checkout: Path) -> None:
    result = done(command(LABEL), checkout)
    assert result.stdout == ""
    assert not (checkout / "labels.jsonl.rejected.jsonl").exists()
    (line,) = (checkout / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    labelled = json.loads(line)
    assert (labelled["id"], labelled["bundle"]) == ("docs/example.txt", read_bundle(BUNDLED).label)
    rows = [
        (
            str(paragraph["index"]),
            paragraph["kind"],
            ", ".join(theme["label"] for theme in paragraph["themes"]) or "–",
            "; ".join(f"{one['text']} → {one['name']}" for one in paragraph["departments"]) or "–",
        )
        for paragraph in labelled["paragraphs"]
    ]
    article = (checkout / "docs" / "example.txt").read_text(encoding="utf-8")
    for page in READMES:
        assert [block for language, block in fenced(read(page)) if language == "text"] == [article]
        assert re.findall(r"^\| (\d) \| (\S+) \| (.+?) \| (.+?) \|$", read(page), re.MULTILINE) == rows


@pytest.mark.bundle
def test_standard_input_is_labelled(checkout: Path) -> None:
    (line,) = done(command(LABEL_STDIN), checkout).stdout.splitlines()
    labelled = json.loads(line)
    assert labelled["id"] == "a1"
    (paragraph,) = labelled["paragraphs"]
    assert paragraph["text"] == "市教育局取消三项证明。"
    assert [theme["label"] for theme in paragraph["themes"]] == ["精减"]
    assert [(one["start"], one["end"], one["text"]) for one in paragraph["departments"]] == [(0, 4, "市教育局")]


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


def test_the_answer_is_laid_out_whole_and_nothing_else_is_rewritten() -> None:
    answer = {"bundle": "small@1", "documents": [{"id": "1", "paragraphs": [{"text": "市" * 90, "themes": [], "departments": [{"name": None}]}] * 2}]}
    shown = laid_out(answer)
    assert json.loads(shown) == answer
    assert max(map(len, shown.splitlines())) <= 120
    assert "市市" in shown
    for page in READMES:
        text = read(page)
        changed = with_answer(text, shown)
        assert shown_answer(changed) == shown
        assert with_answer(changed, shown_answer(text)) == text
