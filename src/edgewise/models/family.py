"""One class of ``transformers`` that edgewise knows: the config it was written for, and how its modules are wired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from edgewise.models.norms import Norm
from edgewise.models.understood import Understood
from edgewise.models.wiring import Wiring


@dataclass(frozen=True)
class Family:
    """One row of a file in ``families``.

    Args:
        architecture: the class's name, as ``config.json`` gives it.
        note: what its blocks are, in a few words.
        understood: which configs it was written for.
        wire: from a loaded module of the class to its wiring.
    """

    architecture: str
    note: str
    understood: Understood
    wire: Callable[[Any], Wiring]


# From a config and the module of a norm to what must be known of it.
NormKind = Callable[[Any, nn.Module], Norm]


def rms_norm(config: Any, module: nn.Module) -> Norm:
    """RMSNorm."""
    return Norm(module, centred=False, eps=config.rms_norm_eps)


def layer_norm(config: Any, module: nn.Module) -> Norm:
    """LayerNorm, whatever the config calls its epsilon."""
    eps = config.layer_norm_eps if hasattr(config, "layer_norm_eps") else config.layer_norm_epsilon
    return Norm(module, centred=True, eps=eps)


def understood(attributes: str, required: Mapping[str, Any] | None = None, **more: Any) -> Understood:
    """What is understood, from names with spaces between them."""
    return Understood(frozenset(attributes.split()), required or {}, **more)
