# mypy: allow-untyped-calls
# torch and transformers are typed in part only.
"""Records → features → loss: what is unknown teaches nothing, and offsets survive augmentation."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from data.corpus import Record, Span
from data.themes import Theme
from model.encoding import Encoder
from model.network import IGNORE, LanmuConfig, LanmuModel
from model.tags import B, E, I, O
from training.dataset import AUXILIARY_TAGS, ParagraphDataset, Substitution, collate, read_auxiliary, to_dataset, window_features

THEMES = (Theme("alpha", "甲", "A", "说甲。"), Theme("beta", "乙", "B", "说乙。"))
WHOLE = Record("whole", "省公安厅说市民", ("乙",), (Span(0, 4, "省公安厅"),))
NO_THEMES = Record("no themes", "市民说省公安厅来了", None, (Span(3, 7, "省公安厅"),))
NO_DEPARTMENTS = Record("no departments", "公安厅来了", ("甲",), None)


@pytest.fixture
def encoder(tiny_checkpoint: Path) -> Encoder:
    return Encoder.from_folder(tiny_checkpoint, window_tokens=12, overlap_tokens=4)


def network(vocabulary: int, weight: float = 1.0, auxiliary_tags: int = 0) -> LanmuModel:
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"vocab_size": vocabulary, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    made = LanmuModel(LanmuConfig(themes=2, theme_loss_weight=weight, auxiliary_tags=auxiliary_tags, local_width=8, **sizes))
    made.eval()
    return made


def largest_gradients(made: LanmuModel) -> dict[str, float]:
    """By parameter; without those that no gradient reached."""
    return {name: float(parameter.grad.abs().max()) for name, parameter in made.named_parameters() if parameter.grad is not None}


def batch(encoder: Encoder, *records: Record) -> dict[str, Tensor]:
    return collate([features for record in records for features in window_features(record, encoder, THEMES)])


def vocabulary(tiny_checkpoint: Path) -> int:
    return int(json.loads((tiny_checkpoint / "config.json").read_text(encoding="utf-8"))["vocab_size"])


def test_unknown_labels_are_ignored_and_known_ones_kept(encoder: Encoder) -> None:
    made = batch(encoder, WHOLE, NO_THEMES, NO_DEPARTMENTS)
    assert made["theme_labels"].tolist() == [[0, 1], [IGNORE, IGNORE], [1, 0]]
    x = IGNORE
    assert made["tag_labels"].tolist() == [
        [x, B, I, I, E, O, O, O, x, x, x],
        [x, O, O, O, B, I, I, E, O, O, x],
        [x] * 11,
    ]
    assert made["attention_mask"].sum(dim=1).tolist() == [9, 11, 7]
    assert made["auxiliary_labels"].unique().tolist() == [IGNORE]
    disputed = Record("either", "公安厅来了", ("甲",), (), themes_either=("甲",))
    assert batch(encoder, disputed)["theme_labels"].tolist() == [[IGNORE, 0]]
    assert ParagraphDataset(to_dataset([disputed]), encoder, THEMES)[0]["theme_labels"] == [IGNORE, 0]


def test_a_paragraph_of_several_windows_teaches_tags_in_each_and_themes_in_none(encoder: Encoder) -> None:
    text = "市民说" * 4 + "省公安厅来了"
    windows = window_features(Record("long", text, ("甲",), (Span(12, 16, "省公安厅"),)), encoder, THEMES)
    assert [one["theme_labels"] for one in windows] == [[IGNORE, IGNORE]] * 3
    # Windows of ten tokens that share four: 0-10, 6-16 and, as long as the others, 8-18.
    tags = [O] * 12 + [B, I, I, E, O, O]
    assert [one["tag_labels"] for one in windows] == [[IGNORE, *tags[start : start + 10], IGNORE] for start in (0, 6, 8)]


def test_the_loss_is_the_mean_over_what_is_known(encoder: Encoder, tiny_checkpoint: Path) -> None:
    made = batch(encoder, WHOLE, NO_THEMES, NO_DEPARTMENTS)
    with torch.no_grad():
        output = network(vocabulary(tiny_checkpoint), weight=3.0)(**made)
    themes, tags = output.theme_logits.double().numpy(), output.tag_logits.double().numpy()

    def cross_entropy(logit: float, label: int) -> float:
        return math.log1p(math.exp(-logit if label else logit))

    by_hand = np.mean([cross_entropy(themes[row, column], label) for row, column, label in [(0, 0, 0), (0, 1, 1), (2, 0, 1), (2, 1, 0)]])
    known = [(row, place, int(tag)) for row, place in np.argwhere(made["tag_labels"].numpy() != IGNORE) for tag in [made["tag_labels"][row, place]]]
    assert len(known) == 7 + 9
    spans = np.mean([np.log(np.exp(tags[row, place]).sum()) - tags[row, place, tag] for row, place, tag in known])
    assert float(output.loss) == pytest.approx(3.0 * by_hand + spans, rel=1e-5)


@pytest.mark.parametrize(
    ("record", "untouched", "touched"),
    [(NO_THEMES, "theme_head.output.weight", "tag_head.weight"), (NO_DEPARTMENTS, "tag_head.weight", "theme_head.output.weight")],
    ids=["no themes", "no departments"],
)
def test_a_head_learns_nothing_from_a_record_that_does_not_know(
    encoder: Encoder, tiny_checkpoint: Path, record: Record, untouched: str, touched: str
) -> None:
    made = network(vocabulary(tiny_checkpoint))
    made(**batch(encoder, record)).loss.backward()
    gradients = largest_gradients(made)
    assert gradients[untouched] == 0
    assert gradients[touched] > 0


def test_auxiliary_sentences_teach_only_the_auxiliary_head(encoder: Encoder, tiny_checkpoint: Path, tmp_path: Path) -> None:
    rows = [
        {"text": "说来了", "entities": []},
        {"text": "省公安厅来了", "entities": [[0, 4, "government"], [4, 6, "what nobody knows"]]},
        {"text": "市民说" * 5, "entities": [[0, 2, "ORG"]]},  # takes several windows: left out
        {"text": "安来说", "entities": [[0, 1, "PER"]]},
    ]
    path = tmp_path / "ner.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    features = read_auxiliary([path], encoder, themes=2, limit=4, seed=1)
    labels = {tuple(one["auxiliary_labels"]) for one in features}
    gov, inside, person = (AUXILIARY_TAGS.index(tag) for tag in ("B-GOV", "I-GOV", "B-PER"))
    assert labels == {
        (IGNORE, 0, 0, 0, IGNORE),
        (IGNORE, gov, inside, inside, inside, 0, 0, IGNORE),
        (IGNORE, person, 0, 0, IGNORE),
    }
    assert all(set(one["tag_labels"]) == {IGNORE} and one["theme_labels"] == [IGNORE, IGNORE] for one in features)
    # Those with an organisation come first.
    (first,) = read_auxiliary([path], encoder, themes=2, limit=2, seed=1)
    assert first["auxiliary_labels"][1] == gov
    made = network(vocabulary(tiny_checkpoint), auxiliary_tags=len(AUXILIARY_TAGS))
    made(**collate(features)).loss.backward()
    gradients = largest_gradients(made)
    assert [name for name in ("theme_head.output.weight", "tag_head.weight") if gradients[name] > 0] == []
    assert gradients["auxiliary_head.weight"] > 0


NAMES = ["省公安厅", "内蒙古自治区教育厅", "市委", "县卫健委", "第80集团军某旅", "𠮷林县人民政府"]
FILLER = st.text(alphabet="，说与𠮷来", max_size=4)


@st.composite
def annotated(draw: st.DrawFn) -> Record:
    text, spans = draw(FILLER), []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=5)):
        spans.append(Span(len(text), len(text) + len(name), name))
        text += name + draw(FILLER)
    return Record("r", text or "。", ("甲",), tuple(spans), "自写", "body")


def between(record: Record) -> list[str]:
    """The text outside the departments, piece by piece."""
    edges = [0, *(edge for span in record.departments or () for edge in (span.start, span.end)), len(record.text)]
    return [record.text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2)]


@given(st.lists(annotated(), min_size=1, max_size=4), st.integers(0, 99))
def test_substitution_swaps_long_names_and_nothing_else(records: list[Record], seed: int) -> None:
    pool = {span.text for record in records for span in record.departments or () if len(span.text) > 3}
    swap = Substitution(records, share=1.0, seed=seed)
    for record in records:
        changed = swap(record)
        spans, old = changed.departments or (), record.departments or ()
        assert [changed.text[span.start : span.end] for span in spans] == [span.text for span in spans]
        assert between(changed) == between(record)
        assert len(spans) == len(old)
        assert all(new.text in pool if len(was.text) > 3 else new.text == was.text for new, was in zip(spans, old, strict=True))
        assert (changed.id, changed.themes, changed.source, changed.kind) == (record.id, record.themes, record.source, record.kind)


def test_substitution_changes_the_share_it_is_told_and_the_dataset_asks_anew_each_time(encoder: Encoder) -> None:
    records = [WHOLE, Record("other", "市民说市公安局", (), (Span(3, 7, "市公安局"),))]
    never = Substitution(records, share=0.0, seed=1)
    assert [never(record) is record for record in records] == [True, True]
    often = Substitution(records, share=0.5, seed=1)
    # Half are taken, 7 names in 10 are drawn anew, and 1 in 2 of those is the other one: 0.5 · 0.7 · 0.5.
    assert sum(often(WHOLE).text != WHOLE.text for _ in range(2000)) / 2000 == pytest.approx(0.175, abs=0.03)
    items = ParagraphDataset(to_dataset(records), encoder, THEMES, Substitution(records, share=1.0, seed=1))
    assert (len(items), items.lengths) == (2, [9, 9])
    assert len({tuple(items[0]["input_ids"]) for _ in range(30)}) == 2
    fixed = ParagraphDataset(to_dataset(records), encoder, THEMES)
    assert len({tuple(fixed[0]["input_ids"]) for _ in range(30)}) == 1
