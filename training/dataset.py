"""Annotated records → ``datasets.Dataset`` → batches. Encodes through ``model.encoding``: there is no second path."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from torch import Tensor

from data.corpus import Record, Span
from data.themes import Theme
from model.encoding import Encoder
from model.lexicon import NOWHERE
from model.network import IGNORE
from model.tags import spans_to_tags
from training.silver import SilverParagraph

RECORD_FEATURES = Features(
    {
        "id": Value("string"),
        "text": Value("string"),
        "themes": List(Value("string")),
        "departments": List({"start": Value("int32"), "end": Value("int32"), "text": Value("string")}),
        "themes_either": List(Value("string")),
        "source": Value("string"),
        "kind": Value("string"),
    }
)
"""Columns of an annotated corpus; ``themes`` and ``departments`` are null where nobody looked."""


def to_dataset(records: Iterable[Record]) -> Dataset:
    """Put records into a ``datasets.Dataset`` with :data:`RECORD_FEATURES`; unknown labels stay null."""
    rows = [
        {
            "id": record.id,
            "text": record.text,
            "themes": None if record.themes is None else list(record.themes),
            "departments": None if record.departments is None else [{"start": s.start, "end": s.end, "text": s.text} for s in record.departments],
            "themes_either": list(record.themes_either),
            "source": record.source,
            "kind": record.kind,
        }
        for record in records
    ]
    return Dataset.from_dict({name: [row[name] for row in rows] for name in RECORD_FEATURES}, features=RECORD_FEATURES)


def window_features(record: Record, encoder: Encoder, themes: Sequence[Theme]) -> list[dict[str, Any]]:
    """Features of each window of a paragraph.

    The themes of a paragraph are known of the whole; where it takes several windows, no single one answers for them
    and its theme labels are ``IGNORE``.
    """
    (encoding,) = encoder.encode([record.text])
    if record.departments is None:
        tags = [IGNORE] * len(encoding.offsets)
    else:
        tags, _ = spans_to_tags([(span.start, span.end) for span in record.departments], encoding.offsets)
    known = record.themes is not None and len(encoding.windows) == 1
    theme_labels = [int(theme.label in (record.themes or ())) if known else IGNORE for theme in themes]
    for i, theme in enumerate(themes):
        if theme.label in record.themes_either:
            theme_labels[i] = IGNORE
    return [
        {
            "input_ids": window.input_ids.tolist(),
            "lexicon_ids": window.lexicon_ids,
            "theme_labels": theme_labels,
            "tag_labels": [IGNORE, *tags[window.start : window.start + window.tokens], IGNORE],
        }
        for window in encoding.windows
    ]


class Substitution:
    """Swaps department names for others, so that the network learns the shape of a name and not a list of them.

    Names that open a coordination or lean on what stands before them (政府 after 党委、) stay as they are.
    """

    def __init__(self, records: Iterable[Record], share: float, seed: int) -> None:
        self._names = sorted({span.text for record in records for span in record.departments or () if len(span.text) > 3})
        self._share = share
        self._random = random.Random(seed)

    def __call__(self, record: Record) -> Record:
        """The record itself, or a variant of it with names swapped and offsets set anew."""
        if not record.departments or not self._names or self._random.random() >= self._share:
            return record
        pieces, spans, at, length = [], [], 0, 0
        for span in record.departments:
            name = span.text
            if len(name) > 3 and self._random.random() < 0.7:
                name = self._random.choice(self._names)
            pieces += [record.text[at : span.start], name]
            length += span.start - at
            spans.append(Span(length, length + len(name), name))
            length += len(name)
            at = span.end
        return Record(record.id, "".join([*pieces, record.text[at:]]), record.themes, tuple(spans), record.source, record.kind, record.themes_either)


class TrainingItems(torch.utils.data.Dataset[dict[str, Any]]):
    """Features that know their lengths, so that batches can be of like length."""

    def __init__(self, features: Sequence[dict[str, Any]]) -> None:
        self._features = features
        self.lengths = [len(one["input_ids"]) for one in features]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._features[index]


class ParagraphDataset(TrainingItems):
    """Windows of annotated paragraphs, and of an auxiliary NER set, ready for the collator.

    With ``substitution``, an item is made anew each time it is asked for.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoder: Encoder,
        themes: Sequence[Theme],
        substitution: Substitution | None = None,
        auxiliary: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._records = [_record(row) for row in dataset]
        self._encoder, self._themes, self._substitution = encoder, themes, substitution
        self._fixed = [features for record in self._records for features in window_features(record, encoder, themes)]
        self._record_of = [i for i, record in enumerate(self._records) for _ in encoder.encode([record.text])[0].windows]
        super().__init__([*self._fixed, *auxiliary])

    def __getitem__(self, index: int) -> dict[str, Any]:
        if self._substitution is not None and index < len(self._fixed):
            record = self._records[self._record_of[index]]
            changed = self._substitution(record)
            if changed is not record:
                windows = window_features(changed, self._encoder, self._themes)
                if len(windows) == 1:
                    return windows[0]
        return self._features[index]


