"""How much exact effects may cost beside the estimates that they stand by."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.engine.run.passes import Passes
from edgewise.errors import SettingError
from edgewise.search.exact.choice import CERTAIN_SHARE, Choice, Doubt
from edgewise.settings.scoring import WITH_EXACT
from edgewise.settings.texts import AUTO

EAP = 5.5
"""What EAP takes, in forward passes: two, a backward pass, and the products of all edges; measured on real models."""
BESIDE, BESIDE_SMALL, SMALL = 1.0, 3.0, 2_000
"""What second estimates and exact effects take together where nobody says, in times of the first estimates; and in a
graph of at most so many edges, where estimates are worse and time is short anyway."""
BACKWARD, OPENING = 2.0, 2.5
"""What a backward pass takes, and the runs that patched ones begin from."""
DRAWN_SHARE, LEAST_TO_DRAW = 1 / 3, 24
"""Of a given number of edges, the part that is drawn; of fewer none is."""
GROWTH, MOST = 1.6, 50.0
"""How much more is measured from round to round, and where that ends without a budget, in times of EAP."""


@dataclass(frozen=True)
class Spending:
    """How many edges are measured exactly.

    Args:
        number: so many; None for as many as cost about what the estimates cost.
        budget: what everything may cost together, in times of EAP.
        until: measure on until R squared is at least this, by its limit, or until the budget ends.
    """

    number: int | None = None
    budget: float | None = None
    until: float | None = None

    @classmethod
    def asked(cls, method: str, exact: int | None, budget: float | None, until: float | None) -> Spending | None:
        """What the settings of a run ask for; None where nothing is measured.

        Args:
            method: by name; one that ends in ``+exact`` measures where nothing else is said.
            exact: the setting of that name, `AUTO` included; likewise the others.
            budget: see `Spending`.
            until: see `Spending`.
        """
        measures = method.endswith(WITH_EXACT) if exact is None else bool(exact)
        if not measures and budget is None and until is None:
            return None
        return cls(None if exact in (None, 0, AUTO) else exact, budget, until)

    def rounds(self, first: float, second: float, n_edges: int) -> tuple[Round, ...]:
        """What may be spent, round after round; one round unless there is a goal.

        Args:
            first: what the estimates take, in forward passes.
            second: likewise the second ones, of some prompts.
            n_edges: those of the graph.

        Raises:
            SettingError: a budget that the estimates use up.
        """
        if self.number is not None:
            drawn = int(self.number * DRAWN_SHARE) if self.number >= LEAST_TO_DRAW else 0
            return (Round(self.number - drawn, drawn, by_number=True),)
        spent = first + second + OPENING
        if self.budget is not None and self.budget * EAP <= spent:
            raise SettingError(
                f"--budget {self.budget:g}x leaves nothing for exact effects: estimates and the runs that patches begin"
                f" from take about {spent / EAP:.1f}x EAP's time; give more, or --exact 0"
            )
        beside = (BESIDE_SMALL if n_edges <= SMALL else BESIDE) * first - second
        most = beside if self.budget is None else self.budget * EAP - spent
        if self.until is None:
            return (Round.of(most),)
        most = MOST * EAP if self.budget is None else most
        spends = [min(beside, most)]
        while spends[-1] < most:
            spends.append(min(spends[-1] * GROWTH, most))
        return tuple(Round.of(spend) for spend in spends)


@dataclass(frozen=True)
class Round:
    """What may be spent on those of most doubt, and on those that are drawn."""

    certain: float
    drawn: float
    by_number: bool = False

    @classmethod
    def of(cls, spend: float) -> Round:
        """So many forward passes in all."""
        return cls(CERTAIN_SHARE * spend, (1 - CERTAIN_SHARE) * spend)

    def choose(self, doubt: Doubt) -> Choice:
        """What is measured after this round."""
        return doubt.choose(self.certain, self.drawn, by_number=self.by_number)


def forward_passes(passes: Passes | None, share: float = 1.0) -> float:
    """What a method of attribution takes, in forward passes, on a share of the prompts; EAP's where nobody says."""
    if passes is None:
        return EAP * share
    products = EAP - 2.0 - BACKWARD
    return (passes.forward + BACKWARD * passes.backward + products) * share
