"""What is measured of a circuit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from edgewise.settings.read import check
from edgewise.settings.setting import setting

Ablation: TypeAlias = Literal["resample", "zero", "mean", "mean-positional"]


@dataclass(frozen=True)
class MeasureSettings:
    """Whether a circuit that was found is measured at once; no part of what was found."""

    title: ClassVar[str] = "Circuit"

    evaluate: bool = setting(
        True, help="Measure the circuit's faithfulness, best on held-out prompts.", changes_result=False
    )


@dataclass(frozen=True)
class EvaluationRequest:
    """What is to be measured of a circuit, as one value.

    Args:
        ablation: what patched edges carry: ``"resample"``, ``"zero"``, ``"mean"`` or ``"mean-positional"``.
        curve: also evaluate the best edges at ten sizes, where there are scores to rank edges by.
        random: number of random circuits at each of these sizes.
        seed: of the random circuits.
        minimality: also remove each edge of the circuit in turn.
        pruned: take from the best edges, at each size, those that lie on no path from `input` to `logits`.

    Raises:
        SettingError: no such ablation, a negative number of random circuits, or a negative seed.
    """

    title: ClassVar[str] = "Numbers"

    ablation: Ablation = setting("resample", help="What patched edges carry: resample, zero, mean, mean-positional.")
    curve: bool = setting(True, help="The best edges at ten sizes, CPR and CMD, if scored.")
    random: int = setting(3, help="Random circuits (or rankings) beside them.", least=0)
    seed: int = setting(0, help="Seed of the random circuits.", least=0)
    minimality: bool = setting(False, help="Also remove each edge of the circuit in turn.")
    pruned: bool = setting(False, help="Without what lies on no path, at each of these sizes.")

    def __post_init__(self) -> None:
        """Check the values."""
        check(self)
