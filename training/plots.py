"""Plots of an evaluation as inline SVG. Their words are ASCII ids: no font on this machine need know Chinese."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.metrics import UNKNOWN, FloatArray, IntArray, ece_counts, precision_recall_curve, precision_recall_f1, theme_counts

_COLOURS = ("#b3261e", "#1f6feb", "#2e7d32", "#8a6d00", "#6a3fa0")
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, so the page is small and its words can be searched
    "svg.hashsalt": "lanmu",  # the same numbers draw the same file
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e3dc",
}


@dataclass(frozen=True, slots=True)
class ThemeAnswers:
    """One labeller's themes: ``scores [N, T]`` and ``given [N, T]``."""

    name: str
    scores: FloatArray
    given: npt.NDArray[np.bool_]


def pr_curves(gold: IntArray, labellers: Sequence[ThemeAnswers], ids: Sequence[str]) -> str:
    """Precision over recall of each theme, a line a labeller; the dot is where its threshold stands."""
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _grid(len(ids), 3.1)
        for column, (axis, name) in enumerate(zip(axes, ids, strict=True)):
            for colour, one in zip(_COLOURS, labellers, strict=False):
                precision, recall = precision_recall_curve(one.scores[:, column], gold[:, column])
                axis.plot(recall, precision, color=colour, linewidth=1.4, label=one.name)
                dot = precision_recall_f1(theme_counts(gold[:, [column]], one.given[:, [column]]).sum(axis=(0, 1)))
                axis.plot(dot[1], dot[0], "o", color=colour, markersize=5)
            axis.set(title=name, xlabel="recall", ylabel="precision", xlim=(0, 1.03), ylim=(0, 1.03))
        axes[0].legend(loc="lower left", frameon=False, fontsize=8)
        return _svg(figure, "precision-recall curves")


