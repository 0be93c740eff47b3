"""Silver labels: quick linear teachers, trained on the annotated paragraphs, label raw news for the network to read first.

A small encoder that has read little text learns slowly from a few thousand paragraphs. Linear models over character
n-grams learn fast from so few, and what they know can be handed over: TF-IDF with logistic regression gives soft
theme scores, a conditional random field (Lafferty et al., 2001) gives departments. The network then goes on with the
annotated paragraphs and surpasses its teachers.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycrfsuite
from datasets import load_dataset
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from data.corpus import Record
from data.departments.regions import regions
from data.themes import Theme
from model.folding import fold
from model.tags import TAGS, spans_to_tags, tags_to_spans
from training.metrics import FloatArray

SHORTEST, LONGEST = 20, 260
"""Code points of a paragraph that is worth reading in the silver phase: shorter tells nothing, longer costs more than it teaches."""

_SUFFIXES = (
    "委员会",
    "办公厅",
    "办公室",
    "管理局",
    "总局",
    "党委",
    "政府",
    "法院",
    "检察院",
    "总队",
    "支队",
    "大队",
    "委",
    "局",
    "厅",
    "部",
    "署",
    "院",
    "会",
    "办",
    "队",
    "中心",
    "旅",
    "团",
    "军区",
    "战区",
    "兵团",
    "分局",
    "政协",
    "人大",
    "海关",
    "军",
    "师",
)
_ORGAN = re.compile("委|局|厅|部|署|院|政府|政协|总队|军|海关|中心")
_STOPS = frozenset("，。、；：？！“”《》（）")
_NEAR = 9


@dataclass(frozen=True, slots=True)
class SilverParagraph:
    """A raw paragraph with its teachers' labels.

    Attributes:
        text: The paragraph.
        themes: ``T`` probabilities.
        departments: Code-point ``(start, end)`` of each name.
    """

    text: str
    themes: tuple[float, ...]
    departments: tuple[tuple[int, int], ...]


class ThemeTeacher:
    """TF-IDF over character 1–4-grams and one logistic regression a theme.

    Raises:
        ValueError: If no record has known themes.
    """

    def __init__(self, records: Iterable[Record], themes: Sequence[Theme]) -> None:
        known = [record for record in records if record.themes is not None]
        self._vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
        features = self._vectorizer.fit_transform([fold(record.text) for record in known])
        labels = np.array([[theme.label in (record.themes or ()) for theme in themes] for record in known])
        self._models = [
            LogisticRegression(C=20, max_iter=500).fit(features, labels[:, i]) if 0 < labels[:, i].sum() < len(known) else None
            for i in range(len(themes))
        ]

    def score(self, texts: Sequence[str]) -> FloatArray:
        """``[N, T]`` probabilities; 0 for a theme that no record showed."""
        features = self._vectorizer.transform([fold(text) for text in texts])
        columns = [np.zeros(len(texts)) if model is None else model.predict_proba(features)[:, 1] for model in self._models]
        return np.stack(columns, axis=1)


class DepartmentTeacher:
    """A conditional random field over character n-grams, region names and the endings of organs' names.

    Args:
        path: Where the trained model is kept; read if it is there, trained and written if not.
        records: Annotated paragraphs; needed for training only.
    """

    def __init__(self, path: Path, records: Iterable[Record]) -> None:
        if not path.is_file():
            self._train(path, [record for record in records if record.departments is not None])
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(path))

    @staticmethod
    def _train(path: Path, records: Sequence[Record]) -> None:
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({"c1": 0.05, "c2": 0.02, "max_iterations": 100, "feature.possible_transitions": False})
        for record in tqdm(records, desc="departments' teacher: features", unit=" paragraphs", disable=None):
            offsets = np.array([(i, i + 1) for i in range(len(record.text))], np.int32)
            tags, _ = spans_to_tags([(span.start, span.end) for span in record.departments or ()], offsets)
            trainer.append(character_features(fold(record.text)), [TAGS[tag] for tag in tags])
        part = path.with_suffix(".part")
        trainer.train(str(part))
        part.replace(path)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Code-point ``(start, end)`` of the departments in ``text``."""
        tags = [TAGS.index(tag) for tag in self._tagger.tag(character_features(fold(text)))]
        return tags_to_spans(tags)


def character_features(text: str) -> list[list[str]]:
    """The random field's features of each character of a folded text."""
    size = len(text)
    padded = "<<<" + text + ">>>"
    regions = _region_tags(text)
    endings = _endings(text)
    nearest = _nearest_ending(text, endings)
    rows = []
    for i in range(size):
        at = i + 3
        row = ["bias", f"next={nearest[i]}", "regions=" + "".join(regions[max(0, i - 1) : i + 3])]
        row += [f"u{k}={padded[at + k]}" for k in range(-3, 4)]
        row += [f"b{k}={padded[at + k : at + k + 2]}" for k in range(-3, 3)]
        row += [f"t{k}={padded[at + k : at + k + 3]}" for k in range(-3, 2)]
        row += [f"after={padded[at : at + 4]}", f"before={padded[at - 3 : at + 1]}"]
        row += [f"ending{k}={endings[i + k]}" for k in (-1, 0, 1) if 0 <= i + k < size and endings[i + k]]
        rows.append(row)
    return rows


