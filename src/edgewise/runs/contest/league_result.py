"""What came of methods on several models and tasks, as values and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from edgewise.engine.run.passes import Passes
from edgewise.errors import FormatError
from edgewise.evaluation.agreement import Agreement
from edgewise.evaluation.ranking import MEASURES, PURPOSES, Standing, cost, worth_their_cost
from edgewise.models.built import BUILT, kind_of


@dataclass(frozen=True)
class Entry:
    """One method on one model and task.

    Args:
        name: the method, as it was asked for.
        run: its run folder, under that of the league.
        reference: whether it is what the others are held against.
        refused: why the method cannot be used here; None where it can.
        passes: what it cost; None where nobody has said.
        seconds: that it took to score, on the machine as it was.
        agreement: of its scores with the exact effects, over all edges.
        cpr: area under the faithfulness of its best edges, on held-out prompts; None where it is undefined.
        cmd: area between that and 1, likewise.
        auroc: against the circuit that is known; None where none is.
    """

    name: str
    run: str
    reference: bool
    refused: str | None = None
    passes: Passes | None = None
    seconds: float | None = None
    agreement: Agreement | None = None
    cpr: float | None = None
    cmd: float | None = None
    auroc: float | None = None

    @property
    def cost(self) -> float | None:
        """Passes by EAP's."""
        return cost(self.passes)

    def number(self, measure: str) -> float | None:
        """One of `MEASURES`; None where it is undefined."""
        if measure in ("cmd", "auroc"):
            found: float | None = getattr(self, measure)
            return found
        if self.agreement is None:
            return None
        names = {"top": "recall", "sign": "sign_agreement", "sign_of_top": "sign_agreement_of_top"}
        value: float | None = getattr(self.agreement, names.get(measure, measure)).value
        return value

    def derived(self) -> dict[str, Any]:
        """What it costs."""
        return {"cost": self.cost}


@dataclass(frozen=True)
class Cell:
    """One model on one task.

    Args:
        model: its name.
        task: of the prompts.
        seed: of their draw.
        metric: what was measured.
        n: number of prompts that the methods saw.
        edges: how many the model has.
        truth: the circuit that is known, in words; None where none is.
        truth_edges: how many edges it has; None where none is known.
        entries: the methods, in the order asked, the reference last.
    """

    model: str
    task: str
    seed: int
    metric: str
    n: int
    edges: int
    truth: str | None
    truth_edges: int | None
    entries: tuple[Entry, ...]

    @property
    def built(self) -> str | None:
        """The kind of a model that was built by hand; None for one that was trained."""
        return kind_of(self.model)

    def entry(self, name: str) -> Entry:
        """That of a method."""
        return next(entry for entry in self.entries if entry.name == name)


@dataclass(frozen=True)
class League:
    """All of it.

    Args:
        top: of how many edges the overlap of the largest is.
        finished: when the last of its runs ended, UTC.
        cells: models and tasks, draw after draw, in the order asked.
    """

    format: ClassVar[str] = "edgewise-league"

    top: int
    finished: str
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        """Check that there is a table: the same methods everywhere, one of them the reference."""
        rows = {tuple((entry.name, entry.reference) for entry in cell.entries) for cell in self.cells}
        names = [name for name, _ in next(iter(rows), ())]
        if len(rows) != 1 or len(set(names)) < len(names) or [one for _, one in min(rows)].count(True) != 1:
            raise FormatError("field 'cells': not the same methods in each, one of them the reference")

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, without the reference."""
        return tuple(entry.name for entry in self.cells[0].entries if not entry.reference)

    @property
    def reference(self) -> str:
        """Name of what the methods are held against."""
        return next(entry.name for entry in self.cells[0].entries if entry.reference)

    @property
    def trained(self) -> tuple[Cell, ...]:
        """Those of models that were trained."""
        return tuple(cell for cell in self.cells if not cell.built)

    @property
    def built(self) -> dict[str, tuple[Cell, ...]]:
        """Those of models that were built by hand, kind by kind."""
        every = {kind: tuple(cell for cell in self.cells if cell.built == kind) for kind in BUILT}
        return {kind: cells for kind, cells in every.items() if cells}

    @property
    def judged(self) -> tuple[Cell, ...]:
        """Those that the advice goes by: of trained models, or where there is none, all."""
        return self.trained or self.cells

    def standings(self, cells: Sequence[Cell]) -> tuple[Standing, ...]:
        """Every method over some cells, in the order asked, the reference last."""
        found = []
        for name in (*self.methods, self.reference):
            entries = [cell.entry(name) for cell in cells]
            cost = max((entry.cost for entry in entries if entry.cost is not None), default=None)
            values = {measure: tuple(entry.number(measure) for entry in entries) for measure in MEASURES}
            found.append(Standing(name, cost, values))
        return tuple(found)

    def advice(self, purpose: str) -> tuple[Standing, ...]:
        """The methods that are worth their cost, the cheapest first; see `edgewise.evaluation.ranking`."""
        return worth_their_cost(self.standings(self.judged)[:-1], PURPOSES[purpose])

    def derived(self) -> dict[str, Any]:
        """The advice, and means and worst values over all cells of a kind."""
        groups = {"trained": self.trained, **self.built}
        return {
            "measures": {name: words for name, (words, _) in MEASURES.items()},
            "advice": {purpose: [one.name for one in self.advice(purpose)] for purpose in PURPOSES},
            "standings": {name: [one.summary() for one in self.standings(of)] for name, of in groups.items() if of},
        }
