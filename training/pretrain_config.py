"""The pre-training configuration: one TOML file, one frozen dataclass. An unknown key is an error."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import ConfigError, read_values

CHOICES = {
    "objective": ("masked", "replaced"),
    "masking": ("word", "span", "token"),
    "schedule": ("linear", "cosine", "warmup_stable_decay"),
    "optimizer": ("muon", "adamw"),
    "bf16": ("auto", "yes", "no"),
}
"""Keys that take one of a few words."""
_POSITIVE = ("tokens", "batch_tokens", "row_tokens", "short_row_tokens", "layers", "hidden_size", "heads", "save_steps", "vocabulary")


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """What a pre-training depends on. Paths are relative to the configuration file.

    Attributes:
        texts: JSONL files (``{"text"}`` a line, plain, .gz or .zst) or folders of them, in article order.
        output: Folder for the packed rows, checkpoints, logs, the curve and the encoder.
        tokens: Tokens to read in all; the schedule ends there.
        start: Encoder folder of an earlier pre-training to go on from: tokenizer, architecture and weights are its own. Empty: anew.
        vocabulary: Entries of the WordPiece vocabulary, where it is made anew.
        hidden_size: Width H of the encoder, likewise the next four.
        layers: Its layers.
        heads: Attention heads a layer; ``hidden_size`` must be a multiple.
        intermediate_size: Width of its feed-forward layers.
        positions: Tokens that one window may have.
        cooccurrence: Begin with character embeddings from co-occurrence counts, and with lower layers that look at their neighbours.
        objective: "masked" (masked words are guessed) or "replaced" (replaced tokens are detected, ELECTRA).
        masking: What is masked together: "word" (a word), "span" (a stretch of 3 tokens on average) or "token".
        mask_share: Share of the tokens that is masked.
        generator_layers: Layers of the small network that proposes replacements, for "replaced".
        detection_weight: Weight of the detection loss against the generator's.
        row_tokens: Tokens of a packed row.
        short_row_tokens: Rows are cut into stretches of so many tokens, but for ``long_share``: attention over short ones is cheap.
        long_share: Share of the batches whose rows stay whole, so that late positions are learnt.
        batch_tokens: Tokens a step and process.
        optimizer: "muon" (orthogonalized momentum for the encoder's matrices, AdamW for the rest) or "adamw".
        learning_rate: Peak.
        schedule: "linear" or "cosine" to 0, or "warmup_stable_decay": constant, and linear to 0 over the last ``decay_share``.
        warmup_share: Share of the steps spent warming up.
        decay_share: See ``schedule``.
        weight_decay: Of both optimizers.
        held_out_rows: Rows that are never trained on; the held-out loss is measured on them.
        save_steps: Steps between checkpoints; held-out loss and probe are measured at each.
        probe: Annotated JSONL files or folders for the probe; empty: no probe.
        probe_paragraphs: So many paragraphs are learnt from, and half as many measured on.
        probe_epochs: Passes over them.
        seed: Seeds everything random.
        bf16: Mixed precision: "auto" uses it where the processor has it.
        max_steps: Stop after so many steps, for trials; the schedule is as for all tokens. 0: no limit.
    """

    texts: tuple[str, ...]
    output: str
    tokens: int
    start: str = ""
    vocabulary: int = 8192
    hidden_size: int = 384
    layers: int = 4
    heads: int = 6
    intermediate_size: int = 1536
    positions: int = 512
    cooccurrence: bool = True
    objective: str = "masked"
    masking: str = "word"
    mask_share: float = 0.15
    generator_layers: int = 1
    detection_weight: float = 50.0
    row_tokens: int = 512
    short_row_tokens: int = 128
    long_share: float = 0.1
    batch_tokens: int = 4096
    optimizer: str = "muon"
    learning_rate: float = 2e-3
    schedule: str = "warmup_stable_decay"
    warmup_share: float = 0.01
    decay_share: float = 0.2
    weight_decay: float = 0.01
    held_out_rows: int = 128
    save_steps: int = 1000
    probe: tuple[str, ...] = ()
    probe_paragraphs: int = 1000
    probe_epochs: int = 3
    seed: int = 42
    bf16: str = "auto"
    max_steps: int = 0

    @property
    def rows(self) -> int:
        """Packed rows a step and process."""
        return max(1, self.batch_tokens // self.row_tokens)


def read_pretrain_config(path: Path) -> PretrainConfig:
    """Read a configuration and make its paths absolute.

    Raises:
        ConfigError: If it is no TOML, lacks a key, has an unknown one, or a value cannot be.
    """
    checked = read_values(path, PretrainConfig)
    for name, words in CHOICES.items():
        if name in checked and checked[name] not in words:
            raise ConfigError(f"{path}: key {name!r}: expected {', '.join(words)}, got {checked[name]!r}")
    for name in _POSITIVE:
        if checked.get(name, 1) < 1:
            raise ConfigError(f"{path}: key {name!r}: expected at least 1, got {checked[name]}")
    folder = path.resolve().parent
    for name in ("texts", "probe"):
        checked[name] = tuple(str((folder / one).resolve()) for one in checked.get(name, ()))
    for name in ("output", "start"):
        if checked.get(name):
            checked[name] = str((folder / checked[name]).resolve())
    return _fitting(PretrainConfig(**checked), f"{path}: ")


def _fitting(config: PretrainConfig, where: str) -> PretrainConfig:
    checks: tuple[tuple[bool, str, Any], ...] = (
        (0 < config.mask_share < 1, "key 'mask_share': expected a share between 0 and 1", config.mask_share),
        (config.row_tokens % config.short_row_tokens == 0, f"key 'row_tokens': expected a multiple of {config.short_row_tokens}", config.row_tokens),
        (config.row_tokens <= config.positions, f"key 'row_tokens': expected at most the {config.positions} of 'positions'", config.row_tokens),
        (config.hidden_size % config.heads == 0, f"key 'hidden_size': expected a multiple of {config.heads}", config.hidden_size),
    )
    for holds, expected, value in checks:
        if not holds:
            raise ConfigError(f"{where}{expected}, got {value}")
    return config
