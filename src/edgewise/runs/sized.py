"""How the size of a circuit was measured, as it is stored: the curve, and what was chosen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgewise.errors import FormatError
from edgewise.evaluation.smallest.target import NORMAL_95, SizePoint, Target
from edgewise.notebook import ShownInNotebook
from edgewise.runs.evaluated import EvaluatedPrompts


@dataclass(frozen=True, repr=False)
class Sized(ShownInNotebook):
    """The smallest circuit that is good enough, in the order of the file.

    Args:
        target: what is good enough.
        metric: the metric of faithfulness.
        counted: what sizes count: ``"edges"``, ``"nodes"``, or ``"heads and neurons"``.
        reached: whether any size that was measured is good enough.
        size: the smallest that is; or else the size that comes nearest.
        value: its faithfulness, or its KL.
        low: the least that this may be over prompts, at 95 % (normal); None for one prompt.
        high: the most, likewise.
        falls: larger sizes that were measured and are not good enough, though `size` is.
        points: every size measured, rising.
        prompts: what the numbers are means over.
        versions: of edgewise and what the numbers depend on.
    """

    target: Target
    metric: str
    counted: str
    reached: bool
    size: int
    value: float
    low: float | None
    high: float | None
    falls: tuple[int, ...]
    points: tuple[SizePoint, ...]
    prompts: EvaluatedPrompts
    versions: Mapping[str, str] = field(hash=False)

    def __post_init__(self) -> None:
        """Check what else is read of it: the sizes that it names are among those measured."""
        missing = {0, self.size, *self.falls} - {found.size for found in self.points}
        if missing:
            raise FormatError(f"field 'points' has no size {min(missing)}")

    def __repr__(self) -> str:
        """Show the size, what it reaches, and what was asked for."""
        asked = f"{self.target.measure} {self.target.value:g}"
        short = "" if self.reached else ", out of reach"
        return f"Sized({self.size:,} {self.counted}: {self.value:.4f}, asked for {asked}{short})"

    def at(self, size: int) -> SizePoint:
        """What was measured of a size."""
        return next(found for found in self.points if found.size == size)


def sized(
    target: Target,
    chosen: SizePoint,
    reached: bool,
    points: tuple[SizePoint, ...],
    *,
    metric: str,
    counted: str,
    prompts: EvaluatedPrompts,
    versions: Mapping[str, str],
) -> Sized:
    """Return what is stored of a search; args as of `Sized`, with the size chosen as it was measured."""
    value, stderr = target.of(chosen)
    half = None if stderr is None else NORMAL_95 * stderr
    low, high = (None, None) if half is None else (value - half, value + half)
    falls = [found.size for found in points if reached and found.size > chosen.size and not target.reached(found)]
    rising = tuple(sorted(points, key=lambda found: found.size))
    return Sized(
        target=target,
        metric=metric,
        counted=counted,
        reached=reached,
        size=chosen.size,
        value=value,
        low=low,
        high=high,
        falls=tuple(sorted(falls)),
        points=rising,
        prompts=prompts,
        versions=versions,
    )
