"""A tiny BERT and a run of training on it, made in seconds: what is real is the path, not the labels."""

import json
from collections import Counter
from pathlib import Path

import torch
from click.testing import CliRunner
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

from data.corpus import Record, read_corpus, record_to_json
from data.themes import read_themes
from model.folding import fold
from training.config import TrainConfig
from training.train import command

STARTER = Path(__file__).resolve().parents[1] / "data" / "corpus"
CHARACTERS = 400
WIDTH = 32
SETTINGS = {
    "dev_share": 0.2,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-2,
    "head_learning_rate": 1e-2,
    "dropout": 0.0,
    "window_tokens": 64,
    "overlap_tokens": 16,
    "bf16": "no",
}


def starter_records(count: int, longest: int = 60) -> list[Record]:
    """``count`` short paragraphs of the starter corpus, each theme and departments among them, always the same."""
    records = [record for record in read_corpus([STARTER], read_themes()).records if len(record.text) <= longest and record.departments]
    by_theme = [[record for record in records if record.themes == (theme.label,)][: count // 6] for theme in read_themes()]
    shown = [record for group in by_theme for record in group]
    return shown + [record for record in records if not record.themes][: count - len(shown)]


def write_records(path: Path, records: list[Record]) -> Path:
    """Write records as annotated JSONL."""
    path.write_text("".join(json.dumps(record_to_json(one), ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


def make_checkpoint(folder: Path) -> Path:
    """Write a random BERT of 2 layers × 32 as a Hugging Face folder: what ``base`` in a configuration may name."""
    torch.set_num_threads(1)
    torch.manual_seed(7)
    counts = Counter(character for record in starter_records(60) for character in fold(record.text) if not character.isspace())
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(character for character, _ in counts.most_common(CHARACTERS))]
    tokenizer = Tokenizer(models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def make_run(base: Path, folder: Path) -> Path:
    """Train by the command, from a configuration file, until the sixty paragraphs are known by heart; returns the run's folder."""
    write_records(folder / "records.jsonl", starter_records(60))
    settings = {**SETTINGS, "epochs": 30, "local_width": 16, "lexicon_width": 4, "linear_ngrams": 300, "tag_iterations": 20}
    values = {"base": str(base), "output": "run", "train": ["records.jsonl"], "dev": ["records.jsonl"], **settings}
    config = folder / "tiny.toml"
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()), encoding="utf-8")
    result = CliRunner().invoke(command, [str(config), "--no-export"])
    assert result.exit_code == 0, result.output
    return folder / "run"


def tiny_config(base: Path, output: Path, records: Path, **changes: object) -> TrainConfig:
    """A configuration of a run that takes a second or two."""
    return TrainConfig(**{"base": str(base), "output": str(output), "train": (str(records),), **SETTINGS, **changes})  # type: ignore[arg-type]
