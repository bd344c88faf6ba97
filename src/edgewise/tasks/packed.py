"""Very many prompts in little memory: their token ids side by side, four bytes each, and a pair made when asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

from edgewise.errors import DataError
from edgewise.tasks.prompts import FIELDS, PromptPair

# Of fewer, the pairs themselves take less than the libraries do.
MANY = 5_000


class PackedPairs(Sequence[PromptPair]):
    """Pairs in order, which can be added to at the end."""

    def __init__(self, pairs: Iterable[PromptPair] = ()) -> None:
        self._ids, self._starts, self._rows = array("i"), array("q", [0]), array("q")
        for pair in pairs:
            self.append(pair)

    def append(self, pair: PromptPair) -> None:
        """Put a pair behind the others.

        Raises:
            DataError: a number that is no token id of any model.
        """
        fields = [getattr(pair, name) for name in FIELDS]
        try:
            self._ids.extend(array("i", [number for field in fields for number in field]))
        except OverflowError:
            raise DataError(f"row {pair.row}: a number of more than nine digits; give token ids") from None
        self._starts.extend(list(accumulate(map(len, fields), initial=self._starts[-1]))[1:])
        self._rows.append(pair.row)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> PromptPair: ...
    @overload
    def __getitem__(self, index: slice) -> PackedPairs: ...
    def __getitem__(self, index: int | slice) -> PromptPair | PackedPairs:
        """One pair by its number, or those of a slice."""
        if isinstance(index, slice):
            return PackedPairs(self._pair(i) for i in range(*index.indices(len(self))))
        return self._pair(range(len(self))[index])

    def __iter__(self) -> Iterator[PromptPair]:
        """Go through the pairs, each made anew."""
        return map(self._pair, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether all pairs are the same."""
        return isinstance(other, PackedPairs) and self._held() == other._held()

    def __hash__(self) -> int:
        """Of the first pair and their number."""
        return hash((len(self), self[0] if len(self) else None))

    def _held(self) -> tuple[object, ...]:
        return self._ids, self._starts, self._rows

    def _pair(self, i: int) -> PromptPair:
        starts, n = self._starts, len(FIELDS)
        parts = (tuple(self._ids[starts[k] : starts[k + 1]]) for k in range(n * i, n * i + n))
        return PromptPair.checked(*parts, row=self._rows[i])


def gathered(pairs: Iterable[PromptPair]) -> tuple[PromptPair, ...] | PackedPairs:
    """Pairs as they come: in a tuple while they are few, packed once they are many."""
    few: list[PromptPair] = []
    packed: PackedPairs | None = None
    for pair in pairs:
        if packed is not None:
            packed.append(pair)
            continue
        few.append(pair)
        if len(few) > MANY:
            packed, few = PackedPairs(few), []
    return tuple(few) if packed is None else packed
