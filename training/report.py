"""An evaluation as one self-contained HTML page, in Chinese, for editors and engineers to read together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from data.corpus import Record
from data.themes import Theme
from training import plots
from training.labelling import Prediction
from training.metrics import UNKNOWN, FloatArray
from training.scoring import given_themes, gold_themes, matched_spans
from training.worst import worst_spans, worst_themes

TEMPLATE = "report.html"
_TITLES = {"keyword rules": "关键词规则", "TF-IDF + SVM": "TF-IDF + 线性 SVM", "longest match": "最长匹配（训练集中的机构名）"}
_KINDS = {"missed": "漏标", "spurious": "多标", "boundary": "边界错"}


@dataclass(frozen=True, slots=True)
class Run:
    """What one labeller said of every record."""

    name: str
    calibrated: bool
    predictions: Sequence[Prediction]


_LEVELS = {
    "central": "中央",
    "province": "省级",
    "prefecture": "地市级",
    "county": "县级",
    "town": "乡镇街道",
    "several": "名称不定级",
    "unread": "名录未收",
}
_ORGAN_KINDS = {
    "party": "党委", "congress": "人大", "government": "政府", "supervision": "监察", "court": "法院", "procuratorate": "检察院", "cppcc": "政协",
    "military": "军队武警", "people": "群团", "democratic": "民主党派", "institution": "事业单位", "unread": "名录未收",
}  # fmt: skip


def render_report(
    evaluation: Mapping[str, Any], records: Sequence[Record], themes: Sequence[Theme], runs: Sequence[Run], about: Mapping[str, Any] | None = None
) -> str:
    """The page.

    Args:
        evaluation: What goes into ``evaluation.json``.
        records: What was evaluated; the page quotes the worst mistakes among them.
        themes: The themes.
        runs: The labellers' answers; the first is what the page is about, the rest are baselines.
        about: What the bundle's manifest says of its making: ``pretraining`` and ``training`` with their curves are drawn.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"estimate": _estimate, "short": _short}
    template = environment.from_string(resources.files("training").joinpath("templates", TEMPLATE).read_text(encoding="utf-8"))
    main = runs[0]
    themed = all(one.scores is not None for one in main.predictions)
    spanned = all(one.spans is not None for one in main.predictions)
    return template.render(
        evaluation=evaluation,
        themes=themes,
        main=main.name,
        titles={run.name: _TITLES.get(run.name, run.name) for run in runs},
        kinds=_KINDS,
        drawings={name: Markup(drawing) for name, drawing in (_drawings(evaluation, records, themes, runs) | _curves(about or {})).items()},
        about=about or {},
        levels=_LEVELS,
        organ_kinds=_ORGAN_KINDS,
        theme_mistakes=worst_themes(records, main.predictions, themes) if themed else [],
        span_mistakes=worst_spans(records, main.predictions) if spanned else {},
    )


def _drawings(evaluation: Mapping[str, Any], records: Sequence[Record], themes: Sequence[Theme], runs: Sequence[Run]) -> dict[str, str]:
    ids = [theme.id for theme in themes]
    gold = gold_themes(records, themes)
    answers = [
        plots.ThemeAnswers(run.name, np.array([one.scores for one in run.predictions], np.float64), given_themes(run.predictions, themes))
        for run in runs
        if all(one.scores is not None for one in run.predictions)
    ]
    drawings = {}
    if answers:
        drawings["curves"] = plots.pr_curves(gold, answers, ids)
        drawings["confusion"] = plots.confusion(gold, answers[0].given, ids)
    if runs[0].calibrated:
        drawings["reliability"] = plots.reliability(_reliability(records, themes, runs[0]))
    kinds = {name: one["departments"]["errors"] for name, one in evaluation["labellers"].items() if one["departments"] is not None}
    if kinds:
        drawings["spans"] = plots.span_errors(kinds)
    departments = evaluation["labellers"][runs[0].name]["departments"] or {}
    for key, title in (("by_name_length", "by length of the name"), ("by_level", "by level of the organ"), ("by_organ_kind", "by kind of organ")):
        if departments.get(key):
            drawings[key] = plots.name_fates(departments[key], title)
    return drawings


def _curves(about: Mapping[str, Any]) -> dict[str, str]:
    pretraining, training = about.get("pretraining", {}).get("curve", []), about.get("training", {}).get("loss", {})
    return {"learning": plots.learning_curves(pretraining, training)} if pretraining or training else {}


def _reliability(records: Sequence[Record], themes: Sequence[Theme], run: Run) -> dict[str, tuple[FloatArray, npt.NDArray[np.bool_]]]:
    gold = gold_themes(records, themes)
    diagrams = {}
    for column, theme in enumerate(themes):
        known = gold[:, column] != UNKNOWN
        scores = np.array([one.scores[column] if one.scores is not None else np.nan for one in run.predictions], np.float64)
        if not np.isnan(scores).any():
            diagrams[theme.id] = (scores[known], gold[known, column] == 1)
    judged = [
        (span.score, (span.start, span.end) in match.right)
        for match, prediction in zip(matched_spans(records, run.predictions), run.predictions, strict=True)
        for span in prediction.spans or ()
        if match is not None and (span.start, span.end) in {*match.right, *match.spurious, *match.boundary}
    ]
    if judged:
        diagrams["departments"] = (np.array([score for score, _ in judged]), np.array([right for _, right in judged], np.bool_))
    return diagrams


def _estimate(one: Mapping[str, float] | None) -> Markup:
    """A share as per cent with its interval; a dash where nothing could be measured."""
    if one is None:
        return Markup("—")
    return Markup('<b>{:.1f}</b> <small class="range">{:.1f}–{:.1f}</small>').format(*(100 * one[key] for key in ("value", "low", "high")))


def _short(text: str, length: int = 400) -> str:
    """A long paragraph's beginning; the cut is shown."""
    return text if len(text) <= length else f"{text[:length]}……（全文 {len(text)} 字）"
