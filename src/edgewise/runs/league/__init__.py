"""The league: every method that scores edges, held against exact effects, on several models and tasks.

`entrants` says which methods and tasks there are, `play` runs them, each in a run folder of its own, and `result` is
what comes out.
"""

from __future__ import annotations

from edgewise.runs.league.entrants import DEFAULT_MODELS, DEFAULT_N, default_methods
from edgewise.runs.league.play import LeagueQuestion, play, read_league
from edgewise.runs.league.result import Cell, Entry, League

__all__ = [
    "DEFAULT_MODELS",
    "DEFAULT_N",
    "Cell",
    "Entry",
    "League",
    "LeagueQuestion",
    "default_methods",
    "play",
    "read_league",
]
