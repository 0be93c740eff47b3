"""The training configuration: one TOML file, one frozen dataclass. An unknown key is an error."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints


class ConfigError(ValueError):
    """A configuration does not say what it must; the message names the file and the key."""


CHOICES = {"optimizer": ("adamw", "muon"), "tag_loss": ("token", "field"), "bf16": ("auto", "yes", "no")}
"""Keys that take one of a few words."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What a training run depends on. Paths are relative to the configuration file.

    Attributes:
        base: Encoder to start from: a folder, a Hugging Face checkpoint's name, or a bundle's folder to go on from.
        output: Folder for checkpoints and the trained network.
        train: Annotated JSONL files or folders to train on.
        dev: Annotated JSONL files or folders; scores are calibrated and thresholds set on them.
        split: Annotated JSONL files or folders of which ``dev_share`` joins ``dev`` and the rest ``train``.
        dev_share: That share; where neither ``dev`` nor ``split`` is given, the share of ``train`` held out. Near-duplicates stay on one side.
        themes: Theme list to train for; the project's own where empty.
        data_card: Markdown file on the data, their sources and licences, for the model card; the files' names where empty.
        test: Annotated JSONL files or folders that only the model card's figures are measured on; on ``dev`` where empty.
        card_examples: TOML file of examples of known failures, written for the card; none where empty.
        raw: JSONL files (``{"text"}`` a line, plain or .zst, .gz) of unlabelled news for the silver phase.
        hashed: Labels by a hash of the text (``training/hashed.py``) of paragraphs that stand in ``raw``; trained on like ``train``.
        raw_paragraphs: Paragraphs of ``raw`` that linear teachers label and the network reads first; 0 for no silver phase.
        auxiliary: NER JSONL files (``{"text", "entities": [[start, end, label]]}``) learnt beside, by a head that is dropped.
        auxiliary_examples: How many of their sentences are used; 0 for none.
        substitute: Share of training paragraphs whose department names are swapped for others, anew each epoch.
        epochs: Passes over ``train``.
        silver_learning_rate: Peak, for the encoder, in the silver phase; warm-up, then constant.
        batch_size: Paragraphs a step.
        optimizer: "adamw", or "muon" (orthogonalized momentum) for the encoder's matrices and AdamW for the rest.
        learning_rate: Peak, for the encoder; linear warm-up and decay to 0.
        head_learning_rate: Peak, for the new heads.
        warmup_share: Share of the steps spent warming up.
        weight_decay: AdamW's.
        dropout: In the encoder and before the heads.
        local_width: Width of the convolutions beside the encoder; 0 for none. A bundle as base keeps its own.
        lexicon_width: Width of each channel of the lexicon that the convolutions read beside the characters; 0 for none.
        linear_ngrams: N-grams of the theme head's linear part, fitted after the gold phase; 0 for none. A bundle as base keeps its own part.
        tag_iterations: Iterations that fit the department head's linear part, after the gold phase; 0 for none. A bundle as base keeps its own.
        layers: Layers of the base's encoder to keep, the lowest; 0 for all. A bundle as base keeps its own.
        theme_loss_weight: Weight of the theme loss against the department loss.
        tag_loss: The department loss: "token", of each token for itself, or "field", of whole tag sequences (a conditional random field). A bundle
            as base wants the one that it was trained with: its steps between tags stay.
        window_tokens: Longest window in tokens, the special tokens included.
        overlap_tokens: Tokens that neighbouring windows share.
        seed: Seeds everything random.
        bf16: Mixed precision: "auto" uses it where the processor has it.
        save_steps: Steps between checkpoints.
        max_steps: Stop each phase after so many steps; 0 for no limit. For tests and trials.
    """

    base: str
    output: str
    train: tuple[str, ...]
    dev: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    dev_share: float = 0.1
    themes: str = ""
    data_card: str = ""
    test: tuple[str, ...] = ()
    card_examples: str = ""
    raw: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    raw_paragraphs: int = 0
    auxiliary: tuple[str, ...] = ()
    auxiliary_examples: int = 0
    substitute: float = 0.0
    epochs: int = 10
    batch_size: int = 16
    optimizer: str = "adamw"
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    silver_learning_rate: float = 5e-4
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    local_width: int = 0
    lexicon_width: int = 0
    linear_ngrams: int = 0
    tag_iterations: int = 0
    layers: int = 0
    theme_loss_weight: float = 1.0
    tag_loss: str = "token"
    window_tokens: int = 384
    overlap_tokens: int = 96
    seed: int = 42
    bf16: str = "auto"
    save_steps: int = 250
    max_steps: int = 0


def config_from(values: dict[str, Any]) -> TrainConfig:
    """The configuration that ``dataclasses.asdict`` and JSON once made ``values`` of."""
    listed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return TrainConfig(**listed)


def read_values(path: Path, kind: type) -> dict[str, Any]:
    """The values that a TOML file gives for the fields of the dataclass ``kind``, each of its type.

    Raises:
        ConfigError: If it is no TOML, lacks a key, has an unknown one, or a value has the wrong type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    types = get_type_hints(kind)
    if unknown := sorted(values.keys() - types.keys()):
        raise ConfigError(f"{path}: unknown key {unknown[0]!r}; expected among {', '.join(types)}")
    required = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
    if missing := [name for name in required if name not in values]:
        raise ConfigError(f"{path}: key {missing[0]!r} is missing")
    return {name: _checked(value, types[name], f"{path}: key {name!r}") for name, value in values.items()}


def read_config(path: Path) -> TrainConfig:
    """Read a configuration and make its paths absolute.

    Raises:
        ConfigError: If it is no TOML, lacks a key, has an unknown one, or a value has the wrong type.
    """
    checked = read_values(path, TrainConfig)
    for name, choices in CHOICES.items():
        if name in checked and checked[name] not in choices:
            raise ConfigError(f"{path}: key {name!r}: expected {', '.join(choices[:-1])} or {choices[-1]}, got {checked[name]!r}")
    folder = path.resolve().parent
    for name in ("train", "dev", "split", "test", "raw", "hashed", "auxiliary"):
        checked[name] = tuple(str((folder / one).resolve()) for one in checked.get(name, ()))
    checked["output"] = str((folder / checked["output"]).resolve())
    for name in ("themes", "data_card", "card_examples"):
        if checked.get(name):
            checked[name] = str((folder / checked[name]).resolve())
    if (folder / checked["base"]).is_dir():
        checked["base"] = str((folder / checked["base"]).resolve())
    elif checked["base"].startswith((".", "/")):
        raise ConfigError(f"{path}: key 'base': no folder {checked['base']!r}")
    return TrainConfig(**checked)


def _checked(value: Any, expected: Any, where: str) -> Any:
    if expected is float and type(value) is int:
        return float(value)
    if expected == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise ConfigError(f"{where}: expected a list of texts, got {value!r}")
    if type(value) is not expected:
        raise ConfigError(f"{where}: expected {expected.__name__}, got {value!r}")
    return value
