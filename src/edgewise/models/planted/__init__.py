"""Models whose circuit is known by construction: ground truth for tests and for whoever develops a method.

    model = load_model("planted:3")
    prompts = make_task("planted", model, n=20)
    model.circuit

1. ``language``: the words, what a prompt looks like, and the tokenizer.
2. ``program``: what is computed, as a wiring of single numbers, and which of its edges have an effect.
3. ``draw``: from a seed to a program whose planted edges all have an effect that can be seen.
4. ``weights``: the program as a ``GPT2LMHeadModel``.

The circuit is exactly the set of edges whose resample ablation, one edge at a time in the clean run, changes the
logit difference: by more than 0.05 on average over twenty prompts of the task, in float32; any other edge changes it
by rounding alone. It is a statement about patching with the paired corrupted prompt, not about zero ablation.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

import torch

from edgewise.errors import ModelError
from edgewise.models.families import FAMILIES
from edgewise.models.model import Model
from edgewise.models.planted.draw import draw_program
from edgewise.models.planted.language import build_tokenizer
from edgewise.models.planted.weights import build_module

__all__ = ["PREFIX", "digest", "is_planted", "load_planted"]

PREFIX = "planted"


def is_planted(name: str) -> bool:
    """Whether a model's name asks for a planted model; a folder of that name is ``./planted``."""
    return name == PREFIX or name.startswith(f"{PREFIX}:")


def load_planted(
    name: str,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    tokenizer: Any | None = None,
) -> Model:
    """Make the planted model of a name such as ``"planted:3"``; the same name gives the same weights, bit for bit.

    Args:
        name: ``planted:`` and a seed.
        dtype: float32 and float64 hold the weights exactly.
        device: where it runs.
        tokenizer: a tokenizer to use instead of its own.

    Returns:
        The model with its tokenizer and its circuit.

    Raises:
        ModelError: the seed is not a whole number of at most 18 digits.
    """
    program = draw_program(seed_of(name))
    module = build_module(program)
    module.config.name_or_path = name
    module = module.to(dtype=dtype, device=device)
    return Model(
        name, FAMILIES["GPT2LMHeadModel"].wire(module), tokenizer or build_tokenizer(), circuit=program.circuit()
    )


def seed_of(name: str) -> int:
    """The seed in a planted model's name. Raises ModelError where there is none."""
    seed = name.removeprefix(PREFIX).removeprefix(":")
    if not re.fullmatch(r"[0-9]{1,18}", seed):
        wrong = f"'{seed:.30}' is not a seed" if seed else "the seed is missing"
        raise ModelError(
            f"model '{name:.30}': {wrong}; write {PREFIX}: and a whole number of at most 18 digits, such as {PREFIX}:3"
        )
    return int(seed)


@lru_cache(maxsize=32)
def digest(name: str) -> str:
    """SHA-256 of a planted model's weights and vocabulary: another one if the generator makes another model.

    Raises:
        ModelError: as `load_planted`.
    """
    found = hashlib.sha256()
    for key, weight in sorted(build_module(draw_program(seed_of(name))).state_dict().items()):
        found.update(f"{key}\0{list(weight.shape)}\0".encode())
        found.update(weight.numpy().astype("<f8").tobytes())
    for word, index in sorted(build_tokenizer().get_vocab().items()):
        found.update(f"{word}\0{index}\0".encode())
    return found.hexdigest()
