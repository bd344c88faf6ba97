"""Example prompts of a run beside it, ``examples.json``: what a page shows of them, which a model would be needed for.

They are no part of the run: nothing is computed from them, and a run without them is whole.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgewise.errors import FormatError
from edgewise.runs.shown_prompts import ShownRow, Tokens
from edgewise.runs.store.codec import from_json, read_json, to_json

EXAMPLES = "examples.json"


@dataclass(frozen=True)
class Likely:
    """What the model expects at the last position read of a clean prompt.

    Args:
        tokens: the likeliest, the likeliest first.
        probabilities: theirs.
    """

    tokens: Tokens
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that each has one."""
        if len(self.tokens.texts) != len(self.probabilities):
            raise FormatError("field 'probabilities': not one for each token")


@dataclass(frozen=True)
class Example:
    """One prompt.

    Args:
        place: its place among those with a number, from 0.
        shown: its tokens, and where they differ.
        likely: what the model expects; None where it was not asked.
    """

    place: int
    shown: ShownRow
    likely: Likely | None

    def __post_init__(self) -> None:
        """Check that the prompt and its counterpart are of one length."""
        if len(self.shown.clean.texts) != len(self.shown.corrupted.texts):
            raise FormatError("field 'shown': clean and corrupted are of different lengths")


@dataclass(frozen=True)
class HeadPattern:
    """Where a head looks, on one prompt.

    Args:
        head: such as ``"a3.h7"``.
        weights: base64 of one byte for each query and key, row after row: 255 times the attention.
    """

    head: str
    weights: str


@dataclass(frozen=True)
class Attention:
    """Where heads look on one prompt.

    Args:
        row: the prompt's number in its file or task.
        tokens: its tokens.
        heads: those of the circuit that matter most.
    """

    row: int
    tokens: Tokens
    heads: tuple[HeadPattern, ...]

    def __post_init__(self) -> None:
        """Check that there is a byte for each query and key."""
        for one in self.heads:
            if _bytes(one.weights) != len(self.tokens.texts) ** 2:
                raise FormatError(f"field 'heads': weights of '{one.head}' are not a byte for each query and key")


@dataclass(frozen=True)
class Examples:
    """What is kept of a run's prompts.

    Args:
        metric: its name.
        rows: the number in its file or task of each prompt of the run, of very many of the first and the lowest.
        clean: the metric of each on the clean run.
        corrupted: likewise on the corrupted one.
        prompts: some of them as tokens.
        attention: None where no prompt is short enough, or the model's attention cannot be seen.
    """

    format: ClassVar[str] = "edgewise-examples"
    format_version: ClassVar[int] = 1

    metric: str
    rows: tuple[int, ...]
    clean: tuple[float, ...]
    corrupted: tuple[float, ...]
    prompts: tuple[Example, ...]
    attention: Attention | None

    def __post_init__(self) -> None:
        """Check that the numbers belong together."""
        n = len(self.rows)
        if {len(self.clean), len(self.corrupted)} != {n} or any(not 0 <= one.place < n for one in self.prompts):
            raise FormatError("field 'rows': not one number for each prompt")

    def to_bytes(self) -> bytes:
        """Return the text of the file."""
        return (json.dumps(to_json(self), allow_nan=False, separators=(",", ":")) + "\n").encode()


def _bytes(text: str) -> int:
    """How many bytes a text is the base64 of; -1 where it is not."""
    try:
        return len(b64decode(text, validate=True))
    except ValueError:
        return -1


def read_examples(folder: Path) -> Examples | None:
    """Read a run's examples; None where there are none. Raises FormatError when the file is not ours."""
    path = folder / EXAMPLES
    return from_json(Examples, read_json(path), str(path)) if path.is_file() else None
