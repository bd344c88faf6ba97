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

import re

from edgewise.errors import ModelError
from edgewise.models.planted.draw import draw_program
from edgewise.models.planted.language import build_tokenizer
from edgewise.models.planted.weights import build_module

__all__ = ["PREFIX", "build_module", "build_tokenizer", "draw_program", "seed_of"]

PREFIX = "planted"


def seed_of(name: str) -> int:
    """The seed in a planted model's name. Raises ModelError where there is none."""
    seed = name.removeprefix(PREFIX).removeprefix(":")
    if not re.fullmatch(r"[0-9]{1,18}", seed):
        wrong = f"'{seed:.30}' is not a seed" if seed else "the seed is missing"
        raise ModelError(
            f"model '{name:.30}': {wrong}; write {PREFIX}: and a whole number of at most 18 digits, such as {PREFIX}:3"
        )
    return int(seed)
