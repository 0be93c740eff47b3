"""The model card of a bundle, written from the run that made it."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.paragraphs import ready_paragraphs
from data.records import Document
from data.themes import Theme
from model.classifier import Classifier
from model.decoding import Calibration
from training.config import ConfigError

_WATTS_A_CORE = 10.0


@dataclass(frozen=True, slots=True)
class CardExample:
    """A text written for the card, and what would be right.

    Attributes:
        text: The paragraph.
        themes: Labels of its themes.
        departments: Names in it, as written.
        why: What it shows.
    """

    text: str
    themes: tuple[str, ...]
    departments: tuple[str, ...]
    why: str


def read_examples(path: Path) -> list[CardExample]:
    """Read ``[[example]]`` tables.

    Raises:
        ConfigError: If the file is no TOML or an example lacks a field.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["example"]
        return [CardExample(one["text"], tuple(one["themes"]), tuple(one["departments"]), one["why"]) for one in rows]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: expected [[example]] tables with text, themes, departments and why ({error!r})") from error


def failures(classifier: Classifier, examples: Sequence[CardExample]) -> str:
    """What the bundle says of each example that it gets wrong, in Markdown."""
    documents = [Document(str(i), tuple(ready_paragraphs([one.text]))) for i, one in enumerate(examples)]
    rows = []
    for example, document in zip(examples, classifier.label(documents), strict=True):
        (paragraph,) = document.paragraphs
        themes = {theme.label for theme in paragraph.themes if theme.given}
        names = [one.text for one in paragraph.departments]
        if themes != set(example.themes) or names != list(example.departments):
            said, right = _answer(themes, names), _answer(set(example.themes), example.departments)
            rows.append(f"| {example.text} | {said} | {right} | {example.why} |")
    if not rows:
        return f"None of the {len(examples)} examples kept for this section is labelled wrongly by this bundle."
    head = "| text, written for this card | the bundle says | right would be | what it shows |\n|---|---|---|---|\n"
    return f"{len(rows)} of the {len(examples)} examples kept for this section:\n\n{head}" + "\n".join(rows)


def _answer(themes: set[str], names: Sequence[str]) -> str:
    return f"{'、'.join(sorted(themes)) or 'no theme'}; {'、'.join(names) or 'no name'}"


def figures_table(measured: Mapping[str, Any], themes: Sequence[Theme]) -> str:
    """A labeller's measures (``labellers`` of ``evaluation.json``) as Markdown tables: F1 or recall in per cent with the intervals' ends."""
    departments = measured["departments"]
    lines = ["| | paragraphs or names | precision | recall | F1 | ECE |", "|---|---|---|---|---|---|"]
    for theme in themes:
        one = measured["themes"][theme.id]
        lines.append(f"| {theme.label} | {one['gold']} | {_cells(one, 'precision', 'recall', 'f1')} | {_decimal(one['ece'])} |")
    lines.append(f"| themes, macro | | {_cells(measured['macro'], 'precision', 'recall', 'f1')} | |")
    lines.append(
        f"| departments, exact span | {departments['gold']} | {_cells(departments, 'precision', 'recall', 'f1')} | {_decimal(departments['ece'])} |"
    )
    for heading, key in (("source", "by_source"), ("paragraph's length in characters", "by_length")):
        lines += ["", f"| {heading} | paragraphs | themes, macro-F1 | departments, F1 |", "|---|---|---|---|"]
        lines += [f"| {name} | {one['paragraphs']} | {_cells(one, 'macro_f1', 'department_f1')} |" for name, one in measured[key].items()]
    for heading, key in (
        ("name's length in characters", "by_name_length"),
        ("organ's level, by its name", "by_level"),
        ("kind of organ", "by_organ_kind"),
    ):
        lines += ["", f"| {heading} | names | found exactly | edges wrong | missed | recall |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {name} | {one['gold']} | {one['right']} | {one['cut']} | {one['missed']} | {_cells(one, 'recall')} |"
            for name, one in departments[key].items()
        ]
    return "\n".join(lines)


