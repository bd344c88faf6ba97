"""ROC curves, and precision against recall, of several methods.

Scores are lines through every threshold. Circuits are marks, one each, with ACDC's pessimistic step function through
the best of them. Lines differ by colour, by dash and by mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.evaluation.roc import Front, RocCurve
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import POINT, SMALL, Colours, dashes
from edgewise.report.charts.tips import marks
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_WIDTH, _TALL, _ROW, _PANEL, _MOST = 960.0, 468.0, 19.0, 340.0, 3
_CHANCE: dict[str, Any] = {"lw": 0.9, "ls": (0, (1.5, 2.25)), "zorder": 1}
_ENDS = (-0.02, 1.02)


@dataclass(frozen=True)
class Drawn:
    """One method.

    Args:
        label: its name, with what should stand beside it in the key.
        roc: a curve of scores, or points of circuits.
        place: its number in the list of all methods, which decides how it is drawn.
        joined: whether circuits are joined by ACDC's step function, not marks alone.
    """

    label: str
    roc: RocCurve | Front
    place: int
    joined: bool = True


@dataclass(frozen=True)
class Panel:
    """One of several tasks.

    Args:
        title: what stands above it.
        drawn: its methods; all panels have the same.
    """

    title: str
    drawn: Sequence[Drawn]


def roc_chart(drawn: Sequence[Drawn], heading: Heading, what: str) -> Chart:
    """Return the chart of one task: ROC, and precision against recall.

    Args:
        drawn: the methods, the first on top.
        heading: what stands above.
        what: ``"edge"`` or ``"node"``.
    """
    return chart(heading, (_WIDTH, _TALL + _ROW * _rows(drawn)), partial(_fill, drawn, what))


def _fill(drawn: Sequence[Drawn], what: str, figure: SubFigure, colours: Colours) -> None:
    roc, precision = figure.subplots(1, 2, subplot_kw={"box_aspect": 1})
    _roc(roc, drawn, colours)
    roc.set(
        title="ROC",
        xlabel=f"false positive rate (share of the other {what}s kept)",
        ylabel=f"true positive rate (share of true {what}s kept)",
    )
    _precision(precision, drawn, colours)
    precision.set(
        title="Precision against recall",
        xlabel=f"recall (share of true {what}s kept)",
        ylabel=f"precision (share of kept {what}s that are true)",
    )
    _key(figure, roc, drawn, colours)


def panels_chart(panels: Sequence[Panel], heading: Heading, what: str) -> Chart:
    """Return the chart of several tasks: ROC of each, in rows of three, the areas inside, one key for all.

    Args:
        panels: one at least.
        heading: what stands above.
        what: ``"edge"`` or ``"node"``.
    """
    across = min(len(panels), _MOST)
    size = max(_PANEL * across, 640.0), 342 * -(-len(panels) // _MOST) + 10 + _ROW * _rows(panels[0].drawn)
    return chart(heading, size, partial(_fill_panels, panels, what))


def _fill_panels(panels: Sequence[Panel], what: str, figure: SubFigure, colours: Colours) -> None:
    across = min(len(panels), _MOST)
    grid = figure.subplots(-(-len(panels) // _MOST), across, squeeze=False, subplot_kw={"box_aspect": 1}).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _roc(axes, panel.drawn, colours)
        axes.set(
            title=panel.title,
            xlabel=f"share of the other {what}s kept (FPR)",
            ylabel=f"share of true {what}s kept (TPR)",
        )
        words = "\n".join(["AUC", *(f"{one.label}: {one.roc.auc:.2f}" for one in panel.drawn)])
        look = {"boxstyle": "square,pad=0.3", "facecolor": colours["paper"], "edgecolor": "none", "alpha": 0.9}
        axes.text(0.97, 0.04, words, ha="right", va="bottom", transform=axes.transAxes, size=SMALL * POINT, bbox=look)
    for axes in grid[len(panels) :]:
        axes.remove()
    _key(figure, grid[0], panels[0].drawn, colours)


def _roc(axes: Axes, drawn: Sequence[Drawn], colours: Colours) -> None:
    """TPR against FPR, the first method on top."""
    axes.plot([0, 1], [0, 1], color=colours["quiet"], **_CHANCE)
    for one in reversed(drawn):
        role, dash, _ = line_style(one.place)
        if isinstance(one.roc, RocCurve):
            corners = one.roc.corners()
            axes.plot(corners.fpr, corners.tpr, color=colours[role], lw=1.5, ls=dashes(dash))
            continue
        if one.joined:
            fpr, tpr = one.roc.steps
            steps = {"drawstyle": "steps-post", "color": colours[role], "lw": 1.05, "ls": dashes(dash)}
            axes.plot([0, *fpr, 1], [0, *tpr, tpr[-1]], **steps)
        _marks(axes, one.roc.fpr, one.roc.tpr, one.roc.settings, one, colours)
    axes.set(xlim=_ENDS, ylim=_ENDS)


def _precision(axes: Axes, drawn: Sequence[Drawn], colours: Colours) -> None:
    for one in reversed(drawn):
        role, dash, _ = line_style(one.place)
        known = np.isfinite(one.roc.precision)
        recall, precision = one.roc.recall[known], one.roc.precision[known]
        if isinstance(one.roc, RocCurve):
            axes.plot(recall, precision, color=colours[role], lw=1.5, ls=dashes(dash))
        else:
            names = [name for name, is_known in zip(one.roc.settings, known, strict=True) if is_known]
            _marks(axes, recall, precision, names, one, colours)
    if drawn:
        roc = drawn[0].roc
        # The precision of a random choice is the share of true entries among all.
        axes.axhline(roc.positives / (roc.positives + roc.negatives), color=colours["quiet"], **_CHANCE)
    axes.set(xlim=_ENDS, ylim=_ENDS)


def _marks(axes: Axes, x: Any, y: Any, names: Sequence[str], one: Drawn, colours: Colours) -> None:
    role, _, mark = line_style(one.place)
    look = {"marker": mark, "s": 32, "facecolor": colours[role], "edgecolor": colours["paper"], "lw": 0.75}
    marks(axes, x, y, [f"{one.label}: {name}" for name in names], zorder=3, **look)


def _key(figure: SubFigure, axes: Axes, drawn: Sequence[Drawn], colours: Colours) -> None:
    """A row a method and one for what a random choice does, in two columns."""
    lines = []
    for one in drawn:
        role, dash, mark = line_style(one.place)
        look: dict[str, Any] = {"color": colours[role], "lw": 1.5, "ls": dashes(dash)}
        if isinstance(one.roc, Front):
            look |= {"marker": mark, "ms": 5.5, "mec": colours["paper"], "lw": 1.05 if one.joined else 0}
        lines += axes.plot([], [], **look)
    lines += axes.plot([], [], color=colours["quiet"], **_CHANCE)
    key(figure, lines, [*(one.label for one in drawn), "a choice at random"], columns=2, below=True)


def _rows(drawn: Sequence[Drawn]) -> int:
    return (len(drawn) + 2) // 2
