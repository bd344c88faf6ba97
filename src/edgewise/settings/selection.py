"""Which edges of a scored graph make the circuit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

from edgewise.errors import SelectionError
from edgewise.settings.described import changed
from edgewise.settings.read import check
from edgewise.settings.setting import flag, setting

Ranking: TypeAlias = Literal["abs", "signed", "helpful", "mean-abs"]
# Where nobody says how many: this share, but at least so many, for of a small graph a share holds no circuit.
DEFAULT_FRACTION = {"edge": 0.01, "node": 0.1, "neuron": 0.01}
DEFAULT_LEAST = {"edge": 100, "node": 10, "neuron": 100}
_RULES = ("top", "threshold", "fraction", "keep", "max_kl")


@dataclass(frozen=True, repr=False)
class Selection:
    """At most one of `top`, `threshold`, `fraction`, `keep`, `max_kl`; none means the top 1 % of edges, 10 % of nodes.

    Of a small graph that share holds no circuit: without a rule at least 100 edges, or 10 nodes, are kept.

    Shares are of what is scored: all, but where a method is asked for a part. `keep` and `max_kl` ask for the fewest
    that are good enough, which is measured, on prompts that chose no score.

    Args:
        top: number of edges (or nodes).
        threshold: least value of the ranking.
        fraction: share of the edges (or nodes) scored, above 0 and at most 1; rounded down, at least one.
        keep: the least faithfulness, above 0 and at most 1.
        max_kl: the largest KL(clean || circuit), in nats.
        by: what is ranked: ``"abs"``, ``"signed"``, ``"helpful"`` or ``"mean-abs"``.
        greedy: grow the circuit from `logits` back, so that every edge kept leads there.
        prune: drop the edges kept that lie on no path from `input` to `logits`.
        stable: choose among those whose 95 % interval leaves zero out; where they are fewer than asked for, all.

    Raises:
        SelectionError: several rules at once.
        SettingError: a number out of range, or an unknown ranking.
    """

    title: ClassVar[str] = "Circuit"

    top: int | None = setting(None, help="Keep so many edges (or nodes).", least=1)
    threshold: float | None = setting(None, help="Keep what ranks at or above this, in metric units.")
    fraction: float | None = setting(
        None,
        help="Keep this share of what is scored.",
        above=0,
        most=1,
        shown_default="0.01 of edges, at least 100; 0.1 of nodes, at least 10",
    )
    keep: float | None = setting(
        None, help="Keep the fewest with this faithfulness, measured on held-out prompts.", above=0, most=1
    )
    max_kl: float | None = setting(None, help="Likewise, with KL(clean || circuit) at most this.", above=0)
    by: Ranking = setting("abs", help="Rank by abs, signed, helpful or mean-abs.")
    greedy: bool = setting(False, help="Grow the circuit from logits back.")
    prune: bool = setting(False, help="Drop kept edges on no path from input to logits.")
    stable: bool = setting(False, help="Choose among those whose sign is certain at 95 %.")

    def __post_init__(self) -> None:
        """Check the rule."""
        given = [flag(name) for name in _RULES if getattr(self, name) is not None]
        if len(given) > 1:
            raise SelectionError(f"{given[0]} and {given[1]} given; give one of {', '.join(map(flag, _RULES))}")
        check(self)
        if self.greedy and self.threshold is not None:
            raise SelectionError("--greedy needs a number of edges; give --top or --fraction, not --threshold")

    def __repr__(self) -> str:
        """Show what is not as by default."""
        return changed(self)

    @property
    def measured(self) -> bool:
        """Whether the size is to be measured."""
        return self.keep is not None or self.max_kl is not None

    def of_size(self, n: int) -> Selection:
        """The same rule, asked for so many edges (or nodes)."""
        return replace(self, top=n, threshold=None, fraction=None, keep=None, max_kl=None)

    def describe(self, level: str = "edge") -> str:
        """Return the rule in words, such as ``"top 1 % by abs"``."""
        if self.top is not None:
            rule = f"top {self.top:,}"
        elif self.threshold is not None:
            rule = f"at least {self.threshold:g}"
        elif self.fraction is not None:
            rule = f"top {100 * self.fraction:g} %"
        elif self.keep is not None:
            rule = f"the fewest of faithfulness {self.keep:g} or more"
        elif self.max_kl is not None:
            rule = f"the fewest of KL {self.max_kl:g} or less"
        else:
            rule = f"top {100 * DEFAULT_FRACTION[level]:g} %, at least {DEFAULT_LEAST[level]},"
        words = {"stable": "of certain sign", "greedy": "greedy", "prune": "pruned"}
        return ", ".join((f"{rule} by {self.by}", *(word for name, word in words.items() if getattr(self, name))))
