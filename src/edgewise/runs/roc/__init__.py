"""Methods against a circuit that is known, on one model and one set of prompts.

`contenders` says which methods there are and how each is run, `truth` what they are held against, `contest` runs them,
each in a run folder of its own, and `result` is what comes out.
"""

from __future__ import annotations

from edgewise.runs.roc.contenders import CONTENDERS, DEFAULT_METHODS
from edgewise.runs.roc.contest import RocQuestion, contest, read_roc, truth_of
from edgewise.runs.roc.result import Judged, RocLine, RocResult
from edgewise.runs.roc.truth import Truth

__all__ = [
    "CONTENDERS",
    "DEFAULT_METHODS",
    "Judged",
    "RocLine",
    "RocQuestion",
    "RocResult",
    "Truth",
    "contest",
    "read_roc",
    "truth_of",
]
