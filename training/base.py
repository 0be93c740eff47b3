"""Where a network starts from: a Hugging Face checkpoint or folder, or a bundle to go on from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoTokenizer

from data.departments.lexicon import lexicon_names
from data.themes import Theme, parse_themes, themes_to_toml
from model.bundle import CONFIG, MANIFEST, NETWORK, THEMES
from model.encoding import LEXICON, NGRAMS, TOKENIZER
from model.errors import BundleError
from model.lexicon import Lexicon
from model.network import LanmuConfig, LanmuModel
from model.ngrams import NgramIndex
from training.runtime import attention

PRETRAINING = "pretraining.json"
"""In an encoder's folder: the settings, the tokens read and the curve."""
_TABLES = ("word_embeddings.weight", "linear_tags.table.weight")
_SCALE = ".scale"
_NOT_THE_ENCODERS = ("themes", "auxiliary_tags", "theme_loss_weight", "tag_loss", "model_type", "architectures", "dtype", "torch_dtype")


def new_network(
    base: str,
    themes: Sequence[Theme],
    dropout: float = 0.0,
    layers: int = 0,
    local_width: int = 0,
    lexicon_width: int = 0,
    auxiliary_tags: int = 0,
    theme_loss_weight: float = 1.0,
    tag_loss: str = "token",
) -> LanmuModel:
    """Build the network and fill it from ``base``.

    A bundle, or a folder that training wrote, gives its heads too: a theme that it knew keeps its weights, whatever its place in
    the list; a new theme starts anew. Any other checkpoint gives the encoder, of ``layers`` its lowest (0: all).
    ``local_width`` and ``lexicon_width`` count for such a one only.

    Raises:
        BundleError: If ``base`` is no BERT or cannot be read.
    """
    folder = Path(base)
    ours = (folder / NETWORK).is_file()
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8")) if folder.is_dir() else AutoConfig.from_pretrained(base).to_dict()
    except (OSError, ValueError) as error:
        raise BundleError(f"base {base!r} cannot be read: {error}") from error
    if not ours and found.get("model_type") != "bert":
        raise BundleError(f"base {base!r}: expected a BERT checkpoint, got model_type {found.get('model_type')!r}")
    settings = {name: value for name, value in found.items() if name not in _NOT_THE_ENCODERS}
    # Drawing dropout masks took a fifth of a training step on a CPU; those of the attention are left out to save part of that.
    settings |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0}
    if not ours:
        settings |= {"local_width": local_width, "lexicon_width": lexicon_width}
        settings["num_hidden_layers"] = min(layers or settings["num_hidden_layers"], settings["num_hidden_layers"])
    config = LanmuConfig(themes=len(themes), auxiliary_tags=auxiliary_tags, theme_loss_weight=theme_loss_weight, tag_loss=tag_loss, **settings)
    config._attn_implementation = attention()
    network = LanmuModel(config).float()
    if ours:
        _fill(network, folder, themes)
    else:
        encoder = AutoModel.from_pretrained(base, add_pooling_layer=False, dtype=torch.float32).state_dict()
        network.bert.load_state_dict({name: tensor for name, tensor in encoder.items() if name in network.bert.state_dict()})
    return network


def _fill(network: LanmuModel, folder: Path, themes: Sequence[Theme]) -> None:
    stored = load_file(folder / NETWORK)
    state = {
        name: tensor.float() * stored[name + _SCALE] if name + _SCALE in stored else tensor.float()
        for name, tensor in stored.items()
        if not name.endswith(_SCALE)
    }
    known = [theme.id for theme in parse_themes((folder / THEMES).read_text(encoding="utf-8"), str(folder / THEMES))]
    target = network.state_dict()
    for name, tensor in state.items():
        if name not in target:
            continue
        if name.startswith(("theme_head.attention", "theme_head.output")):
            for row, theme in enumerate(themes):
                if theme.id in known:
                    target[name][row] = tensor[known.index(theme.id)]
        elif name.startswith("linear_themes"):
            target[name][:, -1] = tensor[:, -1]
            for column, theme in enumerate(themes):
                if theme.id in known:
                    target[name][:, column] = tensor[:, known.index(theme.id)]
        elif target[name].shape == tensor.shape:
            target[name] = tensor
        else:
            raise BundleError(f"base {folder}: {name} is {tuple(tensor.shape)}, expected {tuple(target[name].shape)}")
    network.load_state_dict(target)


