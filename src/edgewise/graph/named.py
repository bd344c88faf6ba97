"""Scores as people use them: by name, in order of size, as sums and differences, as a table.

What edges and nodes have in common; which of the two they are says `EdgeScores` or `NodeScores`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from edgewise.errors import ScoreError, UnknownNameError, did_you_mean
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.graph import Graph
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.ranked import RANKINGS, RankedScore, RankedScores
from edgewise.graph.score_arrays import freeze
from edgewise.notebook import ShownInNotebook
from edgewise.settings.selection import Ranking

if TYPE_CHECKING:
    import pandas

Own = TypeVar("Own", bound="NamedScores")
# What scales with the score, and what scales with its size.
_SIGNED, _SIZES = ("values", "per_prompt", "resampled", "estimated"), ("stderr", "mean_abs", "half_width")


@dataclass(frozen=True, eq=False, repr=False)
class NamedScores(ShownInNotebook):
    """One signed number for each edge, or each node, of a graph; those without one are passed over.

    Sums and differences are of scores of one graph, and of these nothing but the values is known; a multiple keeps the
    spread. ``abs`` gives sizes.

    Args:
        graph: what the scores belong to.
        values: mean over prompts of the signed score, in units of the metric, in the shape that the kind has.
        stderr: standard error of that mean, same shape; NaN where it is undefined (one prompt).
        mean_abs: mean over prompts of |score|, same shape.
        per_prompt: `[n_prompts, *shape]`.
        resampled: means over resamples of the prompts, `[n_resamples, *shape]`.
        half_width: half of each score's 95 % interval, from these, same shape; NaN where undefined.
        n_prompts: number of prompts; taken from `per_prompt` when that is given.
        allow_unscored: accept NaN on what exists, meaning "not scored".
        verified: which of the scores are exact effects that were measured, bool, same shape; None where nobody says.
        estimated: what a method estimated, also where `values` are exact, same shape; goes with `verified`.
        doubt: |score| or what a second estimate differs by, the larger, by which it was decided what to measure, same
            shape: the scale of an error and no bound on it; NaN where nothing was in doubt.
        drawn: which of the verified ones a lot chose, to tell how wrong the others are, bool, same shape.

    Raises:
        ScoreError: a wrong shape, a value of what exists that is not finite, a negative spread, `verified` without
            `estimated`.

    All arrays are copied and read-only; float32 and float64 are kept, other types become float32 or float64.
    """

    what: ClassVar[str]

    graph: Graph | NeuronGraph
    values: FloatArray
    stderr: FloatArray | None = None
    mean_abs: FloatArray | None = None
    per_prompt: FloatArray | None = None
    n_prompts: int | None = None
    allow_unscored: bool = False
    resampled: FloatArray | None = None
    half_width: FloatArray | None = None
    verified: BoolArray | None = None
    estimated: FloatArray | None = None
    doubt: FloatArray | None = None
    drawn: BoolArray | None = None
    # So that a number of numpy's on the left leaves the product to us.
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        """Copy, check and freeze the arrays."""
        freeze(self, self.exists)

    @property
    @abstractmethod
    def exists(self) -> BoolArray:
        """Which of the places in the arrays are something's."""

    def ranking(self, by: Ranking = "abs") -> FloatArray:
        """Return what they are ranked by, highest first, in the shape of the scores; NaN where unscored.

        ``abs``: |mean score|. ``signed``: the mean score. ``helpful``: minus the mean score, so that what lowers the
        metric when patched comes first. ``mean-abs``: mean over prompts of |score|.

        Raises:
            UnknownNameError: no such ranking.
            ScoreError: ``mean-abs`` of scores that were computed without it.
        """
        if by not in RANKINGS:
            near, listed = did_you_mean(by, RANKINGS) or ".", ", ".join(RANKINGS)
            raise UnknownNameError(f"unknown ranking '{by}'{near} Known rankings: {listed}.")
        if by == "mean-abs":
            if self.mean_abs is None:
                raise ScoreError("these scores hold no mean of absolutes; rank by 'abs', or score again to get it")
            return self.mean_abs
        return {"abs": np.abs, "signed": np.positive, "helpful": np.negative}[by](self.values)

    @abstractmethod
    def _at(self, name: str) -> tuple[int, ...]:
        """Return where a name stands in the arrays. Raises SelectionError where there is none such."""

    @abstractmethod
    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of what stands there."""

    def __getitem__(self, name: str) -> float:
        """Return the score of an edge (or node), in units of the metric, such as ``scores["a0.h1->m3"]``.

        Raises:
            SelectionError: no such edge (or node).
            ScoreError: it has no score.
        """
        at = self._at(name)
        if np.isnan(self.values[at]):
            raise ScoreError(f"{self.what} '{name}' has no score: only {len(self):,} of the graph's were scored")
        return float(self.values[at])

    def __contains__(self, name: str) -> bool:
        """Whether the edge (or node) has a score. Raises SelectionError when the graph has none of that name."""
        return not np.isnan(self.values[self._at(name)])

    def __iter__(self) -> Iterator[str]:
        """Go through the names of all that have a score, in the graph's order."""
        return (self.name_at(at) for at in self._scored())

    def __len__(self) -> int:
        """Number of those that have a score."""
        return int((~np.isnan(self.values)).sum())

    def items(self) -> Iterator[tuple[str, float]]:
        """Go through names and scores, in the graph's order."""
        return ((self.name_at(at), float(self.values[at])) for at in self._scored())

    def top(self, n: int = 20, by: Ranking = "abs") -> RankedScores:
        """Return the `n` of highest rank, best first; ties by source, then destination.

        Args:
            n: how many at most.
            by: what they are ranked by, see `ranking`.

        Raises:
            ScoreError: ``n`` below zero, or ``mean-abs`` of scores that were computed without it.
            UnknownNameError: no such ranking.
        """
        if n < 0:
            raise ScoreError(f"top({n}): give a number of {self.what}s, 0 or more")
        return RankedScores(self.what, tuple(map(self._ranked, self.order(by, n))))

    def order(self, by: Ranking = "abs", n: int | None = None) -> list[tuple[int, ...]]:
        """Return the places in the arrays of the `n` best, or of all that are ranked, best first.

        Ties go by source, then by destination.
        """
        ranks = self.ranking(by)
        flat = np.argsort(-ranks, axis=None, kind="stable")[: int((~np.isnan(ranks)).sum())][:n]
        return [tuple(map(int, np.unravel_index(index, ranks.shape))) for index in flat]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a table of all that have a score, a row each, in the graph's order.

        Columns: ``edge``, ``source``, ``destination`` (or ``node``), ``score``, and what else is known of
        ``stderr``, ``mean_abs``, ``half_width``, ``exact`` (whether the score was measured) and ``estimate``.

        Raises:
            FormatError: pandas, which is an extra, is not installed.
        """
        from edgewise.graph.frames import frame

        return frame(self)

    def of(self: Own, values: FloatArray) -> Own:
        """Other scores of the same edges (or nodes), of which nothing but the values is known."""
        return self._of(values)

    def __abs__(self: Own) -> Own:
        """Sizes."""
        return self._of(np.abs(self.values))

    def __neg__(self: Own) -> Own:
        """With the other sign, as EAP-IG has it."""
        return self._times(-1.0)

    def __add__(self: Own, other: Own) -> Own:
        """Sum, edge by edge."""
        return self._of(self.values + other.values, other) if self._is_like(other) else NotImplemented

    def __radd__(self: Own, other: int) -> Own:
        """So that `sum` takes scores."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __sub__(self: Own, other: Own) -> Own:
        """Difference, edge by edge."""
        return self._of(self.values - other.values, other) if self._is_like(other) else NotImplemented

    def __mul__(self: Own, factor: float) -> Own:
        """A multiple; its spread is known too."""
        return self._times(float(factor)) if _is_number(factor) else NotImplemented

    def __rmul__(self: Own, factor: float) -> Own:
        """A multiple; its spread is known too."""
        return self.__mul__(factor)

    def __truediv__(self: Own, divisor: float) -> Own:
        """A part, by a number."""
        if not _is_number(divisor):
            return NotImplemented
        if divisor == 0:
            raise ScoreError("scores divided by 0; give another number")
        return self._times(1.0 / float(divisor))

    def __repr__(self) -> str:
        """Show how many there are, of which some may be measured, and the largest."""
        exact = "" if self.verified is None else f", {int(self.verified.sum()):,} of them exact"
        prompts = "" if self.n_prompts is None else f", {self.n_prompts:,} prompts"
        largest = "".join(f", largest {row.name} {row.score:.4g}" for row in self.top(1))
        return f"{type(self).__name__}({len(self):,} {self.what}s{exact}{prompts}{largest})"

    def _scored(self) -> Iterator[tuple[int, ...]]:
        return map(tuple, np.argwhere(~np.isnan(self.values)).tolist())

    def _ranked(self, at: tuple[int, ...]) -> RankedScore:
        return RankedScore(
            self.name_at(at),
            float(self.values[at]),
            _number(self.stderr, at),
            None if self.verified is None else bool(self.verified[at]),
            _number(self.estimated, at),
        )

    def _of(self: Own, values: FloatArray, other: Own | None = None) -> Own:
        """Other scores, of which nothing but the values is known."""
        made: Any = type(self)
        unscored = self.allow_unscored or (other is not None and other.allow_unscored)
        result: Own = made(self.graph, values, allow_unscored=unscored)
        return result

    def _times(self: Own, factor: float) -> Own:
        known = {name: array for name in (*_SIGNED, *_SIZES) if (array := getattr(self, name)) is not None}
        scaled = {name: array * (factor if name in _SIGNED else abs(factor)) for name, array in known.items()}
        return replace(self, **scaled)

    def _is_like(self, other: object) -> bool:
        """Whether these are scores too; refuses those of something else."""
        if not isinstance(other, NamedScores):
            return False
        if other.what != self.what:
            raise ScoreError(f"scores of {self.what}s and of {other.what}s; take two of the same kind")
        if other.graph != self.graph:
            raise ScoreError(f"scores of two graphs, {self.graph.spec} and {other.graph.spec}; take those of one model")
        return True


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _number(array: FloatArray | None, at: tuple[int, ...]) -> float | None:
    return None if array is None or np.isnan(array[at]) else float(array[at])
