"""Models that are built on the spot, every weight set by hand, so that their circuit is known.

Each kind is one package, and has the task of its own name: ``planted:3`` is asked ``planted``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from edgewise.errors import ModelError
from edgewise.graph import Circuit
from edgewise.models import compiled, planted
from edgewise.models.families import FAMILIES
from edgewise.models.model import Model

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast


class Built(NamedTuple):
    """A model as it was built."""

    module: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast
    circuit: Circuit


def _planted(name: str) -> Built:
    program = planted.draw_program(planted.seed_of(name))
    return Built(planted.build_module(program), planted.build_tokenizer(), program.circuit())


def _compiled(name: str) -> Built:
    program = compiled.program_of(name)
    return Built(compiled.build_module(program), compiled.build_tokenizer(program.name), program.circuit())


BUILT: dict[str, Callable[[str], Built]] = {planted.PREFIX: _planted, compiled.PREFIX: _compiled}


def _made(name: str) -> Built:
    kind = kind_of(name)
    if kind is None:
        raise ModelError(
            f"model '{name:.30}' is not built by hand; those are {', '.join(f'{one}:...' for one in BUILT)}"
        )
    return BUILT[kind](name)


def kind_of(name: str) -> str | None:
    """``"planted"`` or ``"compiled"``; None for any other model. A folder of that name is ``./planted``."""
    kind = name.partition(":")[0]
    return kind if kind in BUILT else None


def load_built(
    name: str,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    tokenizer: Any | None = None,
) -> Model:
    """Make the model of a name such as ``"planted:3"``; the same name gives the same weights, bit for bit.

    Args:
        name: its kind and, behind a colon, which.
        dtype: float32 and float64 hold the weights of planted models exactly.
        device: where it runs.
        tokenizer: a tokenizer to use instead of its own.

    Returns:
        The model with its tokenizer and its circuit.

    Raises:
        ModelError: there is none of that name.
    """
    made = _made(name)
    made.module.config.name_or_path = name
    module = made.module.to(dtype=dtype, device=device)
    wiring = FAMILIES["GPT2LMHeadModel"].wire(module)
    return Model(name, wiring, tokenizer or made.tokenizer, circuit=made.circuit)


@lru_cache(maxsize=32)
def digest(name: str) -> str:
    """SHA-256 of a built model's weights and vocabulary: another one if the generator makes another model.

    Raises:
        ModelError: as `load_built`.
    """
    made, found = _made(name), hashlib.sha256()
    for key, weight in sorted(made.module.state_dict().items()):
        found.update(f"{key}\0{list(weight.shape)}\0".encode())
        found.update(weight.numpy().astype("<f8").tobytes())
    for word, index in sorted(made.tokenizer.get_vocab().items()):
        found.update(f"{word}\0{index}\0".encode())
    return found.hexdigest()
