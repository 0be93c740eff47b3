"""``lanmu train``: from annotated paragraphs to a trained network, and on to a bundle.

Two phases, each a ``transformers`` Trainer with checkpoints: *silver* (raw news with the labels of quick linear
teachers; skipped where no raw news is given), then *gold* (the annotated paragraphs). The same command goes on where a
killed one stopped.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import get_last_checkpoint

from data.corpus import Corpus, Record, read_corpus, record_to_json
from data.themes import Theme, read_themes
from model.bundle import NETWORK, read_bundle
from model.decoding import Calibration
from model.encoding import NGRAMS, Encoder
from model.errors import LanmuError
from model.network import LanmuModel
from model.ngrams import NgramIndex
from training.base import check_ngrams, is_bundle, load_network, new_network, pretraining_of, save_network, save_tokenizer
from training.config import ConfigError, TrainConfig, read_config
from training.dataset import AUXILIARY_TAGS, ParagraphDataset, Substitution, TrainingItems, collate, read_auxiliary, silver_features, to_dataset
from training.hashed import read_hashed
from training.linear import attach, fit_linear, linear_logits, scales
from training.linear_tags import attach_tags, best_scale, fit_tags, linear_tag_logits
from training.optimizers import MuonWithAdamW, matrices_and_rest
from training.runtime import TorchSession, reference_classifier, use_bf16
from training.scoring import gold_themes
from training.silver import make_silver
from training.splits import split

LOG = logging.getLogger("lanmu")
NETWORK_FOLDER = "network"
BUNDLE_FOLDER = "bundle"
TRAINING = "training.json"
_CURVE_POINTS = 200


class ByLength(LengthGroupedSampler):
    """Like lengths together, in an order that hangs on seed and epoch alone: a run that goes on reads what it would have read."""

    def __init__(self, batch_size: int, lengths: Sequence[int], seed: int) -> None:
        super().__init__(batch_size, lengths=list(lengths), generator=torch.Generator())
        self._seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.generator.manual_seed(self._seed + epoch)


class LanmuTrainer(Trainer):
    """A Trainer with a rate of their own for the heads, batches of like length, and Muon for the encoder's matrices where it is asked for."""

    def __init__(self, *args: Any, optimizer: str, head_learning_rate: float, lengths: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind, self._head_learning_rate, self._lengths = optimizer, head_learning_rate, lengths

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW in two groups, the pre-trained encoder and what starts anew; or Muon for the encoder's matrices, and AdamW for the rest."""
        if self.optimizer is None:
            rate, decay, network = self.args.learning_rate, self.args.weight_decay, self.model
            assert network is not None
            matrices, rest = matrices_and_rest(network) if self._kind == "muon" else ([], dict(network.named_parameters()))
            groups: dict[bool, list[Tensor]] = {True: [], False: []}
            for name, parameter in rest.items():
                groups[name.startswith("bert.")].append(parameter)
            encoder, heads = {"params": groups[True], "lr": rate}, {"params": groups[False], "lr": self._head_learning_rate}
            adamw = torch.optim.AdamW([encoder, heads], weight_decay=decay, fused=True)
            self.optimizer = MuonWithAdamW(matrices, rate, decay, adamw) if matrices else adamw
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return ByLength(self.args.train_batch_size, self._lengths, self.args.seed)


class Clock(TrainerCallback):
    """Minutes spent, those before a kill included, as far as they were saved with a checkpoint.

    Args:
        path: Where they are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._started = path, time.monotonic()
        self._before = float(path.read_text(encoding="utf-8")) if path.is_file() else 0.0

    @property
    def minutes(self) -> float:
        """So far."""
        return self._before + (time.monotonic() - self._started) / 60

    def on_save(self, *args: Any, **kwargs: Any) -> None:
        """Called by the Trainer with each checkpoint."""
        self._path.write_text(f"{self.minutes:.2f}\n", encoding="utf-8")


def run_phase(
    name: str, network: LanmuModel, items: TrainingItems, config: TrainConfig, epochs: int, learning_rate: float, schedule: str, clock: Clock
) -> list[tuple[int, float]]:
    """Train ``network`` on ``items``, from the last checkpoint of the phase where there is one; returns steps and losses, at most some 200."""
    folder = Path(config.output) / name
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        max_steps=config.max_steps or -1,
        per_device_train_batch_size=config.batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=config.warmup_share,  # a share of the steps where below 1
        weight_decay=config.weight_decay,
        max_grad_norm=1.0,
        bf16=use_bf16(config.bf16),
        use_cpu=not torch.cuda.is_available(),
        save_steps=config.save_steps,
        save_total_limit=1,
        logging_steps=50,
        report_to=[],
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    trainer = LanmuTrainer(
        model=network,
        args=arguments,
        train_dataset=items,
        data_collator=collate,
        optimizer=config.optimizer,
        head_learning_rate=config.head_learning_rate,
        lengths=items.lengths,
        callbacks=[clock],
    )
    checkpoint = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if checkpoint:
        click.echo(f"{name}: going on from {Path(checkpoint).name}")
    trainer.train(resume_from_checkpoint=checkpoint)
    points = [(int(one["step"]), round(float(one["loss"]), 4)) for one in trainer.state.log_history if "loss" in one]
    return points[:: max(1, len(points) // _CURVE_POINTS)]


def train(config: TrainConfig) -> Path:
    """Train a network as ``config`` says; returns the folder that holds it.

    Raises:
        LanmuError: If the base cannot be read.
        ConfigError: If there is nothing to train on.
    """
    set_seed(config.seed)
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    clock = Clock(output / "minutes.txt")
    themes = read_themes(Path(config.themes) if config.themes else None)
    records, dev = read_sets(config, themes)
    claim(output, config, records)
    (output / NETWORK_FOLDER / TRAINING).unlink(missing_ok=True)  # what stands there is not whole until this training is done
    if is_bundle(config.base):
        read_bundle(Path(config.base))
    folder = output / NETWORK_FOLDER
    save_tokenizer(config.base, folder)
    encoder = Encoder.from_folder(folder, config.window_tokens, config.overlap_tokens)
    auxiliary = read_auxiliary([Path(path) for path in config.auxiliary], encoder, len(themes), config.auxiliary_examples, config.seed)
    network = new_network(
        config.base,
        themes,
        config.dropout,
        config.layers,
        config.local_width,
        config.lexicon_width,
        auxiliary_tags=len(AUXILIARY_TAGS) if auxiliary else 0,
        theme_loss_weight=config.theme_loss_weight,
        tag_loss=config.tag_loss,
    )
    check_ngrams(network, folder)
    losses: dict[str, list[tuple[int, float]]] = {}
    silver_done = output / "silver" / "network"
    if config.raw_paragraphs and (silver_done / NETWORK).is_file():
        network.load_state_dict(load_network(silver_done).state_dict(), strict=False)
    elif config.raw_paragraphs:
        paragraphs = make_silver(output / "silver", config.raw, config.raw_paragraphs, records, dev, themes, config.seed)
        losses["silver"] = run_phase(
            "silver", network, silver_features(paragraphs, encoder), config, 1, config.silver_learning_rate, "constant_with_warmup", clock
        )
        save_network(network, silver_done, themes)
    substitution = Substitution(records, config.substitute, config.seed) if config.substitute else None
    gold = ParagraphDataset(to_dataset(records), encoder, themes, substitution, auxiliary)
    losses["gold"] = run_phase("gold", network, gold, config, config.epochs, config.learning_rate, "linear", clock)
    add_linear_parts(network, folder, records, dev, themes, encoder, config)
    save_network(network, folder, themes)
    about: dict[str, Any] = {
        "config": asdict(config),
        "records": len(records),
        "dev": len(dev),
        "minutes": round(clock.minutes, 1),
        "cores": torch.get_num_threads(),
        "loss": losses,
    }
    if pretraining := pretraining_of(config.base):
        about["pretraining"] = pretraining
    (folder / TRAINING).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return folder


def add_linear_parts(
    network: LanmuModel,
    folder: Path,
    records: Sequence[Record],
    dev: Sequence[Record],
    themes: Sequence[Theme],
    encoder: Encoder,
    config: TrainConfig,
) -> None:
    """Fit the heads' linear parts on ``records``, weigh them against the network on ``dev``, and put their n-grams into ``folder``.

    A part that is asked for and that the network does not have yet is made; the others stay as they are.
    """
    wants_themes = bool(config.linear_ngrams) and network.linear_themes is None
    wants_tags = bool(config.tag_iterations) and network.linear_tags is None
    if not wants_themes and not wants_tags:
        return
    texts = [record.text for record in dev]
    plain = reference_classifier(
        TorchSession(network), folder, themes, tuple(Calibration() for _ in themes), 1.0, (encoder.window_tokens, encoder.overlap_tokens)
    )
    encodings, scores = plain.score(texts)
    index = NgramIndex.from_file(folder / NGRAMS)
    if wants_themes:
        click.echo("themes' linear part: fitting")
        hashes, table = fit_linear(records, themes, encoder, config.linear_ngrams)
        index = NgramIndex(hashes, index.departments)
        network_logits = np.stack([one.theme_logits for one in scores]).astype(np.float64)
        weights = scales(network_logits, linear_logits(table, index, texts, encoder), gold_themes(dev, themes))
        click.echo("themes' linear part: weights " + ", ".join(f"{theme.label} {weight:.2f}" for theme, weight in zip(themes, weights, strict=True)))
        table[:, :-1] *= weights
        attach(network, table)
    if wants_tags:
        click.echo("departments' linear part: fitting")
        hashes, part = fit_tags(records, encoder, config.tag_iterations, config.seed)
        own = [linear_tag_logits(part, NgramIndex(departments=hashes), encoding) for encoding in encodings]
        scale, f1 = best_scale(dev, encodings, [one.tag_logits for one in scores], own, part, network.tag_steps)
        click.echo(f"departments' linear part: {len(hashes)} n-grams, weight {scale:.2f}, F1 {f1:.4f}")
        if scale:
            attach_tags(network, part, scale)
            index = NgramIndex(index.themes, hashes)
    index.save(folder / NGRAMS)


FREE_KEYS = ("output", "data_card", "test", "card_examples", "save_steps")
"""Keys that may differ when a training goes on: nothing that is learnt depends on them."""


def claim(output: Path, config: TrainConfig, records: Sequence[Record]) -> None:
    """Note in ``output`` what is trained there, or check that it is the same as before: checkpoints of another training do not fit.

    Raises:
        ConfigError: If it is not.
    """
    digest = hashlib.sha256(json.dumps([record_to_json(record) for record in records], ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    now = json.loads(json.dumps({name: value for name, value in asdict(config).items() if name not in FREE_KEYS} | {"paragraphs": digest}))
    # A key that is newer than the note had its default then.
    defaults = json.loads(json.dumps({one.name: one.default for one in fields(config) if one.default is not MISSING and one.name not in FREE_KEYS}))
    note = output / "training-of.json"
    if note.is_file():
        before = defaults | json.loads(note.read_text(encoding="utf-8"))
        if changed := sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name)):
            raise ConfigError(f"{output} holds a training with other {', '.join(changed)}: name another folder in key 'output', or remove that one")
    else:
        note.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_sets(config: TrainConfig, themes: Sequence[Theme]) -> tuple[list[Record], list[Record]]:
    """The records to train on and those held out; lines set aside are told on standard error."""
    train, dev, both = (_told(read_corpus([Path(path) for path in paths], themes)).records for paths in (config.train, config.dev, config.split))
    if not train and not both:
        raise ConfigError(f"nothing to train on: {', '.join((*config.train, *config.split)) or 'key train is empty'}")
    if not config.dev and not config.split:
        train, both = [], train
    halves = split(both, {"train": 1 - config.dev_share, "dev": config.dev_share}, seed=str(config.seed))
    parts = {"train": [*train, *halves["train"]], "dev": [*dev, *halves["dev"]]}
    for path in config.hashed:
        found, missing = read_hashed(Path(path), config.raw, themes)
        parts["train"] = [*parts["train"], *found]
        if missing:
            click.echo(
                f"set aside: {missing} labels of {path}: their texts do not stand in {', '.join(config.raw) or 'key raw, which is empty'}", err=True
            )
    for name, records in parts.items():
        if not records:
            raise ConfigError(f"no record is left to {name} on, of {sum(map(len, (train, dev, both)))} read; thresholds need some in dev")
    return parts["train"], parts["dev"]


def _told(corpus: Corpus) -> Corpus:
    for problem in corpus.problems:
        click.echo(f"set aside: {problem}", err=True)
    return corpus


@click.command("train")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--export/--no-export", "with_export", default=True, help="Write a bundle when the network is trained.")
def command(config: Path, with_export: bool) -> None:
    """Train a bundle as CONFIG, a TOML file, says."""
    try:
        settings = read_config(config)
        folder = train(settings)
        click.echo(f"network: {folder}")
        if with_export:
            from training.export import export_run

            bundle = export_run(Path(settings.output))
            click.echo(f"bundle: {bundle.path} ({bundle.label})")
    except (ConfigError, LanmuError, OSError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    command()
