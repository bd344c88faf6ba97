"""What is to be measured of a circuit, as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgewise.errors import DataError
from edgewise.evaluation.ablation import Ablation, require_ablation


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Args:
        ablation: what patched edges carry: ``"resample"``, ``"zero"``, ``"mean"`` or ``"mean-positional"``.
        curve: also evaluate the best edges at ten sizes, where there are scores to rank edges by.
        random: number of random circuits at each of these sizes.
        seed: of the random circuits.
        minimality: also remove each edge of the circuit in turn.

    Raises:
        UnknownNameError: no such ablation.
        DataError: a negative number of random circuits, or a negative seed.
    """

    ablation: Ablation = "resample"
    curve: bool = True
    random: int = 3
    seed: int = 0
    minimality: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        require_ablation(self.ablation)
        for name in ("random", "seed"):
            if getattr(self, name) < 0:
                raise DataError(f"{name} is {getattr(self, name)}; give 0 or more")

    def to_json(self) -> dict[str, Any]:
        """The value as a dict of JSON values."""
        return asdict(self)
