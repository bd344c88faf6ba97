"""Where the neurons of a model's MLPs stand: the linear module of each that maps them to the stream."""

from __future__ import annotations

from torch import nn
from transformers.pytorch_utils import Conv1D

from edgewise.errors import UnsupportedModelError
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.models.model import Model
from edgewise.models.wiring import Mlp

# What families call an MLP's last linear module.
_DOWN = frozenset({"down_proj", "c_proj", "fc2", "fc_out", "dense_4h_to_h", "w_out"})
_EXPERTS = "experts"


def down_projections(model: Model) -> tuple[nn.Module | None, ...]:
    """The module of each layer whose input is its neurons, side by side; None where a layer has no MLP.

    Raises:
        UnsupportedModelError: no layer has an MLP, one has experts, or its neurons cannot be told.
    """
    blocks = model.wiring.blocks
    found = tuple(None if block.mlp is None else _down(model, layer, block.mlp) for layer, block in enumerate(blocks))
    if not any(found):
        raise UnsupportedModelError(f"model {model.name!r} has attention alone, and so no neurons; leave --level out")
    return found


def neuron_graph(model: Model) -> NeuronGraph:
    """The heads and neurons of a model; raises as `down_projections`."""
    return NeuronGraph(model.graph.spec, tuple(_width(module) for module in down_projections(model)))


def _down(model: Model, layer: int, mlp: Mlp) -> nn.Module:
    """The down projection of an MLP: what writes to the stream itself, or a part that is called so."""
    parts: dict[str, nn.Module] = dict(mlp.module.named_modules())
    if any(_EXPERTS in name.split(".") for name in parts):
        raise UnsupportedModelError(
            f"model {model.name!r}: the MLP of layer {layer} has experts, and which of their neurons are at work"
            " depends on the token; score its edges or nodes"
        )
    if mlp.out is not mlp.module and _is_linear(mlp.out):
        return mlp.out
    named = [part for name, part in parts.items() if name in _DOWN and _is_linear(part)]
    if len(named) != 1:
        raise UnsupportedModelError(
            f"model {model.name!r}: no part of layer {layer}'s {type(mlp.module).__name__} is known to be its down"
            f" projection ({', '.join(sorted(_DOWN))}); score its edges or nodes"
        )
    return named[0]


def _is_linear(module: nn.Module) -> bool:
    return hasattr(module, "in_features") or isinstance(module, Conv1D)


def _width(module: nn.Module | None) -> int:
    if module is None:
        return 0
    return int(module.weight.shape[0]) if isinstance(module, Conv1D) else int(module.in_features)  # type: ignore[arg-type]
