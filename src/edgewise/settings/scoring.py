"""How edges are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from edgewise.settings.setting import setting

Level: TypeAlias = Literal["edge", "node"]
DEFAULT_METHOD = "eap-secant"


@dataclass(frozen=True)
class ScoreSettings:
    """A method and what it is asked for."""

    title: ClassVar[str] = "Scores"

    method: str = setting(DEFAULT_METHOD, help="How to score; see `edgewise list methods`.")
    metric: str | None = setting(
        None, help="What is measured; see `edgewise list metrics`.", shown_default="that of the prompts or the method"
    )
    level: Level = setting("edge", help="What is scored: edge or node.")
    per_prompt: bool = setting(False, help="Store every prompt's scores too.")
    bootstrap: int = setting(0, help="Intervals from so many resamples of the prompts, e.g. 200.", least=0)
    exact: int = setting(0, help="Patch so many edges (or nodes) of large or unsure estimate exactly.", least=0)
