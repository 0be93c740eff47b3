"""``lanmu export``: a trained network → fp32 ONNX → int8 ONNX → a bundle, held against the network before it is written."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from data.corpus import Record, read_corpus
from data.themes import Theme, read_themes
from model.bundle import CARD, SERVING, Bundle, write_bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.encoding import LEXICON, NGRAMS, TOKENIZER, Encoder
from model.errors import BundleError, LanmuError
from model.session import Session, open_session
from training.base import check_ngrams, load_network, save_network
from training.baselines import department_names
from training.calibration import fit_calibrations, fit_tag_temperature
from training.card import failures, model_card, read_examples
from training.config import ConfigError, TrainConfig, config_from
from training.evaluate import evaluate
from training.labelling import BundleLabeller
from training.linear_tags import transitions_of
from training.onnx_graph import quantize, to_onnx
from training.runtime import TorchSession, reference_classifier
from training.scoring import gold_themes, macro_f1, matched_spans, span_counts
from training.train import BUNDLE_FOLDER, NETWORK_FOLDER, TRAINING, read_sets

MOST_LOST_POINTS = 0.5
"""Points of F1, of themes or departments, that quantization may cost; beyond it nothing is written."""
CALIBRATION_PARAGRAPHS = 300


class ParityError(LanmuError):
    """The quantized weights lose more than they may."""


@dataclass(frozen=True, slots=True)
class Figures:
    """F1 on the held-out records.

    Attributes:
        theme_macro_f1: Over the themes.
        department_f1: Exact span.
    """

    theme_macro_f1: float
    department_f1: float


def fit(classifier: Classifier, records: Sequence[Record]) -> tuple[tuple[Calibration, ...], float]:
    """Calibrations of the themes and temperature of the department head, from a classifier's scores on held-out records."""
    themes = classifier.bundle.themes
    encodings, scores = classifier.score([record.text for record in records])
    calibrations = fit_calibrations(np.stack([one.theme_logits for one in scores]), gold_themes(records, themes))
    known = [i for i, record in enumerate(records) if record.departments is not None]
    gold = [[(span.start, span.end) for span in records[i].departments or ()] for i in known]
    tag_logits = [scores[i].tag_logits for i in known]
    return calibrations, fit_tag_temperature([encodings[i] for i in known], tag_logits, gold, classifier.bundle.tag_transitions)


def figures(classifier: Classifier, records: Sequence[Record]) -> Figures:
    """F1 of a classifier on records."""
    predictions = BundleLabeller(classifier).label(records)
    right, wrong, missed = span_counts(matched_spans(records, predictions)).sum(axis=0)
    return Figures(macro_f1(records, predictions, classifier.bundle.themes), float(2 * right / max(1, 2 * right + wrong + missed)))


def check_parity(reference: Figures, quantized: Figures) -> dict[str, float]:
    """Hold int8 against fp32; returns what the manifest says of it.

    Raises:
        ParityError: If themes or departments lose more than :data:`MOST_LOST_POINTS`.
    """
    lost = {
        "themes": 100 * (reference.theme_macro_f1 - quantized.theme_macro_f1),
        "departments": 100 * (reference.department_f1 - quantized.department_f1),
    }
    for name, points in lost.items():
        if points > MOST_LOST_POINTS:
            raise ParityError(f"int8 loses {points:.2f} points of F1 in {name}; at most {MOST_LOST_POINTS} may be lost. No bundle was written")
    return {
        "fp32_theme_macro_f1": round(reference.theme_macro_f1, 4),
        "int8_theme_macro_f1": round(quantized.theme_macro_f1, 4),
        "fp32_department_f1": round(reference.department_f1, 4),
        "int8_department_f1": round(quantized.department_f1, 4),
        "theme_points_lost": round(lost["themes"], 2),
        "department_points_lost": round(lost["departments"], 2),
    }


