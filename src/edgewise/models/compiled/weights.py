"""A program compiled to a GPT-2: every weight of an ordinary ``GPT2LMHeadModel`` set, so that it computes the program.

1. Each value of each variable has a pair of the stream, which holds (+1/2, -1/2) where the variable has that value.
   The norms are the identity (`edgewise.models.identity_norms`).
2. A head has a dimension for each value: its key is 1 at k's, its query at q's less the step, and the score of a match
   is `COLDNESS`. A position whose query meets no key attends to the first one, whose score is half of that and which
   holds nothing. Where one position matches, all others have a weight of at most exp(-50).
3. An MLP has a neuron for each row of its table, which gives `STEEP` / 2 where all its inputs hold the row's values,
   and by ``gelu``'s tails exactly 0 where they do not.

The coldness, and attention to the first position otherwise, are those of Tracr (Lindner et al. 2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import GPT2Config

from edgewise.models.compiled.language import CONTEXT, FIRST_WORD, SIZE, WORDS, vocabulary
from edgewise.models.compiled.program import HEADS, POSITION, TOKEN, CompiledProgram, Head, Lookup
from edgewise.models.identity_norms import blank_gpt2, constant_pairs, hold_steady
from edgewise.models.word_tokenizer import PADDING

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

COLDNESS = 100.0
STEEP = 32.0
LOGIT = 4.0


def build_module(program: CompiledProgram) -> GPT2LMHeadModel:
    """The program as a GPT-2 in float64 and evaluation mode."""
    rows = [len(part.table) + 1 for part in program.parts if isinstance(part, Lookup)]
    words, width = vocabulary(program.name), program.graph.spec.d_model
    config = GPT2Config(
        vocab_size=len(words),
        n_positions=CONTEXT,
        n_embd=width,
        n_layer=program.layers,
        n_head=HEADS,
        n_inner=max(rows),
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=words.index(PADDING),
    )
    module = blank_gpt2(config)
    hold_steady(module)
    with torch.no_grad():
        _Compiled(program, module).write()
    return module


class _Compiled:
    """A program and the module whose weights it is written to."""

    def __init__(self, program: CompiledProgram, module: GPT2LMHeadModel) -> None:
        self._program, self._module = program, module
        self._width = program.graph.spec.d_model
        self._first = {name: index * SIZE for index, name in enumerate(program.variables)}

    def write(self) -> None:
        """Set every weight that the program needs."""
        body = self._module.transformer
        for value in range(len(WORDS)):
            body.wte.weight[FIRST_WORD + value] += self._written(TOKEN, value)
        for position in range(CONTEXT):
            body.wpe.weight[position] += self._written(POSITION, position)
        for part in self._program.parts:
            if isinstance(part, Head):
                self._head(body.h[part.layer].attn, part)
            else:
                self._mlp(body.h[part.layer].mlp, part)
        for value in range(SIZE):
            self._module.lm_head.weight[FIRST_WORD + value] = LOGIT * self._read(self._program.answer, value)

    def _head(self, attention: Any, part: Head) -> None:
        d_head = self._width // HEADS
        q, k, v = (turn * self._width + part.head * d_head for turn in range(3))
        cold = COLDNESS * math.sqrt(d_head)  # attention divides by the root
        weight, bias = attention.c_attn.weight, attention.c_attn.bias
        for value in range(SIZE):
            if value >= part.step:
                weight[:, q + value - part.step] = cold * self._read(part.q, value)
            weight[:, k + value] = self._read(part.k, value)
            weight[:, v + value] = self._read(part.v, value)
            attention.c_proj.weight[part.head * d_head + value] = self._written(part.out, value)
        bias[q + SIZE] = cold / 2
        weight[:, k + SIZE] = self._read(POSITION, 0)

    def _mlp(self, mlp: Any, part: Lookup) -> None:
        for neuron, (inputs, value) in enumerate(part.table.items()):
            pairs = zip(part.inputs, inputs, strict=True)
            mlp.c_fc.weight[:, neuron] = STEEP * self._sum(self._read(name, one) for name, one in pairs)
            mlp.c_fc.bias[neuron] = -STEEP * (len(inputs) - 0.5)
            mlp.c_proj.weight[neuron] = 2 / STEEP * self._written(part.out, value)
        if part.otherwise is not None:
            neuron = len(part.table)
            mlp.c_fc.weight[:, neuron] = -STEEP * self._sum(self._read(part.inputs[0], one) for one in range(SIZE))
            mlp.c_fc.bias[neuron] = STEEP / 2
            mlp.c_proj.weight[neuron] = 2 / STEEP * self._written(part.out, part.otherwise)

    def _written(self, variable: str, value: int) -> Tensor:
        """What a variable of that value adds to the stream, `[d_model]`."""
        return self._read(variable, value) / 2

    def _read(self, variable: str, value: int) -> Tensor:
        """The weights that give 1 where a variable has a value and 0 elsewhere, `[d_model]`."""
        at = 2 * (constant_pairs(self._width) + self._first[variable] + value)
        read = torch.zeros(self._width, dtype=torch.float64)
        read[at], read[at + 1] = 1.0, -1.0
        return read

    def _sum(self, reads: Iterable[Tensor]) -> Tensor:
        return torch.stack(list(reads)).sum(0)