def reliability(answers: Mapping[str, tuple[FloatArray, npt.NDArray[np.bool_]]]) -> str:
    """How often answers of a score are right, over the score: on the diagonal the score means what it says.

    Args:
        answers: Title → scores ``[M]`` and whether each was so ``[M]``. The dot's area grows with the number of answers.
    """
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _grid(len(answers), 2.8)
        for axis, (name, (scores, right)) in zip(axes, answers.items(), strict=True):
            count, total, positive = np.moveaxis(ece_counts(scores, right).sum(axis=0), -1, 0)
            used = count > 0
            axis.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
            x, y = total[used] / count[used], positive[used] / count[used]
            axis.plot(x, y, color=_COLOURS[0], linewidth=1.2)
            axis.scatter(x, y, s=12 + 10 * np.log1p(count[used]), color=_COLOURS[0], alpha=0.7)
            axis.set(title=name, xlabel="score", ylabel="share right", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        return _svg(figure, "reliability diagrams")


def theme_confusion(gold: IntArray, given: npt.NDArray[np.bool_]) -> IntArray:
    """Paragraphs that have theme ``row`` and were given theme ``column``: ``[T + 1, T + 1]``, the last for no theme at all.

    The diagonal is what was found. A paragraph with several themes is counted in several cells; one with an unknown label in none.
    """
    known = (gold != UNKNOWN).all(axis=1)
    rows, columns = gold[known] == 1, given[known]
    rows = np.column_stack([rows, ~rows.any(axis=1)]).astype(np.int64)
    columns = np.column_stack([columns, ~columns.any(axis=1)]).astype(np.int64)
    return np.asarray(rows.T @ columns, np.int64)


def confusion(gold: IntArray, given: npt.NDArray[np.bool_], ids: Sequence[str]) -> str:
    """:func:`theme_confusion` as a heat map; colour is the share of the row."""
    table = theme_confusion(gold, given)
    names = [*ids, "(none)"]
    with matplotlib.rc_context({**_SETTINGS, "axes.grid": False}):
        figure = Figure(figsize=(1.1 * len(names) + 1.6, 0.62 * len(names) + 1.4), layout="constrained")
        axis = figure.subplots()
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        # Drawn cell by cell as rectangles: an image would be a bitmap inside the SVG.
        axis.pcolormesh(shares, cmap="Reds", vmin=0, vmax=1, edgecolors="white", linewidth=1)
        for row, column in np.ndindex(table.shape):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axis.text(column + 0.5, row + 0.5, str(table[row, column]), ha="center", va="center", color=colour)
        places = np.arange(len(names)) + 0.5
        axis.set(xticks=places, yticks=places, xlabel="given", ylabel="gold")
        axis.set_xticklabels(names, rotation=20, ha="right")
        axis.set_yticklabels(names)
        axis.invert_yaxis()
        return _svg(figure, "themes: gold against given")


def span_errors(kinds: Mapping[str, Mapping[str, int]]) -> str:
    """Wrong spans of each labeller by kind, as bars; labeller → kind → how many."""
    with matplotlib.rc_context(_SETTINGS):
        names = list(next(iter(kinds.values())))
        figure = Figure(figsize=(6.2, 0.5 * len(names) * len(kinds) ** 0.5 + 1.2), layout="constrained")
        axis = figure.subplots()
        height = 0.8 / len(kinds)
        for i, (labeller, counts) in enumerate(kinds.items()):
            places = np.arange(len(names)) + i * height
            bars = axis.barh(places, [counts[name] for name in names], height=height, color=_COLOURS[i % len(_COLOURS)], label=labeller)
            axis.bar_label(bars, padding=3, fontsize=8)
        axis.set(yticks=np.arange(len(names)) + height * (len(kinds) - 1) / 2, yticklabels=names, xlabel="spans")
        axis.invert_yaxis()
        figure.legend(frameon=False, fontsize=8, ncols=2, loc="outside lower center")
        return _svg(figure, "span mistakes by kind")


def name_fates(groups: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """What became of the gold names of each group, as stacked shares with the number of names beside; group → right, cut, missed, gold."""
    with matplotlib.rc_context(_SETTINGS):
        names = list(groups)
        figure = Figure(figsize=(6.2, 0.34 * len(names) + 1.2), layout="constrained")
        axis = figure.subplots()
        labels = [name.replace("≤", "to ").replace(">", "over ") for name in names]
        left = np.zeros(len(names))
        for fate, colour in (("right", _COLOURS[2]), ("cut", _COLOURS[3]), ("missed", _COLOURS[0])):
            shares = np.array([groups[name][fate] / groups[name]["gold"] for name in names])
            axis.barh(labels, shares, left=left, color=colour, label=fate, height=0.7)
            left += shares
        for place, name in enumerate(names):
            axis.text(1.01, place, str(groups[name]["gold"]), va="center", fontsize=8)
        axis.set(xlabel="share of the names", xlim=(0, 1.08), title=title)
        axis.grid(visible=False)
        axis.invert_yaxis()
        figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside lower center")
        return _svg(figure, title)


def learning_curves(pretraining: Sequence[Mapping[str, Any]], training: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """How the loss fell: of pre-training over millions of tokens with the probe beside, and of each phase of the training over its steps.

    Args:
        pretraining: Points of ``curve.jsonl``; may be empty.
        training: Phase → ``[step, loss]`` pairs; may be empty.
    """
    probed = [one for one in pretraining if "probe_department_f1" in one]
    panels = bool(pretraining) + bool(probed) + len(training)
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _grid(panels, 3.1)
        rest = iter(axes)
        if pretraining:
            axis = next(rest)
            tokens = [one["tokens"] / 1e6 for one in pretraining]
            for colour, key, label in ((_COLOURS[1], "loss", "read"), (_COLOURS[0], "held_out_loss", "held out")):
                axis.plot(tokens, [one[key] for one in pretraining], color=colour, marker=".", linewidth=1.2, label=label)
            axis.set(title="pre-training", xlabel="million tokens", ylabel="loss, nats a hidden token")
            axis.legend(frameon=False, fontsize=8)
        if probed:
            axis = next(rest)
            tokens = [one["tokens"] / 1e6 for one in probed]
            for colour, key, label in ((_COLOURS[1], "probe_department_f1", "departments"), (_COLOURS[2], "probe_theme_macro_f1", "themes")):
                axis.plot(tokens, [one[key] for one in probed], color=colour, marker=".", linewidth=1.2, label=label)
            axis.set(title="probe", xlabel="million tokens", ylabel="F1 after a short fine-tuning")
            axis.legend(frameon=False, fontsize=8)
        for (name, points), axis in zip(training.items(), rest, strict=True):
            axis.plot([step for step, _ in points], [loss for _, loss in points], color=_COLOURS[0], linewidth=1.2)
            axis.set(title=f"training: {name}", xlabel="step", ylabel="loss")
        return _svg(figure, "learning curves")


def _grid(count: int, size: float) -> tuple[Figure, list[Axes]]:
    columns = min(count, 3 if count % 3 == 0 or count > 4 else 2)
    rows = -(-count // columns)
    figure = Figure(figsize=(size * columns, size * rows), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def _svg(figure: Figure, label: str) -> str:
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    drawing = written.getvalue()
    # Inside a page there is no XML prologue, and what cannot see the drawing is told what it is.
    return drawing[drawing.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