def export_run(run: Path, output: Path | None = None, name: str = "small", runtime: str = "auto") -> Bundle:
    """Write the bundle of a training run.

    Args:
        run: The run's output folder.
        output: Where to put the bundle; the run's own ``bundle`` folder where not told. An existing one is replaced when the new one is whole.
        name: The bundle's name.
        runtime: The runtime that parity is measured with.

    Raises:
        ParityError: If int8 loses too much.
        BundleError: If the run is not complete.
    """
    trained = run / NETWORK_FOLDER
    try:
        about = json.loads((trained / TRAINING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{run} holds no finished training: {NETWORK_FOLDER}/{TRAINING} is missing") from None
    config = config_from(about["config"])
    themes = read_themes(trained / "themes.toml")
    records, dev = read_sets(config, themes)
    output = output or run / BUNDLE_FOLDER
    with tempfile.TemporaryDirectory(dir=run) as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        bundle = _build(folder, trained, name, runtime, themes, records, dev, config, about)
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(folder), str(output))
    return Bundle(**{**{field: getattr(bundle, field) for field in bundle.__slots__}, "path": output})


def _build(
    folder: Path,
    trained: Path,
    name: str,
    runtime: str,
    themes: Sequence[Theme],
    records: Sequence[Record],
    dev: Sequence[Record],
    config: TrainConfig,
    about: dict[str, Any],
) -> Bundle:
    window = (config.window_tokens, config.overlap_tokens)
    for file in (TOKENIZER, LEXICON, NGRAMS):
        shutil.copy(trained / file, folder / file)
    network = load_network(trained)
    check_ngrams(network, trained)
    save_network(network, folder, themes, small=True)
    steps = transitions_of(network.linear_tags, own=network.tag_steps)
    neutral = tuple(Calibration() for _ in themes)

    def measured(session: Session) -> tuple[Figures, tuple[Calibration, ...], float]:
        plain = reference_classifier(session, folder, themes, neutral, 1.0, window, steps)
        calibrations, temperature = fit(plain, dev)
        return figures(reference_classifier(session, folder, themes, calibrations, temperature, window, steps), dev), calibrations, temperature

    reference, _, _ = measured(TorchSession(network))
    click.echo(f"fp32: themes macro-F1 {reference.theme_macro_f1:.4f}, departments F1 {reference.department_f1:.4f}")
    encoder = Encoder.from_folder(folder, *window)
    texts = [record.text for record in records[:: max(1, len(records) // CALIBRATION_PARAGRAPHS)]]
    with tempfile.TemporaryDirectory() as scratch:
        to_onnx(network, Path(scratch) / "fp32.onnx")
        quantize(Path(scratch) / "fp32.onnx", folder / SERVING, texts, encoder)
    session = open_session(folder / SERVING, runtime)
    quantized, calibrations, temperature = measured(session)
    click.echo(f"int8: themes macro-F1 {quantized.theme_macro_f1:.4f}, departments F1 {quantized.department_f1:.4f} ({session.runtime})")
    parity = check_parity(reference, quantized)
    recipe = {
        key: value
        for key, value in about["config"].items()
        if not isinstance(value, (list, tuple)) and key not in ("base", "output", "themes", "data_card", "card_examples")
    }
    facts = {"parity": parity, "training": {"recipe": recipe, "records": len(records), "dev": len(dev), "minutes": about["minutes"]}}
    facts["training"] |= {"loss": about.get("loss", {}), "cores": about.get("cores", 1)}
    if "pretraining" in about:
        facts["pretraining"] = about["pretraining"]
    classifier = reference_classifier(session, folder, themes, calibrations, temperature, window, steps)
    (folder / CARD).write_text(_card(name, classifier, records, dev, config, facts), encoding="utf-8")
    return write_bundle(folder, name, themes, calibrations, temperature, steps, *window, facts)


def _card(name: str, classifier: Classifier, records: Sequence[Record], dev: Sequence[Record], config: TrainConfig, facts: Mapping[str, Any]) -> str:
    themes, calibrations = classifier.bundle.themes, classifier.bundle.calibrations
    measured_on, held = "On the held-out paragraphs that thresholds were fitted on, so they flatter.", list(dev)
    if config.test:
        held = read_corpus([Path(path) for path in config.test], themes).records
        files = ", ".join(f"`{Path(path).name}`" for path in config.test)
        measured_on = f"On {files}, {len(held)} paragraphs that nothing was fitted on."
    labeller = BundleLabeller(classifier)
    evaluation, _ = evaluate([labeller], held, themes, department_names(records))
    examples = read_examples(Path(config.card_examples)) if config.card_examples else []
    known = failures(classifier, examples) if examples else "No examples were given."
    return model_card(name, themes, calibrations, facts, _data(config), evaluation["labellers"][labeller.name], measured_on, known)


def _data(config: TrainConfig) -> str:
    """What the card says of the data: the maker's own words, or the names of the files."""
    if config.data_card:
        return Path(config.data_card).read_text(encoding="utf-8").strip()
    files = ", ".join(f"`{Path(path).name}`" for path in (*config.train, *config.split, *config.hashed))
    return f"Trained on {files}, from `{Path(config.base).name}`. Whose texts these are and under which licence, whoever trained it must say."


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=click.Path(path_type=Path), help="Where to put the bundle; RUN/bundle if not told.")
@click.option("--name", default="small", show_default=True, help="The bundle's name.")
@click.option("--runtime", default="auto", show_default=True, help="The runtime that parity is measured with.")
def command(run: Path, output: Path | None, name: str, runtime: str) -> None:
    """Write the bundle of the training run in folder RUN."""
    try:
        bundle = export_run(run, output, name, runtime)
    except (ConfigError, LanmuError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"bundle: {bundle.path} ({bundle.label})")


if __name__ == "__main__":
    command()
