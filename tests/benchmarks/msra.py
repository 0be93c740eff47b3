"""Named entities of MSRA (Levow, 2006) with a fine-tuned token classifier on an encoder: F1 in all, and of each type.

    python -m tests.benchmarks.msra runs/pretrained/encoder --train ../shared/ner/msra/train.jsonl --test ../shared/ner/msra/test.jsonl

The usual recipe for published small models: one linear layer over the encoder, BIO tags, cross-entropy, no field; the optimizer is that of
our own fine-tuning unless told otherwise. Files are JSONL of
``{"text", "entities": [[start, end, label]]}``. Texts longer than a window are read in windows; entities across a window's edge count as missed.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, Trainer, TrainingArguments, set_seed

from model.folding import fold
from training.optimizers import muon_with_adamw
from training.runtime import use_bf16

TYPES = ("PER", "LOC", "ORG")
TAGS = ("O", *(f"{edge}-{kind}" for kind in TYPES for edge in "BI"))
WINDOW = 254
Entity = tuple[int, int, int, str]
"""Sentence, start and end in code points, type."""


def read(path: Path) -> list[dict[str, Any]]:
    """The file's records."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def features(records: Sequence[dict[str, Any]], tokenizer: Any) -> list[dict[str, Any]]:
    """Windows with their labels and where their tokens stand."""
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    encoded = tokenizer.backend_tokenizer.encode_batch([fold(one["text"]) for one in records], add_special_tokens=False)
    rows = []
    for number, (record, one) in enumerate(zip(records, encoded, strict=True)):
        tags = [0] * len(one.ids)
        for start, end, kind in record["entities"]:
            inside = [i for i, (left, right) in enumerate(one.offsets) if left < end and right > start]
            for i in inside:
                tags[i] = TAGS.index(f"I-{kind}")
            if inside:
                tags[inside[0]] = TAGS.index(f"B-{kind}")
        for at in range(0, len(one.ids), WINDOW):
            cut = slice(at, at + WINDOW)
            rows.append({"input_ids": [cls, *one.ids[cut], sep], "labels": [-100, *tags[cut], -100], "offsets": one.offsets[cut], "record": number})
    return rows


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Pad to the longest."""
    longest = max(len(one["input_ids"]) for one in rows)
    pad = [longest - len(one["input_ids"]) for one in rows]
    return {
        "input_ids": torch.tensor([one["input_ids"] + [0] * more for one, more in zip(rows, pad, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - more) + [0] * more for more in pad]),
        "labels": torch.tensor([one["labels"] + [-100] * more for one, more in zip(rows, pad, strict=True)]),
    }


def entities(tags: Sequence[int], offsets: Sequence[tuple[int, int]], record: int) -> set[Entity]:
    """Entities of BIO tags; an I that continues nothing begins one, as in the usual scoring."""
    found: set[Entity] = set()
    start, kind = 0, ""
    for i, name in enumerate([*(TAGS[tag] for tag in tags), "O"]):
        edge, _, own = name.partition("-")
        if kind and (edge != "I" or own != kind):
            found.add((record, offsets[start][0], offsets[i - 1][1], kind))
            kind = ""
        if edge == "B" or (edge == "I" and not kind):
            start, kind = i, own
    return found


def f1(gold: set[Entity], found: set[Entity], kinds: Sequence[str] = TYPES) -> float:
    """Exact-match F1 over entities of these types."""
    gold, found = ({one for one in these if one[3] in kinds} for these in (gold, found))
    return 2 * len(gold & found) / max(1, len(gold) + len(found))


@click.command()
@click.argument("encoder")
@click.option("--train", "train_path", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--test", "test_path", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--epochs", default=3, show_default=True)
@click.option("--optimizer", type=click.Choice(["muon", "adamw"]), default="muon", show_default=True, help="Of the encoder's matrices.")
@click.option("--learning-rate", default=1e-3, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--sentences", default=0, help="Train on so many only, for a trial; 0: all.")
def command(
    encoder: str, train_path: Path, test_path: Path, epochs: int, optimizer: str, learning_rate: float, batch_size: int, sentences: int
) -> None:
    """Fine-tune ENCODER, a folder or a checkpoint's name, and print F1 on the test file."""
    set_seed(42)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModelForTokenClassification.from_pretrained(encoder, num_labels=len(TAGS), dtype=torch.float32)
    train, records = read(train_path)[: sentences or None], read(test_path)
    click.echo(f"train: {len(train)} sentences, {Counter(kind for one in train for *_, kind in one['entities'])}", err=True)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=batch_size,
            learning_rate=learning_rate,
            warmup_steps=0.06,
            weight_decay=0.01,
            bf16=use_bf16("auto"),
            use_cpu=not torch.cuda.is_available(),
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            logging_steps=100,
            report_to=[],
            remove_unused_columns=False,
        )
        rows: Any = features(train, tokenizer)
        own = muon_with_adamw(model, learning_rate, arguments.weight_decay) if optimizer == "muon" else None
        Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate, optimizers=(own, None)).train()
    model.eval()
    windows = sorted(features(records, tokenizer), key=lambda one: len(one["input_ids"]))
    found: set[Entity] = set()
    for at in range(0, len(windows), 64):
        part = windows[at : at + 64]
        batch = {name: tensor.to(model.device) for name, tensor in collate(part).items() if name != "labels"}
        with torch.inference_mode():
            best = model(**batch).logits.argmax(dim=2).cpu().numpy()
        for one, tags in zip(part, np.asarray(best), strict=True):
            found |= entities(tags[1 : len(one["offsets"]) + 1].tolist(), one["offsets"], one["record"])
    gold = {(number, start, end, kind) for number, one in enumerate(records) for start, end, kind in one["entities"]}
    click.echo(
        f"MSRA test, {len(records)} sentences: F1 {f1(gold, found):.4f}; " + ", ".join(f"{kind} {f1(gold, found, (kind,)):.4f}" for kind in TYPES)
    )


if __name__ == "__main__":
    command()
