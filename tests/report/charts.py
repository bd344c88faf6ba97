"""One chart of every kind, and what can be read back from a figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from edgewise.evaluation.ranking import MEASURES, Standing
from edgewise.evaluation.roc import curve, front
from edgewise.report.charts.chart import Chart, figure, stacked
from edgewise.report.charts.comparison import Line, comparison_chart
from edgewise.report.charts.heat import Grid, heat_chart
from edgewise.report.charts.league import Panel, league_chart
from edgewise.report.charts.roc import Drawn, panels_chart, roc_chart
from edgewise.report.charts.roc import Panel as Task
from edgewise.report.charts.scatter import Dot, scatter_chart
from edgewise.report.charts.scores import scores_chart
from edgewise.report.charts.sizes import Curve, sizes_chart
from edgewise.report.charts.strips import Group, strips_chart
from edgewise.report.charts.tangents import Bent, tangents_chart
from edgewise.report.charts.tips import TIP
from edgewise.report.picture.circuit import Heading
from report.conftest import make_checked_run, make_run

HEADING = Heading("A title of a chart", ("a line below it",), "logit-diff")
TRUTH = np.array([True, True, False, False, False])
SCORES = Drawn("EAP", curve([5.0, 3.0, 4.0, 2.0, 1.0], TRUTH), 0)
CIRCUITS = Drawn("ACDC", front([TRUTH, np.array([True, False, True, False, False])], TRUTH, ["tau 1", "tau 2"]), 2)


def _scores() -> Chart:
    run = make_run("gpt2", top=300)
    return scores_chart(run.scores, run.circuit, HEADING)


def _checked() -> Chart:
    run = make_checked_run()
    return scores_chart(run.scores, run.circuit, HEADING)


def _scatter() -> Chart:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(60, 2)) * np.exp(2 * draw.normal(size=(60, 1)))
    dots = [Dot(x, y, row % 2 == 0, f"e{row}", row % 9 == 0) for row, (x, y) in enumerate(values.tolist())]
    return scatter_chart(dots, (0.531, -0.00251), HEADING, "edge")


def _roc() -> Chart:
    names = [f"a method with a long name {at}: AUC 0.999, pessimistic 0.999" for at in range(8)]
    return roc_chart(
        [Drawn(name, (SCORES, CIRCUITS)[at % 2].roc, at) for at, name in enumerate(names)], HEADING, "edge"
    )


def _panels() -> Chart:
    return panels_chart([Task(f"task {at}", (SCORES, CIRCUITS)) for at in range(4)], HEADING, "edge")


def standing(name: str, cost: float, **values: tuple[float, ...]) -> Standing:
    """A method of which some measures are known."""
    return Standing(name, cost, {measure: values.get(measure, ()) for measure in MEASURES})


def league(n: int = 20) -> Chart:
    methods = [standing(f"method-{at}", 0.5 * 1.2**at, pearson=(0.2, 0.5 + 0.01 * at)) for at in range(n)]
    panels = [Panel("Pearson: mean", label, "pearson", methods, 0.8) for label in ("r", "AUROC")]
    return league_chart(panels, ["method-1"], HEADING)


def comparison(n: int = 12) -> Chart:
    lines = [Line(f"{i}  run", ((0.1, 0.05 * i), (1.0, 1.0)), (0.2, 0.3)) for i in range(n)]
    rows = tuple(tuple(1.0 if i == j else -0.123 for j in range(n)) for i in range(n))
    return comparison_chart(lines, {"Overlap": rows, "Ranks": rows}, HEADING)


def _heat() -> Chart:
    grid = Grid(tuple("12345"), ("low", "high"), ((0.1, 0.2, 0.3, 0.4, 0.5), (0.6, 0.9, 0.8, 0.7, 0.5)), "across", "up")
    return heat_chart(grid, HEADING)


def _strips() -> Chart:
    groups = [Group(name, [1e-3, -2e-3, 3e-3, 10.0], list("abcd")) for name in ("layer 0, heads", "backup name mover")]
    return strips_chart(groups, HEADING, "score, logit-diff")


def _tangents() -> Chart:
    shares = np.linspace(0, 1, 11).tolist()
    bent = [Bent(f"a10.h{i}->a11.h11<q>", shares, [-i * share**2 for share in shares], float(i)) for i in range(7)]
    return tangents_chart(bent, HEADING, "share λ of the change", "change of logit-diff")


def sizes() -> Chart:
    curves = [Curve(f"method {i}", ((10, 10.0 / (i + 1)), (100, 1.0 / (i + 1)), (1000, 0.0))) for i in range(4)]
    return sizes_chart(curves, HEADING)


CHARTS = {
    "sizes": sizes,
    "scores": _scores,
    "scores some of them exact": _checked,
    "scatter": _scatter,
    "roc": _roc,
    "panels": _panels,
    "league": league,
    "comparison": comparison,
    "heat": _heat,
    "strips": _strips,
    "tangents": _tangents,
    "stacked": lambda: stacked([_heat(), _strips()], "both"),
}


def panels(chart: Chart) -> list[Axes]:
    """The axes of a chart, as it is drawn."""
    return list(laid_out(chart).axes)


def laid_out(chart: Chart) -> Figure:
    made = figure(chart)
    FigureCanvasAgg(made).draw()
    return made


def said(chart: Chart) -> list[str]:
    """Every text of a chart that is shown."""
    return [text.get_text() for text in texts(laid_out(chart))]


def texts(made: Figure) -> list[Text]:
    """Every text that is drawn: ticks beyond the end of their axis are there, and are not."""
    beyond = {
        id(tick.label1)
        for axes in made.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    every = [text for text in made.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text()]
    return [text for text in every if id(text) not in beyond]


def dots(axes: Axes) -> Iterator[tuple[str, float, float]]:
    """What a pointer is told of each mark, and where it stands, in units of the axes."""
    for drawn in axes.collections:
        if isinstance(drawn, PathCollection) and drawn.get_urls() != [None]:
            for name, (x, y) in zip(drawn.get_urls(), np.asarray(drawn.get_offsets()).tolist(), strict=True):
                yield str(name).removeprefix(TIP), x, y
