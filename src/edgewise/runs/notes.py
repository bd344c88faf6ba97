"""What is wrong with a circuit, and what to try: one line each.

1. No path of its edges leads from `input` to `logits`, so nothing of the prompt can reach the answer through it.
2. Where there is one, it keeps less than `HALF` of the behaviour.
3. Faithfulness falls where edges are added, by more than chance: by `CLEARLY` standard errors and by `STEP`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edgewise.errors import UnknownNameError
from edgewise.evaluation.result import Evaluation, Point
from edgewise.evaluation.sizes import Ladder
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.scores import Ranking
from edgewise.graph.selection import has_path
from edgewise.runs.methods import get_method
from edgewise.runs.methods.advice import FOR_EFFECTS, OTHERWISE
from edgewise.settings.scoring import MORE_EXACT

HALF, STEP, CLEARLY = 0.5, 0.05, 2.0
# Of prompts answered right, from this share on, the model can do them.
DOES = 0.8
# So many times the edges, where nothing says how many it takes.
MORE = 4


def notes(
    circuit: Circuit,
    scores: EdgeScores | NodeScores | None,
    by: Ranking,
    method: str | None,
    evaluation: Evaluation | None = None,
) -> tuple[str, ...]:
    """Say what is wrong with a circuit.

    Args:
        circuit: the edges kept.
        scores: by which they were chosen; None where there are none.
        by: what they are ranked by.
        method: that found them; None for a circuit of somebody else.
        evaluation: what was measured of it; None where nothing was.
    """
    makes_circuit, estimates = _kind(method)
    ladder = None if scores is None or makes_circuit else Ladder(replace(scores, allow_unscored=True), by)
    found = _Found(circuit, ladder, method, makes_circuit, estimates, evaluation)
    return tuple(line for line in (found.no_path(), found.weak(), found.falls()) if line is not None)


def _kind(method: str | None) -> tuple[bool, bool]:
    """Whether it finds a circuit itself, and whether its scores are estimates; a method's package may be gone."""
    try:
        known = None if method is None else get_method(method)
    except UnknownNameError:
        return False, False
    return (False, False) if known is None else (known.makes_circuit, known.no_estimates is None)


@dataclass(frozen=True, eq=False)
class _Found:
    """A circuit, how it was found, and what was measured of it."""

    circuit: Circuit
    ladder: Ladder | None
    method: str | None
    makes_circuit: bool
    estimates: bool
    evaluation: Evaluation | None

    def no_path(self) -> str | None:
        if has_path(self.circuit):
            return None
        fact = "no path of the circuit's edges leads from input to logits, so nothing of a prompt reaches the answer"
        if self.ladder is None:
            return f"{fact}; try {self._ways('more edges')}"
        first, what = self.ladder.first_path, self.ladder.what
        if first is None:
            return f"{fact}, nor of all {what} with a score; try scores of more {what}"
        if self._enough() is not None:
            return f"{fact}; try {self._more()}"
        return f"{fact}; try more {what}: the best {first:,} hold the first path{self._flag(f'--top {first}')}"

    def weak(self) -> str | None:
        if self.evaluation is None or self.evaluation.faithfulness is None or self.evaluation.faithfulness >= HALF:
            return None
        if not has_path(self.circuit):
            return None  # which says why
        kept, spread = self.evaluation.faithfulness, self.evaluation.faithfulness_stderr
        about = f"{kept:.2f}".replace("-0.00", "0.00") + ("" if spread is None else f", stderr {spread:.2f}")
        ways = f"{self._ways(self._more())}{self._easier(self.evaluation.full.accuracy)}"
        return f"the circuit keeps less than half of the behaviour (faithfulness {about}); try {ways}"

    def falls(self) -> str | None:
        """The deepest fall of the curve, where there is one and it does not end above 1."""
        curve = None if self.evaluation is None else self.evaluation.curve
        if curve is None:
            return None
        points = [point for point in curve.points if point.faithfulness is not None]
        pairs = [(first, then) for at, first in enumerate(points) for then in points[at + 1 :] if _falls(first, then)]
        if not pairs:
            return None
        high, low = max(pairs, key=lambda pair: _depth(*pair))
        return (
            f"faithfulness falls where {curve.what} are added, from {high.faithfulness:.2f} with {high.size:,} to"
            f" {low.faithfulness:.2f} with {low.size:,}, so some that rank high work against the others; try"
            f" {self._ways(f'the best {high.size:,}' + self._flag(f'--top {high.size}'))}"
        )

    def _enough(self) -> Point | None:
        """The first point of the curve that keeps half."""
        curve = None if self.evaluation is None else self.evaluation.curve
        points = () if curve is None else curve.points
        return next((one for one in points if one.faithfulness is not None and one.faithfulness >= HALF), None)

    def _more(self) -> str:
        """More edges: so many as keep half by the curve, or else some times as many."""
        if self.ladder is None:
            return "more edges"
        what, enough = self.ladder.what, self._enough()
        if enough is not None:
            keep = f"the best {enough.size:,} keep {enough.faithfulness:.2f}"
            return f"more {what}: {keep}{self._flag(f'--top {enough.size}')}"
        now = self.circuit.n_edges if what == "edges" else int(self.circuit.node_mask.sum())
        size = min(MORE * max(now, 1), self.ladder.total)
        return f"more {what}{self._flag(f'--top {size}, say; `edgewise evaluate` shows how many it takes')}"

    def _easier(self, right: float | None) -> str:
        """Other prompts, where it is these that the model does not know."""
        if right is not None and right >= DOES:
            return ""
        does = "" if right is None else f" (it answers {100 * right:.0f} % of these right)"
        return f", or prompts that the model can do{does}"

    def _ways(self, more: str) -> str:
        """More edges, another method, exact effects."""
        if self.method is None:
            return more
        if self.makes_circuit:
            return f"{more} (a lower threshold), another method (--method {FOR_EFFECTS})"
        other = OTHERWISE if self.method == FOR_EFFECTS else FOR_EFFECTS
        exact = f", or more exact effects ({MORE_EXACT})" if self.estimates else ""
        return f"{more}, another method (--method {other}){exact}"

    def _flag(self, words: str) -> str:
        """What to type, where the circuit is that of a run."""
        return "" if self.method is None else f" ({words})"


def _falls(first: Point, then: Point) -> bool:
    chance = math.hypot(first.stderr or 0.0, then.stderr or 0.0)
    return (then.faithfulness or 0.0) < 1 and _depth(first, then) > max(STEP, CLEARLY * chance)


def _depth(first: Point, then: Point) -> float:
    return (first.faithfulness or 0.0) - (then.faithfulness or 0.0)
