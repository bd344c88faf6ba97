"""What a run will cost."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.engine.run.passes import Passes
from edgewise.engine.run.room import shown
from edgewise.notebook import ShownInNotebook
from edgewise.runs.steps import duration


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak, by part.

    Args:
        program: Python and its libraries; on an accelerator, the driver and its libraries.
        weights: the model's.
        activations: what the model's passes keep, and their gradients.
        engine: what the engine keeps beside them: changes of sources, gradients by head, products.
        logits: everything that is as wide as the vocabulary.
        scores: sums over prompts, and single prompts' scores that are kept.
        loading: bytes while the model is read, where that is more than all of these.
    """

    program: int
    weights: int
    activations: int
    engine: int
    logits: int
    scores: int
    loading: int

    @property
    def scoring(self) -> int:
        """Bytes at the peak once the model is there."""
        return self.program + self.weights + self.activations + self.engine + self.logits + self.scores

    @property
    def peak(self) -> int:
        """Bytes at the peak of all."""
        return max(self.loading, self.scoring)


@dataclass(frozen=True)
class Size:
    """The model and its graph.

    Args:
        architecture: the class of the model.
        parameters: numbers in its weights.
        layers: of the model.
        edges: of the graph.
        sources: nodes that write.
        destinations: places that read.
    """

    architecture: str
    parameters: int
    layers: int
    edges: int
    sources: int
    destinations: int


@dataclass(frozen=True)
class Asked:
    """The prompts.

    Args:
        name: the task's or the file's.
        number: how many.
        longest: tokens of the longest.
        metric: what is measured.
    """

    name: str
    number: int
    longest: int
    metric: str


@dataclass(frozen=True, repr=False)
class Plan(ShownInNotebook):
    """What a run will cost.

    Args:
        model: what the user called it.
        size: of the model.
        prompts: these.
        method: by name.
        dtype: of the weights.
        where: the machine.
        devices: how many of them; 1 of this machine.
        processes: that share the work.
        passes: of the whole model over all prompts, a corrupted prompt counted as one of its own; None where the method
            has not said.
        at_most: whether it may be less.
        flops: floating-point operations.
        seconds: of scoring; None where the method has not said what it does.
        batch_size: prompts at a time.
        memory: of one process, on all its devices together.
        room: bytes that there are for it.
        disk: bytes of the run's folder.
        fits: whether the memory suffices.
        advice: what would make it fit, one line each.
    """

    model: str
    size: Size
    prompts: Asked
    method: str
    dtype: str
    where: str
    devices: int
    processes: int
    passes: Passes | None
    at_most: bool
    flops: float
    seconds: float | None
    batch_size: int
    memory: Memory
    room: int
    disk: int
    fits: bool
    advice: tuple[str, ...]

    def __repr__(self) -> str:
        """The plan in one line."""
        return f"Plan({self.model!r}, {self.method!r}: {self.line()})"

    def line(self) -> str:
        """What it costs, in one line."""
        time = [self.time()] if self.seconds is not None else []
        parts = [f"{self.size.edges:,} edges", *time, f"{shown(self.memory.peak)} of memory"]
        short = "" if self.fits else f"; there are {shown(self.room)}: `edgewise plan` says what would make it fit"
        return f"{', '.join(parts)}, {self.batch_size:,} prompts at a time{short}"

    def time(self) -> str:
        """Seconds in words; nothing where they are not known."""
        if self.seconds is None:
            return ""
        shared = f" with {self.processes} processes" if self.processes > 1 else ""
        return f"{'at most' if self.at_most else 'about'} {duration(self.seconds)} on {self.where}{shared}"
