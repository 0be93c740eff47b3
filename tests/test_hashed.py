"""Labels by a hash of the text: what comes back once the raw news stands beside them, and what is told when it does not."""

import json
from pathlib import Path

import pytest

from data.corpus import Record, Span
from data.themes import read_themes
from training.config import ConfigError
from training.hashed import read_hashed, text_hash, write_hashed

THEMES = read_themes()
FIRST = Record("1", "𠮷县公安局当日办结。", ("提速",), (Span(0, 5, "𠮷县公安局"),), "a")
SECOND = Record("2", "今天有雨。", (), (), "b")


def raw_news(path: Path, *texts: str) -> list[str]:
    path.write_text("".join(json.dumps({"text": text, "source": "wire"}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    return [str(path)]


def test_labels_come_back_to_their_texts(tmp_path: Path) -> None:
    write_hashed(tmp_path / "labels.tsv", [FIRST, SECOND], THEMES)
    raw = raw_news(tmp_path / "raw.jsonl", "别的一段。", SECOND.text, FIRST.text)
    records, missing = read_hashed(tmp_path / "labels.tsv", raw, THEMES)
    assert missing == 0
    assert [(one.text, one.themes, one.departments, one.source) for one in records] == [
        (SECOND.text, (), (), "wire"),
        (FIRST.text, ("提速",), FIRST.departments, "wire"),
    ]


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    half, other = Record("1", FIRST.text, None, FIRST.departments), Record("2", SECOND.text, (), None)
    write_hashed(tmp_path / "labels.tsv", [half, other], THEMES)
    assert f"{text_hash(FIRST.text)}\t?\t0-5\n" in (tmp_path / "labels.tsv").read_text(encoding="utf-8")
    records, _ = read_hashed(tmp_path / "labels.tsv", raw_news(tmp_path / "raw.jsonl", FIRST.text, SECOND.text), THEMES)
    assert [(one.themes, one.departments) for one in records] == [(None, FIRST.departments), ((), None)]


def test_no_text_is_written(tmp_path: Path) -> None:
    write_hashed(tmp_path / "labels.tsv", [FIRST, SECOND], THEMES)
    written = (tmp_path / "labels.tsv").read_text(encoding="utf-8")
    assert sorted(written.splitlines()) == sorted([f"{text_hash(FIRST.text)}\tspeed_up\t0-5", f"{text_hash(SECOND.text)}\t\t"])


def test_labels_without_their_text_are_counted(tmp_path: Path) -> None:
    write_hashed(tmp_path / "labels.tsv", [FIRST, SECOND], THEMES)
    records, missing = read_hashed(tmp_path / "labels.tsv", raw_news(tmp_path / "raw.jsonl", FIRST.text), THEMES)
    assert ([one.text for one in records], missing) == ([FIRST.text], 1)


@pytest.mark.parametrize("line", ["abc", "0123\tunheard_of\t", "0123\tspeed_up\t3", "0123\tspeed_up\ta-b"])
def test_a_line_that_is_wrong_is_told_with_its_place(tmp_path: Path, line: str) -> None:
    (tmp_path / "labels.tsv").write_text(f"{text_hash(SECOND.text)}\t\t\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"labels.tsv:2: expected hash"):
        read_hashed(tmp_path / "labels.tsv", raw_news(tmp_path / "raw.jsonl", SECOND.text), THEMES)


def test_labels_need_the_news_that_they_were_read_in(tmp_path: Path) -> None:
    write_hashed(tmp_path / "labels.tsv", [FIRST], THEMES)
    with pytest.raises(ConfigError, match=r"labels\.tsv holds labels without texts: key 'raw' must name"):
        read_hashed(tmp_path / "labels.tsv", [], THEMES)


def test_the_labels_that_ship_are_well_formed_and_hold_no_text() -> None:
    path = Path(__file__).resolve().parents[1] / "training" / "annotations" / "raw-news.tsv"
    lines = path.read_text(encoding="ascii").splitlines()
    assert len(lines) > 4000
    ids = {theme.id for theme in THEMES}
    for line in lines:
        key, themes, departments = line.split("\t")
        assert len(key) == 16
        assert set(themes.split(",")) <= ids | {""} or themes == "?" != departments
    assert len({line.split("\t")[0] for line in lines}) == len(lines)
