"""The linear part of the department head: fitted by CRFsuite, read by the network, decoded with its own steps."""

from pathlib import Path

import numpy as np
import pycrfsuite
import pytest
import torch

from data.corpus import Record, Span
from model.decoding import best_tags, decode_spans
from model.encoding import Encoder
from model.lexicon import NOWHERE, Lexicon
from model.network import REACH, LinearTags
from model.ngrams import LONGEST, NgramIndex
from model.tags import ALLOWED, TAGS, O, spans_to_tags
from tests.fakes import fake_encoder
from training.linear_tags import PARAMETERS, best_scale, fit_tags, linear_tag_logits, token_features, transitions_of

NAMES = ("市教育局", "县公安局", "省财政厅", "区民政局")


def record(number: int, known: bool = True) -> Record:
    before, after = "昨日由于又在"[number % 6] + "午", "发布通知" if number % 2 else "答复群众"
    name = NAMES[number % len(NAMES)] if number % 5 else "工厂"
    spans = (Span(len(before), len(before) + len(name), name),) if number % 5 else ()
    return Record(str(number), before + name + after, None, spans if known else None)


@pytest.fixture
def encoder() -> Encoder:
    """A token a character, and a lexicon that knows two endings."""
    return fake_encoder(64, 8, Lexicon({"ending": ["局", "厅"]}))


def found(part: LinearTags, hashes: np.ndarray, encoder: Encoder, text: str) -> list[str]:
    (encoding,) = encoder.encode([text])
    logits = linear_tag_logits(part, NgramIndex(departments=hashes), encoding)
    return [text[span.start : span.end] for span in decode_spans(encoding, logits, 1.0, transitions_of(part))]


def test_names_are_found_by_what_they_are_made_of(encoder: Encoder) -> None:
    hashes, part = fit_tags([record(i) for i in range(300)], encoder, 60)
    assert found(part, hashes, encoder, "在午市公安局答复群众") == ["市公安局"]  # that name was not seen in training
    assert found(part, hashes, encoder, "在午工厂答复群众") == []


def test_the_part_tags_as_crfsuite_does(encoder: Encoder, tmp_path: Path) -> None:
    records = [record(i) for i in range(300)]
    hashes, part = fit_tags(records, encoder, 60)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params={**PARAMETERS, "max_iterations": 60}, verbose=False)
    for one in sorted(records, key=lambda one: not one.departments):
        (encoding,) = encoder.encode([one.text])
        tags, _ = spans_to_tags([(span.start, span.end) for span in one.departments or ()], encoding.offsets)
        trainer.append(list(token_features(encoding.windows[0])), [TAGS[tag] for tag in tags])
    trainer.train(str(tmp_path / "departments.crf"))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(tmp_path / "departments.crf"))
    for text in ("在午市公安局答复群众", "又午工厂发布通知", "日午县教育局", "省财政厅、区民政局答复群众", "于午县公安局发布通知市民政局答复"):
        (encoding,) = encoder.encode([text])
        logits = linear_tag_logits(part, NgramIndex(departments=hashes), encoding)
        tagger.set(list(token_features(encoding.windows[0])))
        assert [TAGS[tag] for tag in best_tags(logits, transitions_of(part))] == tagger.tag()


def test_each_token_adds_up_the_weights_of_its_features(encoder: Encoder) -> None:
    records = [record(i) for i in range(300)]
    hashes, part = fit_tags(records, encoder, 60)
    (encoding,) = encoder.encode(["又午县公安局发布"])
    logits = linear_tag_logits(part, NgramIndex(departments=hashes), encoding)
    weights = {"n": part.table.weight.detach().numpy(), "x": part.lexicon.weight.detach().numpy()}
    used = set()
    for row, features in zip(logits, token_features(encoding.windows[0]), strict=True):
        expected = part.bias.detach().numpy().copy()
        for kind, place, number in (feature.split(":") for feature in features):
            at = int(np.searchsorted(hashes, np.uint64(number)))
            listed = kind == "x" or (kind == "n" and at < len(hashes) and hashes[at] == np.uint64(number))
            if listed:
                said = weights[kind][int(number) if kind == "x" else at + 1].reshape(2 * REACH + 1, len(TAGS))[int(place) + REACH]
                expected += said
                used |= {kind} if said.any() else set()
        assert row == pytest.approx(expected, abs=1e-4)
    assert used == {"n", "x"}


def test_padding_and_unknown_departments_say_nothing(encoder: Encoder) -> None:
    known = [record(i) for i in range(60)]
    unknown = [record(i, known=False) for i in range(60, 90)]
    hashes, part = fit_tags([*known, *unknown], encoder, 30)
    same, other = fit_tags(known, encoder, 30)
    assert hashes.tolist() == same.tolist()
    assert torch.equal(part.table.weight, other.table.weight)
    ids = torch.zeros(1, 9, LONGEST, dtype=torch.int32)
    silent = part(ids, torch.from_numpy(np.tile(NOWHERE, (1, 9, 1))))
    assert torch.allclose(silent, part.bias.expand(1, 9, -1))


def test_steps_are_told_against_staying_outside(encoder: Encoder) -> None:
    _, part = fit_tags([record(i) for i in range(60)], encoder, 30)
    steps = np.array(transitions_of(part))
    assert steps[O, O] == 0
    assert (steps[~ALLOWED] == 0).all()
    assert (steps[ALLOWED] != 0).any()
    assert np.array(transitions_of(part, 0.5)) == pytest.approx(steps / 2, abs=1e-3)
    assert (np.array(transitions_of(None)) == 0).all()


def test_a_part_that_is_better_than_the_network_gets_weight_and_a_useless_one_none(encoder: Encoder) -> None:
    hashes, part = fit_tags([record(i) for i in range(300)], encoder, 60)
    held_out = [record(i) for i in range(100, 130)]
    encodings = encoder.encode([one.text for one in held_out])
    own = [linear_tag_logits(part, NgramIndex(departments=hashes), encoding) for encoding in encodings]
    outside = [np.tile(np.array([1.0, 0, 0, 0, 0], np.float32), (len(one.offsets), 1)) for one in encodings]
    scale, f1 = best_scale(held_out, encodings, outside, own, part)
    assert (scale > 0, f1) == (True, 1.0)
    gold = [
        5 * np.eye(len(TAGS), dtype=np.float32)[spans_to_tags([(s.start, s.end) for s in one.departments or ()], encoding.offsets)[0]]
        for one, encoding in zip(held_out, encodings, strict=True)
    ]
    scale, f1 = best_scale(held_out, encodings, gold, [-one for one in own], part)
    assert (scale, f1) == (0.0, 1.0)
