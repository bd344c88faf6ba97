"""The best of some scores, as rows in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args, overload

from edgewise.notebook import ShownInNotebook
from edgewise.settings.selection import Ranking

RANKINGS: tuple[Ranking, ...] = get_args(Ranking)


@dataclass(frozen=True)
class RankedScore:
    """One edge or node.

    Args:
        name: such as ``"a0.h1->m3"``.
        score: mean over prompts, in units of the metric.
        stderr: standard error of that mean; None where it is not known.
        exact: whether the score is an exact effect; None where none were measured.
        estimate: what the method estimated, also where the score is exact; None likewise.
    """

    name: str
    score: float
    stderr: float | None = None
    exact: bool | None = None
    estimate: float | None = None


@dataclass(frozen=True, repr=False)
class RankedScores(ShownInNotebook, Sequence[RankedScore]):
    """Rows, best first.

    Args:
        what: ``"edge"`` or ``"node"``.
        rows: one each.
    """

    what: str
    rows: tuple[RankedScore, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[RankedScore]:
        """Go through the rows, best first."""
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int) -> RankedScore: ...
    @overload
    def __getitem__(self, index: slice) -> RankedScores: ...
    def __getitem__(self, index: int | slice) -> RankedScore | RankedScores:
        """One row by its number from 0, or some of them."""
        return RankedScores(self.what, self.rows[index]) if isinstance(index, slice) else self.rows[index]

    @property
    def names(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(row.name for row in self.rows)

    def __repr__(self) -> str:
        """Show a line each: rank, name, score and its standard error."""
        if not self.rows:
            return f"no {self.what}s"
        wide = max(len(row.name) for row in self.rows)
        return "\n".join(f"{at:>3}  {row.name:<{wide}}  {_words(row)}" for at, row in enumerate(self.rows, start=1))


def _words(row: RankedScore) -> str:
    spread = "" if row.stderr is None else f" ± {row.stderr:.4f}"
    return f"{row.score:>9.4f}{spread}{'  exact' if row.exact else ''}"
