"""Every error a user can cause, as one tree.

    EdgewiseError
    ├── UnknownNameError         no task, metric, method or model of that name
    ├── ModelError               a model that cannot be used as it is
    │   └── UnsupportedModelError    an architecture or setting that is not understood
    ├── DataError                prompts, answers or a data file
    ├── MetricError              a metric that cannot be computed on these prompts
    │   └── VanishingGradientError   its gradient is zero, so a gradient method says nothing
    ├── SelectionError           edges, nodes or counts that the graph does not have
    ├── FormatError              a file or dict that is not in the format it claims
    ├── SettingError             a method's setting that it does not have, or that cannot have that value
    ├── ScoreError               scores that are not numbers, or of the wrong shape
    ├── MemoryLimitError         less memory than one prompt takes
    ├── ProcessError             one of the processes that work together
    │   └── LostProcessError         it has gone
    └── RunError                 a run folder
        └── RunConflictError         it holds another run

    EdgewiseWarning          something runs all the same, and the user should hear how

A message is one line: what is wrong, where (row, field, file), and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DataError",
    "EdgewiseError",
    "EdgewiseWarning",
    "FormatError",
    "LostProcessError",
    "MemoryLimitError",
    "MetricError",
    "ModelError",
    "ProcessError",
    "RunConflictError",
    "RunError",
    "ScoreError",
    "SelectionError",
    "SettingError",
    "UnknownNameError",
    "UnsupportedModelError",
    "VanishingGradientError",
    "did_you_mean",
    "in_words",
]


class EdgewiseError(Exception):
    """Base of every error that edgewise raises on purpose."""


class EdgewiseWarning(UserWarning):
    """What the user should hear of something that runs all the same; the command prints it on stderr."""


class UnknownNameError(EdgewiseError):
    """A name that is in no registry; the message suggests near ones."""


class ModelError(EdgewiseError):
    """A model that cannot be used as it is, for example one in training mode."""


class UnsupportedModelError(ModelError):
    """An architecture or config attribute that edgewise does not understand, and so refuses."""


class DataError(EdgewiseError):
    """Prompts or answers that cannot be used; the message names the row and the field."""


class MetricError(EdgewiseError):
    """A metric that cannot be computed on these prompts, or that returned the wrong shape."""


class VanishingGradientError(MetricError):
    """A metric whose gradient is zero at the point where a gradient method needs it."""


class SelectionError(EdgewiseError):
    """An edge, node or count that the graph does not have."""


class SettingError(EdgewiseError):
    """A setting that a method does not have, or a value that it cannot have."""


class FormatError(EdgewiseError):
    """A file or dict that is not in the format it claims; the message names the field."""


class ScoreError(EdgewiseError):
    """Scores of the wrong shape, or not finite on an edge that exists."""


class MemoryLimitError(EdgewiseError):
    """Less memory allowed than one prompt takes."""


class RunError(EdgewiseError):
    """A run folder that cannot be read, written or resumed."""


class RunConflictError(RunError):
    """The run folder already holds a different run."""


class ProcessError(EdgewiseError):
    """Something went wrong in another of the processes that work together, or they cannot reach each other."""


class LostProcessError(ProcessError):
    """Another of the processes that work together has gone."""


def in_words(error: BaseException, most: int = 160) -> str:
    """Return what an error of another library says, on one line of at most about so many letters, cut between words."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= most else f"{words[:most].rpartition(' ')[0] or words[:most]} ..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name nearest to `name`, or ``""`` when none is near.

    Case is ignored in the comparison.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean '{by_lower[near[0]]}'?" if near else ""
