"""``lanmu pretrain``: from raw texts to a tokenizer and an encoder that ``transformers`` loads.

The same command runs on one CPU, on one GPU, and under ``torchrun`` or ``accelerate launch`` on several, and goes on where a
killed one stopped.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import AutoConfig, BertConfig, PrinterCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging as transformers_logging

from model.encoding import TOKENIZER
from model.errors import LanmuError
from model.folding import fold
from training.beginnings import begin_with_neighbours, cooccurrence_vectors, look_at_neighbours
from training.config import ConfigError
from training.masking import Collator
from training.objectives import MaskedModel, ReplacedModel, encoder_config, new_model
from training.optimizers import adamw, muon_with_adamw
from training.packing import RowArray, held_out, pack
from training.pretrain_config import PretrainConfig, read_pretrain_config
from training.pretrain_progress import Checkpoints, Progress
from training.runtime import attention, use_bf16
from training.texts import read_texts, text_files
from training.vocabulary import make_tokenizer, save_for_transformers, token_id

ENCODER_FOLDER = "encoder"
HEADS = "pretraining.safetensors"
"""Beside the encoder: the objective's own layers, for going on from it."""
FREE_KEYS = ("output", "save_steps", "probe", "probe_paragraphs", "probe_epochs", "max_steps")


class Indices(torch.utils.data.Dataset[int]):
    """Rows by their indices; the collator reads them."""

    def __init__(self, indices: npt.NDArray[np.int64]) -> None:
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int) -> int:
        return int(self._indices[place])


class Shuffled(torch.utils.data.Sampler[int]):
    """An order that hangs on seed and epoch alone: a run that goes on reads what it would have read."""

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._seed, self._epoch = size, seed, 0

    def __len__(self) -> int:
        return self._size

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(self._seed + self._epoch)
        return iter(torch.randperm(self._size, generator=generator).tolist())


