"""The model card of a bundle, written from the run that made it."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.themes import Theme
from model.decoding import Calibration

_SOURCES = """\
- Starter corpus of this project (`data/corpus/`), written for it; Apache-2.0.
- Annotated news paragraphs of the maintainers, from public collections: china-data/xwlb, yuekcc/cctv_news,
  zephyr-fun/Tiny_Search_Engine, caspiankexin/people-daily-crawler-date, fguogufe2/Peoples_Daily_News_Classification,
  aldohemsn/chinese-political-corpora, alexzhu0/government_report_rag, ZhouYNF/platform-1,
  HuangFaShengH/ZhengCeWenBenWaJue, heyang-2002/China-Policy-ML, jiazhangyao/jyy, LawRefBook/Laws. A repository's licence
  covers its own work, not the newspapers' text: used for training and measurement, not redistributed.
- Encoder: pre-trained by the maintainers on the same collections."""


def model_card(name: str, themes: Sequence[Theme], calibrations: Sequence[Calibration], facts: Mapping[str, Any]) -> str:
    """The card in Markdown.

    Args:
        name: The bundle's name.
        themes: Its themes.
        calibrations: One a theme.
        facts: ``parity`` and ``training`` as the manifest keeps them.
    """
    parity, training = facts["parity"], facts["training"]
    rows = "\n".join(
        f"| {theme.label} | `{theme.id}` | {one.threshold:.3f} | {one.review[0]:.3f} – {one.review[1]:.3f} |"
        for theme, one in zip(themes, calibrations, strict=True)
    )
    recipe = "\n".join(f"- `{key}`: {value}" for key, value in sorted(training["recipe"].items()))
    return f"""# Model card: lanmu bundle `{name}`

Labels paragraphs of Chinese news with themes and marks the names of Chinese party, state, military and people's organs.
A small Chinese BERT with two heads, int8 for serving. Licence of the weights: Apache-2.0.

## Intended use

Helping editors and archivists sort news paragraphs; a person decides in the review band. Not for judging persons, and not for
text other than Chinese news and official prose.

## Themes

| label | id | threshold | review band |
|---|---|---|---|
{rows}

Scores are calibrated by Platt scaling on {training["dev"]} held-out paragraphs; thresholds maximise F1 there.

## Held-out figures (the set that thresholds were fitted on; see the README for the test split)

| | fp32 | int8 | points lost |
|---|---|---|---|
| themes, macro-F1 | {parity["fp32_theme_macro_f1"]:.4f} | {parity["int8_theme_macro_f1"]:.4f} | {parity["theme_points_lost"]:.2f} |
| departments, exact-span F1 | {parity["fp32_department_f1"]:.4f} | {parity["int8_department_f1"]:.4f} | {parity["department_points_lost"]:.2f} |

## Data

{_SOURCES}

Trained on {training["records"]} annotated paragraphs in {training["minutes"]} minutes.

## Recipe

{recipe}

## Known limits

- 规范 and 精减 are close in meaning; where a paragraph only hints at one of them, annotators differ too.
- Names of departments that lean on what stands before them, and units that are named nowhere else, are missed most often.
- Text before 1978 and text of legal codes is thinly represented.
"""
