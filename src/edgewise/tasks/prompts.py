"""Prompts as values: one clean/corrupted pair, and a set of them.

Nothing here knows a tokenizer or a model: a pair is token ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from edgewise.errors import DataError
from edgewise.notebook import ShownInNotebook

# Those of a pair that are numbers side by side.
FIELDS = ("clean", "corrupted", "answers", "wrong_answers", "positions")


@dataclass(frozen=True)
class PromptPair:
    """One clean prompt and its corrupted counterpart, with the answers that the metric compares.

    Any sequence of whole numbers is taken for the token fields, and kept as a tuple.

    Args:
        clean: token ids of the prompt that shows the behaviour.
        corrupted: token ids of its counterpart that does not; as many as `clean`.
        answers: ids of the tokens that are right at the positions read.
        wrong_answers: ids of the tokens they are compared with; empty where the metric needs none.
        positions: where logits are read, counted in the prompt as the model reads it (its BOS included);
            negative numbers count from the end; empty means the last token. A position outside the prompt is
            kept as it is, for `validate` to name.
        row: 1-based row in the file or generator the pair comes from, for messages; 0 if from neither.
    """

    clean: tuple[int, ...]
    corrupted: tuple[int, ...]
    answers: tuple[int, ...]
    wrong_answers: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    row: int = 0

    def __post_init__(self) -> None:
        """Make the fields tuples of int, and every position that lies inside the prompt non-negative."""
        for name in FIELDS:
            object.__setattr__(self, name, _whole_numbers(getattr(self, name), name, self.row))
        length = len(self.clean)
        positions = self.positions or ((-1,) if length else ())
        inside = tuple(p + length if -length <= p < 0 else p for p in positions)
        object.__setattr__(self, "positions", inside)

    @classmethod
    def checked(cls, *fields: tuple[int, ...], row: int) -> PromptPair:
        """A pair of fields, in their order, that are known to be as they must be."""
        made = object.__new__(cls)
        made.__dict__.update(zip(FIELDS, fields, strict=True), row=row)
        return made

    def __len__(self) -> int:
        """Number of tokens of the clean prompt."""
        return len(self.clean)

    def first_difference(self) -> int:
        """Index of the first token in which clean and corrupted differ; the shorter length where none does.

        In a causal model nothing before it can contribute under resample ablation.
        """
        pairs = zip(self.clean, self.corrupted, strict=False)
        differing = (i for i, (ours, theirs) in enumerate(pairs) if ours != theirs)
        return next(differing, min(len(self.clean), len(self.corrupted)))


@dataclass(frozen=True, repr=False)
class PromptSet(ShownInNotebook):
    """Prompts of one task or file, in order, with what a run has to record about them.

    Args:
        name: the task's name, or the file's.
        pairs: the prompts; a collection that cannot be changed is kept as it is, any other as a tuple.
        metric: the metric meant for them when the user names none.
        bos: whether a beginning-of-sequence token was put before every prompt.
        dropped: how many rows were left out as unusable.
        warnings: what the user should hear, one line each, naming the row.
        info: options, seed and the like; everything in it can be written as JSON.
        tokenizer: what turns the ids into text, to look at them; None where they were never text.
    """

    name: str
    pairs: Sequence[PromptPair]
    metric: str = "logit-diff"
    bos: bool = False
    dropped: int = 0
    warnings: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)
    tokenizer: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Own the collections, so that a later edit of the caller's list or dict changes nothing here."""
        given: object = self.pairs
        if not (isinstance(given, Hashable) and isinstance(given, Sequence)):
            object.__setattr__(self, "pairs", tuple(self.pairs))
        object.__setattr__(self, "warnings", tuple(self.warnings))
        object.__setattr__(self, "info", dict(self.info))

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.pairs)

    def __iter__(self) -> Iterator[PromptPair]:
        """Go through the prompts in order."""
        return iter(self.pairs)

    @overload
    def __getitem__(self, index: int) -> PromptPair: ...
    @overload
    def __getitem__(self, index: slice) -> PromptSet: ...
    def __getitem__(self, index: int | slice) -> PromptPair | PromptSet:
        """One prompt by its number, or a new set of those in a slice."""
        if isinstance(index, slice):
            return replace(self, pairs=self.pairs[index])
        return self.pairs[index]

    def __repr__(self) -> str:
        """Show what they are, how many, and how long."""
        sizes = sorted({len(pair) for pair in self.pairs})
        long = f" of {sizes[0]} to {sizes[-1]} tokens" if len(sizes) > 1 else f" of {sizes[0]} tokens" if sizes else ""
        return f"PromptSet({self.name!r}, {len(self):,} prompts{long}, {self.metric})"

    def fingerprint(self) -> str:
        """SHA-256 of all ids and positions in order, in hexadecimal: equal prompts have equal ones."""
        digest, before = hashlib.sha256(), b"["
        for pair in self.pairs:
            row = [getattr(pair, name) for name in FIELDS]
            digest.update(before + json.dumps(row, separators=(",", ":")).encode())
            before = b","
        digest.update(b"]" if self.pairs else b"[]")
        return digest.hexdigest()


def _whole_numbers(values: Any, name: str, row: int) -> tuple[int, ...]:
    where = f"row {row}, {name}" if row else name
    if isinstance(values, str | bytes):
        raise DataError(f"{where}: text {values!r} where token ids belong; encode it with TextEncoder first")
    try:
        return tuple(_whole_number(value) for value in values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {values!r} is not a list of token ids; give whole numbers") from error


def _whole_number(value: Any) -> int:
    number = int(value)
    if isinstance(value, str | bool) or number != value:
        raise ValueError(value)
    return number
