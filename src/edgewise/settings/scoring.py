"""How edges are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from edgewise.settings.setting import setting
from edgewise.settings.texts import read_amount, read_goal, read_times, write_amount, write_goal, write_times

Level: TypeAlias = Literal["edge", "node", "neuron"]
WITH_EXACT = "+exact"
"""Behind the name of a method that estimates: its largest and least certain estimates are measured."""
DEFAULT_METHOD = f"eap{WITH_EXACT}"
MORE_EXACT = "--budget 10x"
"""What buys more exact effects."""


@dataclass(frozen=True)
class ScoreSettings:
    """A method and what it is asked for."""

    title: ClassVar[str] = "Scores"

    method: str = setting(DEFAULT_METHOD, help="How to score; see `edgewise list methods`.")
    metric: str | None = setting(
        None,
        help="What is measured; see `edgewise list metrics`; or my.py:function, which is run.",
        shown_default="that of the prompts or the method",
    )
    level: Level = setting("edge", help="What is scored: edge, node, or neuron (heads and MLP neurons).")
    neuron_edges: int = setting(
        0, help="With --level neuron: score the edges into and out of so many of the best neurons too.", least=0
    )
    per_prompt: bool = setting(False, help="Store every prompt's scores too.")
    bootstrap: int = setting(0, help="Intervals from so many resamples of the prompts, e.g. 200.", least=0)
    exact: int | None = setting(
        None,
        help="Measure so many edges (or nodes) of large or unsure estimate exactly, or auto: as many as cost what the"
        " estimates cost.",
        least=-1,
        read=read_amount,
        write=write_amount,
        shown_default="auto with a method that ends in +exact, else 0",
        metavar="N|auto",
    )
    budget: float | None = setting(
        None,
        help="Measure as many as this allows in all, in times of EAP, such as 5x.",
        above=0,
        read=read_times,
        write=write_times,
        metavar="TIMES",
    )
    until: float | None = setting(
        None,
        help="Measure on until the scores are surely as good as this, such as r2=.95, or the budget ends.",
        above=0,
        most=1,
        read=read_goal,
        write=write_goal,
        metavar="r2=R2",
    )
