"""Modules that are one step to a rule set, though their code takes several: norms and activations.

An activation that is written out in products and powers has the derivative of one function of one number, and a norm
between the stream and its readers that of a norm, whatever the family's code does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import activation as torch_activations

from edgewise.engine.rules.mode import Ruled
from edgewise.engine.run.hooks import Hooks
from edgewise.errors import UnsupportedModelError
from edgewise.models import Wiring
from edgewise.models.lens import activations as lens_activations
from edgewise.models.norms import Norm

NOT_ELEMENTWISE = {"Softmax", "Softmin", "LogSoftmax", "Softmax2d", "MultiheadAttention", "GLU", "PReLU", "RReLU"}
# The modules whose classes are activations, of torch and of transformers.
OF_ACTIVATIONS = (torch_activations.__name__, "transformers.activations")
KINKED = {
    "ReLU",
    "ReLU6",
    "LeakyReLU",
    "Hardtanh",
    "Hardsigmoid",
    "Hardswish",
    "Threshold",
    "ReLUSquaredActivation",
    "ClippedGELUActivation",
}


def replace_units(hooks: Hooks, wiring: Wiring, mode: Ruled) -> None:
    """Let norms and activations of a borrowed model run as one step of a mode.

    Raises:
        UnsupportedModelError: an activation that mixes neurons, for rules that a single number's function needs.
    """
    norms = {id(norm.module): norm for norm in _norms(wiring) if norm.scaled}
    for norm in norms.values():
        hooks.skip(norm.module, partial(_norm, mode, norm, norm.module.forward))
    for module in wiring.module.modules():
        if _is_elementwise(module):
            hooks.skip(module, partial(_activation, mode, module.forward, _is_kinked(module)))
        elif not mode.rules.paired and _mixes_neurons(module):
            raise UnsupportedModelError(
                f"method '{mode.rules.name}' has no rule for an activation that mixes neurons, as SoLU does;"
                " use 'secant' or a method of plain gradients"
            )


def _norms(wiring: Wiring) -> list[Norm]:
    blocks = wiring.blocks
    before_mlps = [block.mlp.norm for block in blocks if block.mlp is not None]
    return [*(block.attention.norm for block in blocks), *before_mlps, wiring.final_norm]


def _norm(mode: Ruled, norm: Norm, forward: Any, x: Tensor) -> Tensor:
    return mode.norm_unit(forward, x, norm.gain(), removes_mean=norm.centred, eps=norm.eps)


def _activation(mode: Ruled, forward: Any, kinked: bool, x: Tensor) -> Tensor:
    return mode.activation_unit(forward, x, kinked=kinked)


def _is_elementwise(module: nn.Module) -> bool:
    kind = type(module)
    if isinstance(module, lens_activations.Elementwise):
        return module.function is not lens_activations.solu
    if kind is lens_activations.Xielu:
        return True
    if kind.__name__ == "BloomGelu":  # a function with a backward of its own, which no mode sees
        return True
    known = kind.__module__ in OF_ACTIVATIONS
    return known and kind.__name__ not in NOT_ELEMENTWISE


def _is_kinked(module: nn.Module) -> bool:
    function = getattr(module, "function", None)
    return type(module).__name__ in KINKED or getattr(function, "__name__", "") == "relu"


def _mixes_neurons(module: nn.Module) -> bool:
    is_solu = isinstance(module, lens_activations.Elementwise) and module.function is lens_activations.solu
    return is_solu or isinstance(module, lens_activations.NormedSolu)
