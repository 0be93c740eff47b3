"""``lanmu evaluate``: how good a bundle is on annotated data, beside baselines, as a table, JSON and an HTML report.

``evaluation.json``; shares lie between 0 and 1 and are rounded to 4 decimals::

    {"bundle": "small@…" or null, "runtime": "openvino" or null,
     "data": [{"file": name, "sha256": …}], "train": [the same],
     "records": evaluated, "set_aside": lines that could not be read,
     "bootstrap": {"resamples": 1000, "seed": 0, "level": 0.95},
     "labellers": {name: {
        "themes": {id: {"scored": paragraphs, "gold": n, "given": n, "precision": E, "recall": E, "f1": E, "ece": E}},
        "macro": {"precision": E, "recall": E, "f1": E}, "micro": the same,
        "departments": {"gold": n, "predicted": n, "precision": E, "recall": E, "f1": E, "ece": E,
                        "errors": {"missed": n, "spurious": n, "boundary": n},
                        "unseen_names": {"gold": n, "recall": E}, "seen_names": the same,
                        "by_name_length": {"≤3" … ">12": {"gold": n, "right": n, "cut": n, "missed": n, "recall": E}},
                        "by_level": {"central" | "province" …: the same}, "by_organ_kind": {"party" …: the same}},
        "by_source": {source: {"paragraphs": n, "theme_gold": n, "macro_f1": E, "micro_f1": E,
                               "department_gold": n, "department_f1": E}},
        "by_length": {"≤60" | "≤120" | "≤200" | ">200": the same}}}}

E is ``{"value", "low", "high"}`` with the percentile bootstrap interval over paragraphs, or null where nothing could be
measured. ``themes``, ``macro``, ``micro`` or ``departments`` is null for a labeller that does not do it; ``ece`` (15
equal-width bins; 0 is best) for one whose scores are no probabilities; ``*_names`` where no training file was given.
Nothing of the evaluated text is in it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from data.corpus import Corpus, Record, read_corpus
from data.themes import Theme
from model.bundle import BUNDLED
from model.classifier import Classifier
from model.errors import LanmuError
from training.baselines import KeywordLabeller, LongestMatchLabeller, TfidfLabeller, department_names
from training.labelling import BundleLabeller, Labeller
from training.metrics import Bootstrap
from training.report import Run, render_report
from training.scoring import Scorer


def evaluate(
    labellers: Sequence[Labeller], records: Sequence[Record], themes: Sequence[Theme], known_names: frozenset[str] | None = None
) -> tuple[dict[str, Any], list[Run]]:
    """Let each labeller label the records and measure it.

    Args:
        labellers: Of different names.
        records: What to evaluate on.
        themes: The themes to score.
        known_names: Folded department names of the training files; ``None`` where there are none.

    Returns:
        The fields ``records``, ``bootstrap`` and ``labellers`` of ``evaluation.json``, and what each labeller said.

    Raises:
        ValueError: If there is no record, or two labellers share a name.
    """
    if not records:
        raise ValueError("there is no record to evaluate on")
    if len({one.name for one in labellers}) < len(labellers):
        raise ValueError(f"labellers must differ in name, got {', '.join(one.name for one in labellers)}")
    bootstrap = Bootstrap(len(records))
    scorer = Scorer(records, themes, bootstrap, known_names)
    runs = [Run(one.name, one.calibrated, one.label(records)) for one in labellers]
    measured = {run.name: scorer.measure(run.predictions, run.calibrated) for run in runs}
    settings = {"resamples": bootstrap.resamples, "seed": bootstrap.seed, "level": bootstrap.level}
    return {"records": len(records), "bootstrap": settings, "labellers": measured}, runs


def table(evaluation: Mapping[str, Any], themes: Sequence[Theme]) -> str:
    """The main figures in per cent, a line a labeller, with the intervals' ends."""

    def cell(one: Mapping[str, float] | None) -> str:
        return "-" if one is None else "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * one[key] for key in ("value", "low", "high")))

    rows = [["F1, %", *(theme.id for theme in themes), "macro", "micro", "departments"]]
    for name, one in evaluation["labellers"].items():
        cells = [one["themes"][theme.id]["f1"] if one["themes"] else None for theme in themes]
        cells += [one[key]["f1"] if one[key] else None for key in ("macro", "micro", "departments")]
        rows.append([name, *map(cell, cells)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in rows)


@click.command("evaluate")
@click.option("--bundle", type=click.Path(path_type=Path), default=BUNDLED, show_default="the bundled one", help="Folder of the bundle.")
@click.option(
    "--data", "data_paths", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Annotated JSONL or a folder of it."
)
@click.option(
    "--train",
    "train_paths",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="What the bundle was trained on: for the baselines, and to tell new names from known ones.",
)
@click.option("--baselines", is_flag=True, help="Measure the baselines too; needs --train.")
@click.option("--runtime", default="auto", show_default=True, help="Inference runtime.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for evaluation.json and report.html.")
def command(bundle: Path, data_paths: tuple[Path, ...], train_paths: tuple[Path, ...], baselines: bool, runtime: str, output: Path | None) -> None:
    """Measure a bundle on annotated data."""
    if baselines and not train_paths:
        raise click.UsageError("--baselines needs --train: they learn from the training files")
    try:
        classifier = Classifier.open(bundle, runtime)
    except LanmuError as error:
        raise click.ClickException(str(error)) from error
    themes = classifier.bundle.themes
    corpus, train = _read(data_paths, themes), _read(train_paths, themes)
    if not corpus.records:
        raise click.ClickException(f"no usable record in {', '.join(map(str, data_paths))}")
    labellers: list[Labeller] = [BundleLabeller(classifier)]
    if baselines:
        labellers += [KeywordLabeller(themes), TfidfLabeller(train.records, themes), LongestMatchLabeller(train.records)]
    measured, runs = evaluate(labellers, corpus.records, themes, department_names(train.records) if train_paths else None)
    evaluation = {
        "bundle": classifier.bundle.label,
        "runtime": classifier.session.runtime,
        "data": _files(data_paths),
        "train": _files(train_paths),
        "set_aside": len(corpus.problems),
        **measured,
    }
    click.echo(table(evaluation, themes))
    if output is not None:
        write_evaluation(output, evaluation, corpus.records, themes, runs, classifier.bundle.about)
        click.echo(f"wrote {output / 'evaluation.json'} and {output / 'report.html'}", err=True)


def write_evaluation(
    output: Path,
    evaluation: Mapping[str, Any],
    records: Sequence[Record],
    themes: Sequence[Theme],
    runs: Sequence[Run],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write ``evaluation.json`` and ``report.html`` into the folder ``output``, which is made where it is missing.

    ``about`` is what the bundle's manifest says of its making.

    Raises:
        OSError: If they cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, ensure_ascii=False, indent=1, allow_nan=False)
    (output / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (output / "report.html").write_text(render_report(evaluation, records, themes, runs, about), encoding="utf-8")


def _read(paths: Sequence[Path], themes: Sequence[Theme]) -> Corpus:
    corpus = read_corpus(paths, themes)
    for problem in corpus.problems:
        click.echo(f"set aside: {problem}", err=True)
    return corpus


def _files(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Name and hash of each file, without the folders of the machine that it was measured on."""
    files = [file for path in paths for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    return [{"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for file in files]
