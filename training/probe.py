"""What an encoder is good for: a fixed, short fine-tuning on a fixed set, and F1 on another."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from data.corpus import Record, read_corpus, record_to_json
from data.themes import read_themes
from model.decoding import Calibration
from training.base import load_network
from training.config import TrainConfig
from training.export import figures, fit
from training.hashed import text_hash
from training.runtime import TorchSession, reference_classifier
from training.train import train


def probe(encoder: Path, data: Sequence[Path], paragraphs: int, epochs: int) -> dict[str, float]:
    """Fine-tune on ``paragraphs`` of ``data`` and measure on half as many others, always the same.

    The network is the encoder and the two heads alone: no convolutions, lexicon or linear parts, which would hide what it lacks.

    Returns:
        ``probe_department_f1`` (exact span) and ``probe_theme_macro_f1`` (thresholds set on the same paragraphs, so it flatters).

    Raises:
        ValueError: If there are too few paragraphs.
    """
    themes = read_themes()
    whole = [one for one in read_corpus(data, themes).records if one.themes is not None and one.departments is not None]
    chosen = sorted(whole, key=lambda record: text_hash(record.text))
    if len(chosen) < paragraphs * 3 // 2:
        raise ValueError(f"expected at least {paragraphs * 3 // 2} paragraphs with themes and departments, got {len(chosen)}")
    held = chosen[paragraphs : paragraphs * 3 // 2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = TrainConfig(
            base=str(encoder),
            output=str(folder / "run"),
            train=(_written(folder / "train.jsonl", chosen[:paragraphs]),),
            dev=(_written(folder / "dev.jsonl", held),),
            epochs=epochs,
            learning_rate=4e-4,
            dropout=0.1,
            window_tokens=256,
            overlap_tokens=64,
            save_steps=1_000_000,
        )
        trained = train(config)
        session = TorchSession(load_network(trained))
        window = (config.window_tokens, config.overlap_tokens)
        plain = reference_classifier(session, trained, themes, tuple(Calibration() for _ in themes), 1.0, window)
        calibrations, temperature = fit(plain, held)
        measured = figures(reference_classifier(session, trained, themes, calibrations, temperature, window), held)
    return {"probe_department_f1": round(measured.department_f1, 4), "probe_theme_macro_f1": round(measured.theme_macro_f1, 4)}


def _written(path: Path, records: Sequence[Record]) -> str:
    path.write_text("".join(json.dumps(record_to_json(one), ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return str(path)


@click.command()
@click.argument("encoder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True), help="Annotated JSONL file or folder.")
@click.option("--paragraphs", default=1000, show_default=True, help="Paragraphs to learn from.")
@click.option("--epochs", default=3, show_default=True, help="Passes over them.")
def command(encoder: Path, data: tuple[Path, ...], paragraphs: int, epochs: int) -> None:
    """Print the probe's figures of the encoder in folder ENCODER, as JSON."""
    try:
        click.echo(json.dumps(probe(encoder, data, paragraphs, epochs)))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    command()