def save_tokenizer(base: str, folder: Path) -> None:
    """Put the base's ``tokenizer.json`` into ``folder``, and its ``lexicon.tsv`` and ``ngrams.npz``.

    Where it has no lexicon, one is drawn from the register; where it has no n-grams, none are listed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lexicon = Path(base) / LEXICON
    if lexicon.is_file():
        (folder / LEXICON).write_bytes(lexicon.read_bytes())
    else:
        Lexicon(lexicon_names()).save(folder / LEXICON)
    ngrams = Path(base) / NGRAMS
    if ngrams.is_file():
        (folder / NGRAMS).write_bytes(ngrams.read_bytes())
    else:
        NgramIndex().save(folder / NGRAMS)
    source = Path(base) / TOKENIZER
    if source.is_file():
        (folder / TOKENIZER).write_bytes(source.read_bytes())
    else:
        AutoTokenizer.from_pretrained(base).backend_tokenizer.save(str(folder / TOKENIZER))


def quantized_rows(table: Tensor) -> tuple[Tensor, Tensor]:
    """``table [R, W]`` in int8, and the scale of each row ``[R, 1]`` that gives it back."""
    scale = table.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
    return (table / scale).round().to(torch.int8), scale


def save_network(network: LanmuModel, folder: Path, themes: Sequence[Theme], small: bool = False) -> None:
    """Write weights, configuration and themes; the auxiliary head stays behind.

    With ``small``, embedding tables are written in int8 with a scale a row, as they are served, and the rest in fp16; otherwise all in fp32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name.startswith("auxiliary_head"):
            continue
        weight = tensor.detach().cpu().float().contiguous()
        if small and name.endswith(_TABLES):
            state[name], state[name + _SCALE] = quantized_rows(weight)
        else:
            state[name] = weight.half() if small else weight
    save_file(state, folder / NETWORK, metadata={"format": "pt"})
    config = network.config.to_dict() | {"auxiliary_tags": 0}
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / THEMES).write_text(themes_to_toml(tuple(themes)), encoding="utf-8")


def load_network(folder: Path) -> LanmuModel:
    """Read back what :func:`save_network` wrote, or a bundle's network, in fp32.

    Raises:
        BundleError: If a file is missing or does not fit.
    """
    missing = [name for name in (NETWORK, CONFIG, THEMES) if not (folder / name).is_file()]
    if missing:
        raise BundleError(f"no trained network at {folder}: {missing[0]} is missing")
    themes = parse_themes((folder / THEMES).read_text(encoding="utf-8"), str(folder / THEMES))
    return new_network(str(folder), themes)


def check_ngrams(network: LanmuModel, folder: Path) -> None:
    """Hold the network's linear parts against the n-grams that ``folder`` lists.

    Raises:
        BundleError: If a part has another number of rows than n-grams are listed for it: it would read the wrong ones, or none.
    """
    index = NgramIndex.from_file(folder / NGRAMS)
    for head, rows, listed in (
        ("themes", network.config.ngram_rows, index.themes),
        ("departments", network.config.tag_ngram_rows, index.departments),
    ):
        if max(0, rows - 1) != len(listed):
            raise BundleError(f"{folder / NGRAMS}: expected {max(0, rows - 1)} n-grams for the {head}' linear part, got {len(listed)}")


def pretraining_of(base: str) -> dict[str, Any]:
    """What ``base`` tells of its encoder's pre-training: its own note, or what a bundle's manifest kept of it; empty where it tells nothing."""
    note, manifest = Path(base) / PRETRAINING, Path(base) / MANIFEST
    if note.is_file():
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        return found
    if manifest.is_file():
        kept: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8")).get("about", {}).get("pretraining", {})
        return kept
    return {}


def is_bundle(base: str) -> bool:
    """Whether ``base`` is a bundle's folder."""
    return (Path(base) / MANIFEST).is_file()
