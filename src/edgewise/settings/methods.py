"""The settings of the methods that come with edgewise.

They stand here and not beside the methods, so that help needs no torch. A method of somebody else's package brings its
settings in its own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgewise.errors import SettingError
from edgewise.settings.read import check
from edgewise.settings.setting import setting

Rule: TypeAlias = Literal["left", "right", "midpoint", "trapezoid"]


@dataclass(frozen=True)
class PatchingSettings:
    """What activation patching patches; all by default."""

    only: tuple[str, ...] = setting((), help="these edges (or nodes) alone, such as '*->logits'; repeatable")


@dataclass(frozen=True)
class AcdcSettings:
    """ACDC's rule.

    Raises:
        SettingError: no tau, or one that is no finite number.
    """

    tau: float | None = setting(None, help="threshold, in metric units; several (0.01,0.02) make a sweep", sweep=True)
    absolute: bool = setting(False, help="compare the size of a change with --tau, not the change for the worse")
    direct_edges: bool = setting(False, help="first test q, k, v of heads as a whole, as the original does")

    def __post_init__(self) -> None:
        """Require a threshold."""
        if self.tau is None:
            raise SettingError("ACDC needs a threshold in units of the metric; give --tau, for example --tau 0.05")
        check(self)


@dataclass(frozen=True)
class EapAcdcSettings(AcdcSettings):
    """ACDC's rule, and which edges it is left: by a threshold, a number or a share.

    Raises:
        SettingError: none or several of the three, or a value that makes no sense.
    """

    eap_threshold: float | None = setting(None, help="test edges with |EAP| of this or more; or several", sweep=True)
    eap_top: int | None = setting(None, help="test so many edges, best by |EAP|; or several", least=1, sweep=True)
    eap_fraction: float | None = setting(
        None, help="test this share of edges, best by |EAP|; or several", above=0, most=1, sweep=True
    )

    def __post_init__(self) -> None:
        """Require one of the three."""
        super().__post_init__()
        ways = ("--eap-threshold", "--eap-top", "--eap-fraction")
        values = (self.eap_threshold, self.eap_top, self.eap_fraction)
        found = [way for way, value in zip(ways, values, strict=True) if value is not None]
        if len(found) != 1:
            given = " and ".join(found) or "none of --eap-threshold, --eap-top and --eap-fraction"
            raise SettingError(f"{given} given; give one, for example --eap-threshold 0.05")


@dataclass(frozen=True)
class ProbingSettings:
    """How masks are trained.

    Raises:
        SettingError: no lambda, or a value out of range.
    """

    lambda_: float | None = setting(None, help="weight of the penalty on what is kept, in units of the loss", least=0)
    masks: Literal["node", "edge"] = setting("node", help="what is masked: node (q, k, v, MLPs) or edge")
    steps: int = setting(10_000, help="steps of the optimiser", least=1)
    lr: float = setting(0.001, help="learning rate", above=0)
    minibatch: int | None = setting(None, help="prompts drawn for each step", least=1, shown_default="all")
    method_seed: int | None = setting(None, help="seed of the draws", least=0, shown_default="--seed")

    def __post_init__(self) -> None:
        """Require a lambda, and check the rest."""
        if self.lambda_ is None:
            raise SettingError(
                "method 'subnetwork-probing' needs the weight of its penalty; give --lambda, for example --lambda 1"
            )
        check(self)


@dataclass(frozen=True)
class FadingSettings:
    """How masks fade."""

    steps: int = setting(28, help="steps for each rung (20, 10, 5, 2, 1, .5, .2 % of edges); fewer are faster", least=2)
    minibatch: int = setting(8, help="prompts a step, in turn", least=1)
    rate: float = setting(0.02, help="how far the levels of masks move in a step at the first rung", above=0)
    rung: int | None = setting(None, help="one more size at which a circuit is settled, in edges", least=1)
    method_seed: int | None = setting(None, help="seed of the noise", least=0, shown_default="--seed")

    def __post_init__(self) -> None:
        """Check the values."""
        check(self)


@dataclass(frozen=True)
class RandomSettings:
    """How random scores are drawn."""

    method_seed: int | None = setting(None, help="seed of the draws", least=0, shown_default="--seed")

    def __post_init__(self) -> None:
        """Check the seed."""
        check(self)


@dataclass(frozen=True)
class ImportSettings:
    """A file of another program."""

    file: str = setting(help="the file")
    format: str = setting(help="its format")
    sha256: str = setting(help="SHA-256 of its content")
    own_circuit: bool = setting(False, help="keep the file's circuit, where no rule is given")


@dataclass(frozen=True)
class InputPathSettings:
    """The points on the way from the corrupted to the clean embedding."""

    steps: int = setting(5, help="intervals of the path", least=1)
    rule: Rule = setting("left", help="left, right, midpoint or trapezoid sum")

    def __post_init__(self) -> None:
        """Check the sum."""
        check(self)


@dataclass(frozen=True)
class ActivationPathSettings:
    """The points between each module's corrupted and its own output."""

    steps: int = setting(5, help="points a module", least=1)
    reading: Literal["average", "source"] = setting(
        "average", help="average of all modules' points, or those of each edge's own source"
    )

    def __post_init__(self) -> None:
        """Check the values."""
        check(self)


@dataclass(frozen=True)
class GradDropSettings:
    """Whether AtP* takes sizes from gradients with one layer after the other dropped."""

    grad_drop: bool = setting(True, help="sizes with one layer after the other dropped")
