"""The department loss over whole tag sequences, held against every sequence written out."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.bundle import read_bundle
from model.network import IGNORE, field_loss
from model.tags import ALLOWED, NO_TRANSITIONS, TAGS, B, E, I, O, S
from tests.tiny import starter_records, tiny_config, write_records
from training.base import load_network
from training.export import export_run
from training.linear_tags import transitions_of
from training.train import train


def likelihood(scores: Tensor, steps: Tensor, tags: list[int]) -> float:
    """-log p(tags), by the sum over all sequences that the steps allow."""

    def score(path: tuple[int, ...]) -> float:
        return sum(float(scores[i, tag]) for i, tag in enumerate(path)) + sum(float(steps[pair]) for pair in itertools.pairwise(path))

    paths = [path for path in itertools.product(range(len(TAGS)), repeat=len(scores)) if all(ALLOWED[pair] for pair in itertools.pairwise(path))]
    return float(np.logaddexp.reduce([score(path) for path in paths])) - score(tuple(tags))


def test_it_is_the_likelihood_of_the_given_sequence_among_all_that_are_allowed() -> None:
    torch.manual_seed(1)
    logits, steps = torch.randn(3, 7, len(TAGS)), torch.randn(len(TAGS), len(TAGS))
    first, second = [O, B, I, E, S], [I, E, O]  # the second window begins inside a name
    labels = torch.full((3, 7), IGNORE)  # the third row's tags are unknown
    labels[0, 1:6], labels[1, 1:4] = torch.tensor(first), torch.tensor(second)
    expected = (likelihood(logits[0, 1:6], steps, first) + likelihood(logits[1, 1:4], steps, second)) / 8
    assert float(field_loss(logits, labels, steps)) == pytest.approx(expected, abs=1e-5)


def test_padding_and_rows_that_nobody_read_get_no_gradient() -> None:
    logits = torch.randn(2, 6, len(TAGS), requires_grad=True)
    steps = torch.zeros(len(TAGS), len(TAGS), requires_grad=True)
    labels = torch.full((2, 6), IGNORE)
    labels[0, 1:4] = torch.tensor([B, E, O])
    (slopes,) = torch.autograd.grad(field_loss(logits, labels, steps), logits)
    moved = slopes.abs().sum(dim=2) > 0
    assert moved.tolist() == [[False, True, True, True, False, False], [False] * 6]
    nothing = field_loss(logits, torch.full((2, 6), IGNORE), steps)
    assert float(nothing.detach()) == 0.0
    (slopes,) = torch.autograd.grad(nothing, logits)
    assert (slopes == 0).all()


def test_what_the_network_learns_of_steps_is_in_the_bundle(tiny_checkpoint: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.jsonl", starter_records(40))
    folder = train(tiny_config(tiny_checkpoint, tmp_path / "run", records, dev=(str(records),), max_steps=6, tag_loss="field"))
    network = load_network(folder)
    learnt = transitions_of(None, own=network.tag_steps)
    assert learnt != NO_TRANSITIONS
    bundle = export_run(tmp_path / "run")
    np.testing.assert_allclose(read_bundle(bundle.path).tag_transitions, learnt, atol=1e-3)
    token = load_network(train(tiny_config(tiny_checkpoint, tmp_path / "token", records, dev=(str(records),), max_steps=2)))
    assert transitions_of(None, own=token.tag_steps) == NO_TRANSITIONS