def silver_features(paragraphs: Iterable[SilverParagraph], encoder: Encoder) -> TrainingItems:
    """Features of silver paragraphs: soft theme labels, hard tags. Each is short enough for one window."""
    features = []
    for paragraph in paragraphs:
        (encoding,) = encoder.encode([paragraph.text])
        if len(encoding.windows) == 1:
            tags, _ = spans_to_tags(paragraph.departments, encoding.offsets)
            (window,) = encoding.windows
            features.append(
                {
                    "input_ids": window.input_ids.tolist(),
                    "lexicon_ids": window.lexicon_ids,
                    "theme_labels": list(paragraph.themes),
                    "tag_labels": [IGNORE, *tags, IGNORE],
                }
            )
    return TrainingItems(features)


def _record(row: Mapping[str, Any]) -> Record:
    spans = None if row["departments"] is None else tuple(Span(s["start"], s["end"], s["text"]) for s in row["departments"])
    themes = None if row["themes"] is None else tuple(row["themes"])
    return Record(row["id"], row["text"], themes, spans, row["source"], row["kind"], tuple(row["themes_either"]))


AUXILIARY_TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-GOV", "I-GOV")
_AUXILIARY_TYPES = {
    "PER": "PER", "NAME": "PER", "name": "PER", "person_name": "PER",
    "LOC": "LOC", "GPE": "LOC", "address": "LOC", "location": "LOC",
    "ORG": "ORG", "company": "ORG", "organization": "ORG", "org_name": "ORG", "company_name": "ORG",
    "government": "GOV",
}  # fmt: skip


def read_auxiliary(paths: Iterable[Path], encoder: Encoder, themes: int, limit: int, seed: int) -> list[dict[str, Any]]:
    """Read public NER sentences as features with ``auxiliary_labels``; themes and departments are unknown in them.

    Args:
        paths: JSONL files of ``{"text", "entities": [[start, end, label]]}``.
        limit: At most so many sentences, drawn with ``seed``; those with an organisation first, as they teach most.
    """
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    random.Random(seed).shuffle(lines)
    rows = [json.loads(line) for line in lines]
    rows.sort(key=lambda row: not any(_AUXILIARY_TYPES.get(e[2]) in ("ORG", "GOV") for e in row["entities"]))
    features = []
    for row in rows[:limit]:
        (encoding,) = encoder.encode([row["text"]])
        if len(encoding.windows) > 1:
            continue
        labels = [0] * len(encoding.offsets)
        for start, end, label in row["entities"]:
            kind = _AUXILIARY_TYPES.get(label)
            inside = [i for i, (left, right) in enumerate(encoding.offsets) if left < end and right > start]
            if kind and inside:
                for i in inside:
                    labels[i] = AUXILIARY_TAGS.index(f"I-{kind}")
                labels[inside[0]] = AUXILIARY_TAGS.index(f"B-{kind}")
        (window,) = encoding.windows
        features.append(
            {
                "input_ids": window.input_ids.tolist(),
                "lexicon_ids": window.lexicon_ids,
                "theme_labels": [IGNORE] * themes,
                "tag_labels": [IGNORE] * len(window),
                "auxiliary_labels": [IGNORE, *labels, IGNORE],
            }
        )
    return features


def collate(features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Pad to the longest.

    Returns:
        ``input_ids``, ``attention_mask``, ``tag_labels``, ``auxiliary_labels`` ``[B, L]``, ``lexicon_ids`` ``[B, L, C]``,
        ``theme_labels`` ``[B, T]``.
    """
    longest = max(len(one["input_ids"]) for one in features)

    def padded(name: str, fill: int) -> Tensor:
        rows = [one.get(name) or [fill] * len(one["input_ids"]) for one in features]
        return torch.tensor([[*row, *([fill] * (longest - len(row)))] for row in rows])

    said = np.tile(NOWHERE, (len(features), longest, 1))
    for row, one in enumerate(features):
        said[row, : len(one["lexicon_ids"])] = one["lexicon_ids"]
    mask = [[1] * len(one["input_ids"]) + [0] * (longest - len(one["input_ids"])) for one in features]
    return {
        "input_ids": padded("input_ids", 0),
        "attention_mask": torch.tensor(mask),
        "lexicon_ids": torch.from_numpy(said),
        "theme_labels": torch.tensor([one["theme_labels"] for one in features]),
        "tag_labels": padded("tag_labels", IGNORE),
        "auxiliary_labels": padded("auxiliary_labels", IGNORE),
    }