class PretrainTrainer(Trainer):
    """A Trainer with the configured optimizer and an order of its own."""

    def __init__(self, *args: Any, settings: PretrainConfig, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Muon beside AdamW, or AdamW."""
        if self.optimizer is None:
            network, settings = self.model, self._settings
            assert network is not None
            if settings.optimizer == "muon":
                self.optimizer = muon_with_adamw(network, settings.learning_rate, settings.weight_decay)
            else:
                self.optimizer = adamw(network.parameters(), settings.learning_rate, settings.weight_decay)
        return self.optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        assert isinstance(self.train_dataset, Indices)
        return Shuffled(len(self.train_dataset), self.args.seed)


def pretrain(config: PretrainConfig) -> Path:
    """Pre-train as ``config`` says; returns the encoder's folder.

    Raises:
        ConfigError: If a path or a size does not fit.
        LanmuError: If ``start`` is no encoder.
    """
    set_seed(config.seed)
    transformers_logging.disable_progress_bar()
    state, output = PartialState(cpu=not torch.cuda.is_available()), Path(config.output)
    files = text_files(config.texts)
    with state.main_process_first():
        if state.is_main_process:
            output.mkdir(parents=True, exist_ok=True)
            claim(output, config)
        tokenizer = _tokenizer(config, files, output)
        rows = pack(files, tokenizer, config.row_tokens, output)
    kept_out = held_out(len(rows), config.held_out_rows)
    read = np.setdiff1d(np.arange(len(rows), dtype=np.int64), kept_out)
    model = _model(config, tokenizer, rows)
    tokens_per_step = config.rows * config.row_tokens * state.num_processes
    steps = max(1, config.tokens // tokens_per_step)
    arguments = _arguments(config, steps, state.num_processes)
    collator = Collator(
        rows,
        tokenizer.get_vocab_size(),
        [token_id(tokenizer, token) for token in ("[PAD]", "[CLS]", "[SEP]")],
        token_id(tokenizer, "[CLS]"),
        token_id(tokenizer, "[MASK]"),
        config.mask_share,
        config.masking,
        config.short_row_tokens,
        config.long_share,
        config.objective == "masked",
        config.seed,
    )
    trainer = PretrainTrainer(
        model=model, args=arguments, train_dataset=Indices(read), eval_dataset=Indices(kept_out), data_collator=collator, settings=config
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(tokens_per_step, steps * tokens_per_step))
    trainer.add_callback(Checkpoints(lambda: save_encoder(model, tokenizer, output / ENCODER_FOLDER), trainer, config, tokens_per_step))
    checkpoint = get_last_checkpoint(arguments.output_dir) if Path(arguments.output_dir or "").is_dir() else None
    if checkpoint and state.is_main_process:
        click.echo(f"going on from {Path(checkpoint).name}")
    trainer.train(resume_from_checkpoint=checkpoint)
    return output / ENCODER_FOLDER


def _tokenizer(config: PretrainConfig, files: Sequence[str], output: Path) -> Tokenizer:
    """That of ``start``, or the one made before in ``output``, or a new one."""
    if config.start:
        return Tokenizer.from_file(str(_start(config) / TOKENIZER))
    made = output / TOKENIZER
    if not made.is_file():
        texts = tqdm(map(fold, read_texts(files)), desc="vocabulary", unit=" texts", unit_scale=True, disable=None)
        part = output / "tokenizer.part"
        make_tokenizer(texts, config.vocabulary).save(str(part))
        part.replace(made)
    return Tokenizer.from_file(str(made))


def _start(config: PretrainConfig) -> Path:
    folder = Path(config.start)
    for name in (TOKENIZER, "config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise LanmuError(f"key 'start': {folder} holds no {name}: expected an encoder's folder")
    return folder


def _model(config: PretrainConfig, tokenizer: Tokenizer, rows: RowArray) -> MaskedModel | ReplacedModel:
    """The objective's model: as ``start`` was left, or from the configured beginning."""
    size = (tokenizer.get_vocab_size(), config.hidden_size, config.layers, config.heads, config.intermediate_size, config.positions)
    shape: BertConfig = AutoConfig.from_pretrained(config.start) if config.start else encoder_config(*size)
    shape._attn_implementation = attention()
    model = new_model(shape, config.objective, config.generator_layers, config.detection_weight)
    if config.start:
        state = {f"bert.{name.removeprefix('bert.')}": tensor.float() for name, tensor in load_file(_start(config) / "model.safetensors").items()}
        if (heads := _start(config) / HEADS).is_file():
            state |= {name: tensor.float() for name, tensor in load_file(heads).items()}
        target = model.state_dict()
        fitting = {name: tensor for name, tensor in state.items() if name in target and target[name].shape == tensor.shape}
        if missing := [name for name in target if name.startswith("bert.") and name not in fitting]:
            raise LanmuError(f"key 'start': {config.start}: {missing[0]} is missing or of another shape")
        model.load_state_dict(target | fitting)
    elif config.cooccurrence:
        head = config.hidden_size // config.heads
        begin_with_neighbours(model.bert, cooccurrence_vectors(rows, tokenizer.get_vocab_size(), config.hidden_size - head, config.seed))
        if isinstance(model, ReplacedModel):
            look_at_neighbours(model.generator, head)
    return model


def _arguments(config: PretrainConfig, steps: int, processes: int) -> TrainingArguments:
    decay = {"num_decay_steps": max(1, int(steps * config.decay_share)), "decay_type": "linear"}
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(Path(config.output) / "logs")
    return TrainingArguments(
        output_dir=str(Path(config.output) / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=config.rows,
        per_device_eval_batch_size=config.rows,
        prediction_loss_only=True,
        label_names=["original_ids"],
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        lr_scheduler_kwargs=decay if config.schedule == "warmup_stable_decay" else None,
        warmup_steps=max(1, int(steps * config.warmup_share)),
        weight_decay=config.weight_decay,
        max_grad_norm=1.0,
        bf16=use_bf16(config.bf16),
        use_cpu=not torch.cuda.is_available(),
        save_steps=config.save_steps,
        save_total_limit=1,
        logging_steps=min(50, config.save_steps),
        report_to=["tensorboard"],
        disable_tqdm=True,
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        ddp_backend="gloo" if processes > 1 and not torch.cuda.is_available() else None,
    )


def save_encoder(model: MaskedModel | ReplacedModel, tokenizer: Tokenizer, folder: Path) -> Path:
    """Write a folder that ``AutoModel`` and ``AutoTokenizer`` read, and the objective's own layers beside.

    An older folder is replaced when the new one is whole.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        part = Path(temporary) / "encoder"
        model.bert.save_pretrained(part)
        heads = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items() if not name.startswith("bert.")}
        save_file(heads, part / HEADS, metadata={"format": "pt"})
        save_for_transformers(tokenizer, part, model.bert.config.max_position_embeddings)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    return folder


def claim(output: Path, config: PretrainConfig) -> None:
    """Note in ``output`` what is pre-trained there, or check that it is the same as before.

    Raises:
        ConfigError: If it is not: its checkpoints would not fit.
    """
    now = json.loads(json.dumps({name: value for name, value in asdict(config).items() if name not in FREE_KEYS}))
    note = output / "pretraining-of.json"
    if note.is_file():
        before = json.loads(note.read_text(encoding="utf-8"))
        if changed := sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name)):
            raise ConfigError(f"{output} holds a pre-training with other {', '.join(changed)}: name another 'output', or remove that folder")
    else:
        note.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@click.command("pretrain")
@click.argument("config", type=click.Path(path_type=Path))
def command(config: Path) -> None:
    """Pre-train an encoder as CONFIG, a TOML file, says.

    On several processes: torchrun --nproc-per-node N -m training.pretrain CONFIG.
    """
    try:
        folder = pretrain(read_pretrain_config(config))
    except (ConfigError, LanmuError, OSError) as error:
        raise click.ClickException(str(error)) from error
    state = PartialState()
    if state.is_main_process:
        click.echo(f"encoder: {folder}")
    if state.num_processes > 1:
        # Left to the interpreter's end, a process whose peer is gone first may be aborted.
        state.wait_for_everyone()
        state.destroy_process_group()


if __name__ == "__main__":
    command()
