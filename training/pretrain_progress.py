"""What a pre-training shows as it goes: tokens a second and time left, and at each checkpoint held-out loss, probe and curve."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from accelerate import PartialState
from tqdm import tqdm
from transformers import Trainer, TrainerCallback

from training.base import PRETRAINING, pretraining_of
from training.pretrain_config import PretrainConfig

CURVE = "curve.jsonl"
_OF_THE_LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Progress(TrainerCallback):
    """Tokens read, tokens a second and time left. The rate is that of the whole run so far, checkpoints and probes included."""

    def __init__(self, tokens_per_step: int, total: int) -> None:
        self._tokens_per_step, self._total = tokens_per_step, total
        self._bar: tqdm[Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer."""
        if state.is_world_process_zero:
            done = state.global_step * self._tokens_per_step
            # The mean rate of the whole run: a moving one would promise too much after each probe.
            self._bar = tqdm(
                desc="pre-training", total=self._total, initial=done, unit=" tokens", unit_scale=True, smoothing=0, mininterval=1, disable=None
            )
            self._started, self._before = time.monotonic(), done

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer."""
        if self._bar is not None:
            self._bar.update(self._tokens_per_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Called by the Trainer: a line where there is no terminal to draw a bar on."""
        if self._bar is not None and self._bar.disable and logs and "loss" in logs:
            done = state.global_step * self._tokens_per_step
            rate = (done - self._before) / max(1e-9, time.monotonic() - self._started)
            left = (self._total - done) / max(1e-9, rate) / 60
            click.echo(f"{done:,} of {self._total:,} tokens, loss {logs['loss']:.3f}, {rate:,.0f} tokens/s, {left:.0f} minutes left")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer."""
        if self._bar is not None:
            self._bar.close()


class Checkpoints(TrainerCallback):
    """At each checkpoint: the encoder's folder, the held-out loss and the probe, on to the curve and to TensorBoard.

    Args:
        write: Writes the encoder's folder.
        trainer: Gives the held-out loss, and passes figures on.
        config: The configuration.
        tokens_per_step: Of all processes.
    """

    def __init__(self, write: Callable[[], Path], trainer: Trainer, config: PretrainConfig, tokens_per_step: int) -> None:
        self._write, self._trainer, self._config, self._tokens_per_step = write, trainer, config, tokens_per_step
        self._curve = Path(config.output) / CURVE
        self._loss = float("nan")
        self._started = time.monotonic()
        self._minutes_before = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer: what a killed run noted after its last checkpoint is forgotten, as it is done again."""
        kept = [one for one in read_curve(self._curve) if one["step"] <= state.global_step]
        if state.is_world_process_zero:
            self._curve.write_text("".join(json.dumps(one) + "\n" for one in kept), encoding="utf-8")
        self._minutes_before = kept[-1]["minutes"] if kept else 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer."""
        if state.global_step == self._config.max_steps:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Called by the Trainer."""
        self._loss = (logs or {}).get("loss", self._loss)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer, in every process."""
        measured = self._trainer.evaluate()
        if state.is_world_process_zero:
            minutes = self._minutes_before + (time.monotonic() - self._started) / 60
            point: dict[str, Any] = {
                "step": state.global_step,
                "tokens": state.global_step * self._tokens_per_step,
                "minutes": round(minutes, 1),
                "loss": round(self._loss, 4),
                "held_out_loss": round(measured["eval_loss"], 4),
            }
            folder = self._write()
            if self._config.probe:
                found = run_probe(folder, self._config)
                self._trainer.log(dict(found))
                point |= found
            with self._curve.open("a", encoding="utf-8") as file:
                file.write(json.dumps(point) + "\n")
            note(folder, self._config, read_curve(self._curve))
            click.echo("checkpoint: " + ", ".join(f"{name} {value}" for name, value in point.items()))
        PartialState().wait_for_everyone()


def read_curve(path: Path) -> list[dict[str, Any]]:
    """The points of a curve, one a checkpoint: ``step``, ``tokens``, ``minutes``, ``loss``, ``held_out_loss`` and what the probe gave."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def note(folder: Path, config: PretrainConfig, curve: Sequence[dict[str, Any]]) -> None:
    """Write into an encoder's folder how it was made: settings, tokens and minutes in all, and the curve, of the one it went on from too."""
    before = pretraining_of(config.start) if config.start else {}
    tokens, minutes = before.get("tokens", 0), before.get("minutes", 0)
    own = [{**one, "tokens": tokens + one["tokens"], "minutes": round(minutes + one["minutes"], 1)} for one in curve]
    settings = {name: value for name, value in asdict(config).items() if name not in ("output", "start", "texts", "probe", "max_steps")}
    about = {
        "settings": settings,
        "tokens": own[-1]["tokens"] if own else tokens,
        "minutes": own[-1]["minutes"] if own else minutes,
        "curve": [*before.get("curve", []), *own],
    }
    (folder / PRETRAINING).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def run_probe(encoder: Path, config: PretrainConfig) -> dict[str, float]:
    """The probe's figures, from a process of its own, so that nothing random in this one is touched."""
    sizes = ["--paragraphs", str(config.probe_paragraphs), "--epochs", str(config.probe_epochs)]
    data = [part for path in config.probe for part in ("--data", path)]
    command = [sys.executable, "-m", "training.probe", str(encoder), *sizes, *data]
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_LAUNCHER}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        click.echo(f"the probe failed: {done.stderr.strip().splitlines()[-1:]}", err=True)
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