def _region_tags(text: str) -> list[str]:
    named = regions().named
    tags = ["O"] * len(text)
    for length in range(2, 9):
        for start in range(len(text) - length + 1):
            if named(text[start : start + length]):
                tags[start : start + length] = ["B", *["I"] * (length - 1)]
    return tags


def _endings(text: str) -> list[str]:
    """At each character, the longest organ's ending that ends there."""
    endings = [""] * len(text)
    for suffix in _SUFFIXES:
        start = text.find(suffix)
        while start >= 0:
            last = start + len(suffix) - 1
            endings[last] = max(endings[last], suffix, key=len)
            start = text.find(suffix, start + 1)
    return endings


def _nearest_ending(text: str, endings: Sequence[str]) -> list[str]:
    """For each character, the next ending before a mark and how far off it is."""
    nearest, name, distance = [""] * len(text), "", _NEAR
    for i in range(len(text) - 1, -1, -1):
        nearest[i] = f"{name}{min(distance, _NEAR)}"
        distance += 1
        if text[i] in _STOPS:
            name, distance = "", _NEAR
        if endings[i]:
            name, distance = endings[i], 0
    return nearest


def read_raw(paths: Sequence[str], exclude: frozenset[str], limit: int, seed: int) -> list[str]:
    """Draw ``limit`` paragraphs of fitting length from raw JSONL files, without those that are annotated.

    Args:
        paths: ``{"text"}`` a line, plain or compressed.
        exclude: The first 40 code points of each annotated paragraph.
    """

    def fitting() -> Iterator[str]:
        for row in load_dataset("json", data_files=list(paths), split="train", streaming=True):
            if SHORTEST <= len(row["text"]) <= LONGEST and row["text"][:40] not in exclude:
                yield row["text"]

    # Reservoir sampling (Vitter, 1985): one pass over files of any size.
    chooser = random.Random(seed)
    chosen: list[str] = []
    for seen, text in enumerate(tqdm(fitting(), desc="raw news", unit=" paragraphs", disable=None)):
        if seen < limit:
            chosen.append(text)
        elif (place := chooser.randrange(seen + 1)) < limit:
            chosen[place] = text
    return chosen


def choose(texts: Sequence[str], scores: FloatArray, limit: int, seed: int) -> list[int]:
    """Indices of ``limit`` paragraphs, those likely to show a theme or an organ far more often than the rest.

    Args:
        texts: N paragraphs.
        scores: ``[N, T]`` theme probabilities.
    """
    best = scores.max(axis=1)
    organ = np.array([bool(_ORGAN.search(text)) for text in texts])
    weights = 0.015 + 0.15 * (best > 0.15) + 0.6 * (best > 0.4) + 0.07 * organ
    # A rare theme must not drown in the common ones.
    rarity = scores.sum(axis=0).max() / np.maximum(scores.sum(axis=0), 1e-9)
    weights += 0.1 * ((scores > 0.3) * np.minimum(rarity, 5.0)).max(axis=1)
    random_state = np.random.default_rng(seed)
    keys = random_state.random(len(texts)) ** (1 / weights)  # weighted sampling without replacement (Efraimidis & Spirakis, 2006)
    return sorted(np.argsort(-keys)[:limit].tolist())


def make_silver(
    folder: Path, raw: Sequence[str], count: int, records: Sequence[Record], held_out: Sequence[Record], themes: Sequence[Theme], seed: int
) -> list[SilverParagraph]:
    """Label ``count`` raw paragraphs, or read them from ``folder`` where an earlier run has done it.

    Args:
        folder: Where teachers and labels are kept.
        raw: Raw JSONL files.
        records: Annotated paragraphs that the teachers learn from.
        held_out: Annotated paragraphs that must not be among the raw ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "silver.jsonl"
    if not path.is_file():
        known = frozenset(record.text[:40] for record in [*records, *held_out])
        texts = read_raw(raw, known, 12 * count, seed)
        teacher = ThemeTeacher(records, themes)
        scores = np.concatenate(
            [teacher.score(texts[at : at + 5000]) for at in tqdm(range(0, len(texts), 5000), desc="themes' teacher", disable=None)]
        )
        chosen = choose(texts, scores, count, seed)
        tagger = DepartmentTeacher(folder / "departments.crf", records)
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            for i in tqdm(chosen, desc="departments' teacher", unit=" paragraphs", disable=None):
                row = {"text": texts[i], "themes": [round(float(score), 3) for score in scores[i]], "departments": tagger.spans(texts[i])}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        part.replace(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return [SilverParagraph(row["text"], tuple(row["themes"]), tuple((start, end) for start, end in row["departments"])) for row in rows]
