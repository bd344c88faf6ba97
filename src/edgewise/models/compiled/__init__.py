"""Programs compiled to transformers, with attention as saturated as it can be: ground truth that gradients miss.

    model = load_model("compiled:induction")
    prompts = make_task("compiled", model, n=20)
    model.circuit

1. ``language``: the words, and the tokenizer.
2. ``program``: what heads and MLPs look up, and which edges have an effect.
3. ``programs``: the programs.
4. ``weights``: a program as a ``GPT2LMHeadModel``.

Every variable is one-hot and the heads that the answer depends on attend to one position, or to several that hold the
same, as in the models that Tracr compiles (Lindner et al. 2023, "Tracr: Compiled transformers as a laboratory for
interpretability"). There the derivative of the answer along queries and keys is zero but for rounding, while patching
the edges into them changes the answer: the gradient at the clean run cannot see these edges.
"""

from __future__ import annotations

from edgewise.errors import ModelError, did_you_mean
from edgewise.models.compiled.language import build_tokenizer
from edgewise.models.compiled.program import CompiledProgram
from edgewise.models.compiled.programs import PROGRAMS
from edgewise.models.compiled.weights import build_module

__all__ = ["PREFIX", "PROGRAMS", "build_module", "build_tokenizer", "program_of"]

PREFIX = "compiled"


def program_of(name: str) -> CompiledProgram:
    """The program of a model's name such as ``"compiled:induction"``. Raises ModelError where there is none."""
    asked = name.removeprefix(PREFIX).removeprefix(":")
    if asked not in PROGRAMS:
        wrong = f"'{asked:.30}' is not a program" if asked else "the program is missing"
        near = did_you_mean(asked, PROGRAMS)
        raise ModelError(f"model '{name:.30}': {wrong}; write {PREFIX}: and one of {', '.join(PROGRAMS)}{near}")
    return PROGRAMS[asked]
