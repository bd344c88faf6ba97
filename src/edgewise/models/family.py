"""One class of ``transformers`` that edgewise knows: the config it was written for, and how its modules are wired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from edgewise.models.config_check import Understood
from edgewise.models.norms import Norm
from edgewise.models.wiring import HeadView, Wiring, stacked_heads


@dataclass(frozen=True)
class Family:
    """One row of a file in ``families``.

    Args:
        architecture: the class's name, as ``config.json`` gives it.
        note: what its blocks are, in a few words.
        understood: which configs it was written for.
        wire: from a loaded module of the class to its wiring.
        fused: of a class whose q, k and v come from one module: where, by which of the three and their number, heads
            lie that have a key and a value each.
        told: attributes of its attention, beside the usual ones, that then have another value.
    """

    architecture: str
    note: str
    understood: Understood
    wire: Callable[[Any], Wiring]
    fused: Callable[[int, int], HeadView] = stacked_heads
    told: Mapping[str, Any] = field(default_factory=dict)


# From a config and the module of a norm to what must be known of it.
NormKind = Callable[[Any, nn.Module], Norm]


def rms_norm(config: Any, module: nn.Module) -> Norm:
    """RMSNorm."""
    return Norm(module, centred=False, eps=_eps(module))


def layer_norm(config: Any, module: nn.Module) -> Norm:
    """LayerNorm."""
    return Norm(module, centred=True, eps=_eps(module))


def _eps(module: nn.Module) -> float:
    """The module's own: a config may hold other classes' names for it too."""
    return float(module.eps if hasattr(module, "eps") else module.variance_epsilon)  # type: ignore[arg-type]


def understood(attributes: str, required: Mapping[str, Any] | None = None, **more: Any) -> Understood:
    """What is understood, from names with spaces between them."""
    return Understood(frozenset(attributes.split()), required or {}, **more)
