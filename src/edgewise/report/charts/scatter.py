"""Exact effects against scores: with signs on even axes, and sizes on axes of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import Colours
from edgewise.report.charts.ticks import powers_of_ten
from edgewise.report.charts.tips import marks
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_SIZE = (960.0, 500.0)
_DECADES = 8
_MOST = 3000
_EQUAL: dict[str, Any] = {"lw": 0.9, "ls": (0, (3, 2.25)), "zorder": 1}


@dataclass(frozen=True)
class Dot:
    """One edge or node.

    Args:
        score: as estimated, in units of the metric.
        exact: as measured.
        drawn: whether it was drawn at random; else it was chosen for its score.
        name: for whoever points at it.
        verified: whether its score is its exact effect, which was measured before.
    """

    score: float
    exact: float
    drawn: bool
    name: str
    verified: bool = False


def scatter_chart(dots: Sequence[Dot], fit: tuple[float, float] | None, heading: Heading, what: str) -> Chart:
    """Return the chart.

    Args:
        dots: what was measured.
        fit: slope and intercept of the regression of exact on score; None where there is none.
        heading: what stands above; its metric is the unit.
        what: ``"edge"`` or ``"node"``.
    """
    shown = _fewer(dots)
    said = Heading(heading.title, (*heading.lines, *_notes(dots, shown, what)), heading.metric)
    unit = f", {heading.metric}" if heading.metric else ""
    return chart(said, _SIZE, partial(_fill, shown, fit, unit, what))


def _fill(
    dots: Sequence[Dot], fit: tuple[float, float] | None, unit: str, what: str, figure: SubFigure, colours: Colours
) -> None:
    signed, sizes = figure.subplots(1, 2, subplot_kw={"box_aspect": 1})
    kinds = _kinds(dots, what)
    _signed(dots, kinds, fit, signed, colours)
    signed.set(title="Exact effect against score", xlabel=f"score{unit}", ylabel=f"exact effect{unit}")
    sizes.set(title="Their sizes", xlabel=f"|score|{unit}", ylabel=f"|exact effect|{unit}")
    some = [replace(dot, score=abs(dot.score), exact=abs(dot.exact)) for dot in dots if dot.score and dot.exact]
    if some:
        _sizes(some, kinds, sizes, colours)
    else:
        sizes.remove()
    handles, labels = signed.get_legend_handles_labels()
    key(figure, handles, labels, columns=4 if len(labels) < 5 else 3)


def _signed(
    dots: Sequence[Dot], kinds: dict[str, str], fit: tuple[float, float] | None, axes: Axes, colours: Colours
) -> None:
    values = [value for dot in dots for value in (dot.score, dot.exact)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    room = 0.06 * (high - low) or max(abs(high), 1.0)
    ends = (low - room, high + room)
    _draw(dots, kinds, axes, colours)
    axes.plot(ends, ends, color=colours["quiet"], label="exact = score", **_EQUAL)
    if fit is not None:
        slope, intercept = f"{fit[0]:.3g}".replace("-", "−"), f"{abs(fit[1]):.3g}"
        words = f"regression: exact = {slope} score {'−' if fit[1] < 0 else '+'} {intercept}"
        axes.plot(ends, [fit[0] * end + fit[1] for end in ends], color=colours["ink"], lw=1.2, label=words)
    axes.set(xlim=ends, ylim=ends)


def _sizes(dots: Sequence[Dot], kinds: dict[str, str], axes: Axes, colours: Colours) -> None:
    high = 10 ** (math.log10(max(max(dot.score, dot.exact) for dot in dots)) + 0.15)
    low = 10 ** (math.log10(min(min(dot.score, dot.exact) for dot in dots)) - 0.15)
    low = max(low, high / 10**_DECADES)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    # What is too small for the axes stands at their beginning.
    _draw([replace(dot, score=max(dot.score, low), exact=max(dot.exact, low)) for dot in dots], kinds, axes, colours)
    axes.plot((low, high), (low, high), color=colours["quiet"], **_EQUAL)
    for axis in (axes.xaxis, axes.yaxis):
        powers_of_ten(axis, low, high)


def _kind(dot: Dot) -> str:
    return "verified" if dot.verified else "drawn" if dot.drawn else "sure"


def _kinds(dots: Sequence[Dot], what: str) -> dict[str, str]:
    """The kinds there are, those that lie below first, and what the key says of each."""
    found = {_kind(dot) for dot in dots}
    every = f"the estimated {what}s" if "verified" in found else f"all {what}s"
    words = {
        "drawn": "others, drawn at random",
        "sure": f"{what}s of largest |score|" if "drawn" in found else every,
        "verified": "score is exact",
    }
    return {kind: said for kind, said in words.items() if kind in found}


def _draw(dots: Sequence[Dot], kinds: dict[str, str], axes: Axes, colours: Colours) -> None:
    """Told apart by form as well as colour; those drawn lie below the others, which are the larger and the fewer."""
    looks: dict[str, dict[str, Any]] = {
        "drawn": {"marker": "D", "s": 14, "facecolor": "none", "edgecolor": colours["harms"], "lw": 0.8, "alpha": 0.9},
        "sure": {"marker": "o", "s": 15, "facecolor": colours["kept"], "lw": 0, "alpha": 0.8},
        "verified": {"marker": "s", "s": 16, "facecolor": "none", "edgecolor": colours["ink"], "lw": 0.8, "alpha": 0.8},
    }
    for kind, words in kinds.items():
        of = [dot for dot in dots if _kind(dot) == kind]
        x, y, names = [dot.score for dot in of], [dot.exact for dot in of], [dot.name for dot in of]
        marks(axes, x, y, names, label=words, zorder=2, **looks[kind])


def _fewer(dots: Sequence[Dot]) -> Sequence[Dot]:
    """All of them where they are few; else the largest half, and of the others as many at even steps."""
    if len(dots) <= _MOST:
        return dots
    ordered = sorted(dots, key=lambda dot: -max(abs(dot.score), abs(dot.exact)))
    half = _MOST // 2
    step = math.ceil((len(dots) - half) / half)
    return [*ordered[:half], *ordered[half::step]]


def _notes(dots: Sequence[Dot], shown: Sequence[Dot], what: str) -> tuple[str, ...]:
    notes = []
    if len(shown) < len(dots):
        notes.append(f"drawn: {len(shown):,} of {len(dots):,} {what}s, the largest and some of the others")
    zero = sum(not (dot.score and dot.exact) for dot in dots)
    if zero:
        some = f"1 {what} is" if zero == 1 else f"{zero:,} {what}s are"
        notes.append(f"{some} not on the right, with a score or an effect of exactly 0")
    return ("; ".join(notes),) if notes else ()
