"""The model card of a bundle, written from the run that made it."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.themes import Theme
from model.decoding import Calibration


def model_card(name: str, themes: Sequence[Theme], calibrations: Sequence[Calibration], facts: Mapping[str, Any], data: str) -> str:
    """The card in Markdown.

    Args:
        name: The bundle's name.
        themes: Its themes.
        calibrations: One a theme.
        facts: ``parity`` and ``training`` as the manifest keeps them.
        data: Markdown on what it was trained on and whose that is.
    """
    parity, training = facts["parity"], facts["training"]
    rows = "\n".join(
        f"| {theme.label} | `{theme.id}` | {one.threshold:.3f} | {one.review[0]:.3f} – {one.review[1]:.3f} |"
        for theme, one in zip(themes, calibrations, strict=True)
    )
    recipe = "\n".join(f"- `{key}`: {value}" for key, value in sorted(training["recipe"].items()))
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

## Held-out figures (the set that thresholds were fitted on; see the README for the test split)

| | fp32 | int8 | points lost |
|---|---|---|---|
| themes, macro-F1 | {parity["fp32_theme_macro_f1"]:.4f} | {parity["int8_theme_macro_f1"]:.4f} | {parity["theme_points_lost"]:.2f} |
| departments, exact-span F1 | {parity["fp32_department_f1"]:.4f} | {parity["int8_department_f1"]:.4f} | {parity["department_points_lost"]:.2f} |

## Data

{data}

Trained on {training["records"]} annotated paragraphs in {training["minutes"]} minutes.

## Recipe

{recipe}
"""