def _cells(one: Mapping[str, Any], *keys: str) -> str:
    return " | ".join(
        "–" if one[key] is None else "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * one[key][end] for end in ("value", "low", "high"))) for key in keys
    )


def _decimal(one: Mapping[str, float] | None) -> str:
    return "–" if one is None else f"{one['value']:.3f}"


def _pretraining(about: Mapping[str, Any]) -> str:
    if not about:
        return "The encoder's folder told nothing of its pre-training."
    last, settings = about["curve"][-1], about["settings"]
    return (
        f"{about['tokens']:,} tokens in {about['minutes']:,.0f} minutes ({settings['objective']}, {settings['masking']} masking); "
        f"held-out loss {last['held_out_loss']:.2f} nats a hidden token. Settings and curve are in `manifest.json`."
    )


def _cost(minutes: float, cores: int) -> str:
    """Time, and energy by rule of thumb: most machines do not let a program read what they draw."""
    energy = minutes / 60 * cores * _WATTS_A_CORE / 1000
    return f"{minutes:,.0f} minutes on {cores} cores; at {_WATTS_A_CORE:.0f} W a core, an assumption and no measurement, {energy:.2f} kWh"


def model_card(
    name: str,
    themes: Sequence[Theme],
    calibrations: Sequence[Calibration],
    facts: Mapping[str, Any],
    data: str,
    measured: Mapping[str, Any],
    measured_on: str,
    known_failures: str,
) -> str:
    """The card in Markdown.

    Args:
        name: The bundle's name.
        themes: Its themes.
        calibrations: One a theme.
        facts: ``parity``, ``training`` and ``pretraining`` as the manifest keeps them.
        data: Markdown on what it was trained on and whose that is.
        measured: Its measures, as ``labellers`` of ``evaluation.json`` has them.
        measured_on: On what.
        known_failures: Markdown of :func:`failures`.
    """
    parity, training = facts["parity"], facts["training"]
    rows = "\n".join(
        f"| {theme.label} | `{theme.id}` | {one.threshold:.3f} | {one.review[0]:.3f} – {one.review[1]:.3f} |"
        for theme, one in zip(themes, calibrations, strict=True)
    )
    recipe = "\n".join(f"- `{key}`: {value}" for key, value in sorted(training["recipe"].items()))
    before = facts.get("pretraining", {})
    return f"""# Model card: lanmu bundle `{name}`

Labels paragraphs of Chinese news with themes and marks the names of Chinese party, state, military and people's organs.
A small Chinese BERT with two heads, and linear models over n-grams beside them where the recipe asks for such; int8 for serving.
Licence of the weights: Apache-2.0.

## Intended use

Helping editors and archivists sort news paragraphs; a person decides in the review band. Not for judging persons, and not for
text other than Chinese news and official prose.

## Themes

| label | id | threshold | review band |
|---|---|---|---|
{rows}

Scores are calibrated by Platt scaling on {training["dev"]} held-out paragraphs; each threshold
is half of the best F1 that the calibrated scores promise.

## Figures

{measured_on} In per cent, with 95% bootstrap intervals over paragraphs; ECE: how far scores are from the share that is right, from 0 to 1.

{figures_table(measured, themes)}

int8 against fp32 on the held-out paragraphs that thresholds were fitted on:

| | fp32 | int8 | points lost |
|---|---|---|---|
| themes, macro-F1 | {parity["fp32_theme_macro_f1"]:.4f} | {parity["int8_theme_macro_f1"]:.4f} | {parity["theme_points_lost"]:.2f} |
| departments, exact-span F1 | {parity["fp32_department_f1"]:.4f} | {parity["int8_department_f1"]:.4f} | {parity["department_points_lost"]:.2f} |

## Known failures

{known_failures}

## Data

{data}

Trained on {training["records"]} annotated paragraphs.

## Pre-training

{_pretraining(before)}

## Time and energy

- training: {_cost(training["minutes"], training["cores"])}
- pre-training: {_cost(before["minutes"], training["cores"]) if before else "not told"}

## Recipe

{recipe}
"""
