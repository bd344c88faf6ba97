"""What a run asks of a method: whether it can do what is wanted, its states, and what is made of the last one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.work import Work
from edgewise.runs.resume import Resumable, Tensors
from edgewise.runs.selection import select
from edgewise.runs.steps import PASSES, SCORING
from edgewise.runs.store.record import ExactSummary
from edgewise.settings import NoSettings, read_settings
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from edgewise.tasks import PromptSet


class ScoringState(Resumable, Protocol):
    """The state of a method that scores edges or nodes."""

    @property
    def batch_size(self) -> int:
        """Prompts a micro-batch."""
        ...

    @property
    def planned_batch_size(self) -> int:
        """The same as it was at the start; more where memory ran out."""
        ...

    @property
    def clean_metric(self) -> npt.NDArray[Any]:
        """The metric of every prompt on the clean run."""
        ...

    @property
    def corrupted_metric(self) -> npt.NDArray[Any]:
        """Likewise on the corrupted run."""
        ...

    def scores(self) -> EdgeScores | NodeScores:
        """The scores at the end."""
        ...


State = TypeVar("State", bound=ScoringState)
Each = TypeVar("Each", bound=ScoringState, covariant=True)


class Together(Resumable, Protocol[Each]):
    """The state of several runs of one method."""

    @property
    def states(self) -> Sequence[Each]:
        """Of each run."""
        ...


class RunMethod(ABC, Generic[State]):
    """One method that `discover` can run.

    Attributes:
        name: what users type.
        summary: one line for listings.
        settings: the frozen dataclass of its own settings.
        is_exact: whether its scores are the exact effects of patching each edge (or node) alone.
        default_metric: the metric it is run with where none is asked for; None for that of the prompts.
        unit: what its progress counts.
        makes_circuit: whether it finds a circuit itself, so that none is selected by its scores.
        shares_work: whether runs that differ in its settings alone take less together than one by one (`together`).
        of_all_prompts: why it has no scores of single prompts, so that none are stored or resampled; None where it has.
        by_place: whether it can keep edges apart by place in the prompt.
        by_reader: whether those into keys and values by the place of the query that reads them too.
        no_estimates: why its scores are no estimates of exact effects, so that none is checked; None where they are.
        by_gradient: whether it takes the metric's slope at the clean run, and has nothing without.
    """

    name: str
    summary: str
    settings: type[Any] = NoSettings
    is_exact: ClassVar[bool] = False
    default_metric: ClassVar[str | None] = None
    unit: ClassVar[str] = PASSES
    makes_circuit: ClassVar[bool] = False
    shares_work: ClassVar[bool] = False
    of_all_prompts: ClassVar[str | None] = None
    by_place: bool = False
    by_reader: bool = False
    no_estimates: str | None = None
    by_gradient: bool = False

    @abstractmethod
    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[State]:
        """The states of a run, from a stored one on where there is one."""

    def check(self, config: RunConfig) -> None:
        """Refuse, before anything slow begins, a config that the method cannot serve.

        Raises:
            SettingError: a setting it does not have, or cannot have with that value.
            RunError: anything else that does not go together.
        """
        self.own(config)
        if config.level == "neuron":
            raise RunError(
                "neurons are found by `edgewise discover --level neuron`, in Python by edgewise.discover_neurons; this"
                " takes edges or nodes"
            )
        if config.neuron_edges:
            raise RunError("--neuron-edges goes with --level neuron; leave it out")
        if self.of_all_prompts and (config.per_prompt or config.bootstrap):
            option = "--per-prompt" if config.per_prompt else "--bootstrap"
            raise RunError(f"method '{self.name}' {self.of_all_prompts}; leave {option} out")
        if config.positions is not None and not self.by_place:
            raise RunError(
                f"method '{self.name}' does not keep edges apart by place; leave --positions out, or take eap+exact,"
                " another method of attribution that sums over positions, activation-patching, acdc or fading"
            )
        if config.readers and config.positions is None:
            raise RunError("--readers keeps edges at places apart; give --positions spans or all too")
        if config.readers and not self.by_reader:
            raise RunError(
                f"method '{self.name}' does not keep edges apart by reader; leave --readers out, or take eap, eap+exact"
                " or activation-patching"
            )
        options = {"--exact": config.exact, "--budget": config.budget, "--until": config.until}
        asked = next((name for name, value in options.items() if value), None)
        if self.no_estimates and asked:
            raise RunError(f"method '{self.name}' {self.no_estimates}; leave {asked} out")
        if config.exact == 0 and (config.budget or config.until):
            raise RunError(f"--exact 0 measures nothing, so there is nothing for {asked}; leave one of them out")
        if config.exact is not None and config.exact > 0 and (config.budget or config.until):
            raise RunError(
                f"--exact {config.exact} says how many are measured, and so would --budget and --until; give one"
            )
        if self.makes_circuit:
            if config.level != "edge":
                raise RunError(f"method '{self.name}' finds a circuit of edges; leave --level out")
            if config.selection != Selection():
                raise RunError(
                    f"method '{self.name}' finds its own circuit; leave --top, --threshold, --fraction and the like out"
                )

        if self.of_all_prompts and config.selection.stable:
            raise RunError(f"method '{self.name}' {self.of_all_prompts}, so no sign is certain; leave --stable out")

    def scored(self, config: RunConfig, graph: Graph) -> BoolArray:
        """Which edges, ``[n_sources, n_destinations]``, or nodes, ``[n_sources]``, it will score; all by default.

        Raises:
            SelectionError: a part is named that the graph does not have.
        """
        return graph.mask if config.level == "edge" else np.ones(graph.n_sources, dtype=np.bool_)

    def own(self, config: RunConfig) -> Any:
        """The method's settings in a config. Raises SettingError."""
        return read_settings(self.settings, config.settings, self.name)

    def circuit(self, config: RunConfig, state: State, scores: EdgeScores | NodeScores) -> Circuit:
        """The circuit of a finished run."""
        return select(scores, config.selection)

    def rule(self, config: RunConfig) -> str:
        """Which edges (or nodes) make the circuit, in words."""
        return config.selection.describe(config.level)

    def trace(self, state: State) -> bytes | None:
        """One JSON line a test, in order, where a method makes tests; None elsewhere."""
        return None

    def together(
        self,
        configs: Sequence[RunConfig],
        model: Model,
        prompts: PromptSet,
        conditions: Conditions,
        stored: Tensors | None,
    ) -> Iterator[Together[State]]:
        """The states of several runs that differ in the method's settings alone, where it can share work among them.

        Raises:
            RunError: it cannot.
        """
        raise RunError(f"method '{self.name}' runs one set of settings at a time; give each option one value")

    def pace(self, config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[State], float | None] | None:
        """Seconds that one unit of progress takes; None where nothing is worth saying beforehand."""
        return None

    def stage(self, state: State) -> str:
        """What is being done, for whoever waits."""
        return SCORING

    def total(self, prompts: PromptSet) -> int | None:
        """How much there is to do, where that is known before the first state comes."""
        return None

    def passes(self, config: RunConfig, state: State) -> Passes | None:
        """What a finished run has cost; None where that is not known."""
        return None

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...] | None:
        """What a run will do, before it begins; None where nobody has said.

        Raises:
            SettingError: settings that leave nothing to do.
        """
        return None

    def exact(self, state: State, scores: EdgeScores | NodeScores) -> ExactSummary | None:
        """Which scores are exact effects, where some were measured in the place of estimates; None elsewhere."""
        return None

    def warnings(self, state: State) -> tuple[str, ...]:
        """What to know about a finished run, one line each."""
        return ()

    def metric(self, config: RunConfig, prompts: PromptSet) -> str:
        """The name of the metric that a run measures."""
        return get_metric(config.metric or self.default_metric or prompts.metric).name


def scoring(config: RunConfig, conditions: Conditions) -> dict[str, Any]:
    """What a config says to every function that scores all edges, by the names of their arguments."""
    return {
        "metric": config.metric,
        "level": config.level,
        "per_prompt": config.per_prompt,
        "bootstrap": config.bootstrap,
        "seed": config.seed,
        "conditions": conditions,
    }
