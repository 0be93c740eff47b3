"""Every command that the READMEs show is run, and its outcome is what a reader would notice.

The two READMEs show the same commands (``tests/test_docs.py``), so the English one's are run. They run in a temporary
folder with what of the checkout they need: the same files in the same places, ``.venv/bin`` being where this
interpreter's ``lanmu`` is. Those that train are in ``tests/test_readme_training.py``. ``make`` is asked what it would
do, for what it would do is install and run these tests.
"""

import json
import re
import urllib.request
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from model.bundle import BUNDLED, read_bundle
from tests.benchmarks.readme_answer import READMES, curl_request, laid_out, sh_commands, shown_answer, with_answer
from tests.readme_commands import (
    ADDRESS,
    CURL,
    HANDLED,
    LABEL,
    LABEL_STDIN,
    MAKE,
    README,
    ROOT,
    ask,
    command,
    done,
    serving,
    without_scores,
)
from tests.test_docs import fenced, read
from training.config import read_config


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
