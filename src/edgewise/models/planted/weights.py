"""A program made into a GPT-2: every weight of an ordinary ``GPT2LMHeadModel`` set, so that it computes the program.

1. The norms are the identity, by a constant of the position embedding in one pair in four (`models.identity_norms`).
2. Each signal s of the program has a pair (+s/4, -s/4) of its own; the rest stay zero. So the constant outweighs the
   signals in the stream's variance by more than 10^9, and the norms are the identity on them to 1e-9.
3. A weight w that reads a signal is (+2 w, -2 w) on its pair.
4. A head uses the first of its dimensions alone: q is multiplied by sqrt(d_head), which attention divides by, and
   the output projection writes its value as a pair. An MLP has one neuron.
5. The final norm's bias puts the logits' bias on the first constant pair, and the unembedding reads it there.

The constant belongs to the source ``input``, and is the same in clean and corrupted prompts. So resample ablation
leaves it alone, and so does the mean over prompts; zero ablation of ``input`` takes it away, and then a LayerNorm is
no identity any more and every edge from ``input`` counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import GPT2Config

from edgewise.graph import GraphSpec
from edgewise.models.identity_norms import blank_gpt2, hold_steady
from edgewise.models.planted.language import CONTEXT, ID, RIGHT, VOCABULARY, WRONG
from edgewise.models.planted.program import CHANNELS, PlantedProgram, signal_of
from edgewise.models.planted.shapes import pair_of
from edgewise.models.word_tokenizer import PADDING

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

STREAM = 0.25  # of a signal is what the stream holds


def build_module(program: PlantedProgram) -> GPT2LMHeadModel:
    """The program as a GPT-2 in float64 and evaluation mode."""
    module = blank_gpt2(_config(program.graph.spec))
    hold_steady(module)
    with torch.no_grad():
        _Compiled(program, module).write()
    return module


def _config(spec: GraphSpec) -> GPT2Config:
    return GPT2Config(
        vocab_size=len(VOCABULARY),
        n_positions=CONTEXT,
        n_embd=spec.d_model,
        n_layer=spec.n_layers,
        n_head=spec.n_heads,
        n_inner=1,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=ID[PADDING],
    )


@dataclass(frozen=True)
class _Compiled:
    """A program and the module whose zero weights it is written to."""

    program: PlantedProgram
    module: GPT2LMHeadModel

    def write(self) -> None:
        """Set every weight that is not zero."""
        body, graph = self.module.transformer, self.program.graph
        for channel in range(CHANNELS):
            signal = torch.from_numpy(self.program.embedding[:, channel].copy())
            body.wte.weight += signal[:, None] * self._written(channel)
        for layer, block in enumerate(body.h):
            for head in range(graph.spec.n_heads):
                self._head(block.attn, layer, head)
            self._mlp(block.mlp, layer)
        self._logits(body.ln_f)

    def _head(self, attention: Any, layer: int, head: int) -> None:
        graph = self.program.graph
        d_head = graph.spec.d_model // graph.spec.n_heads
        for part, columns in enumerate((graph.q(layer), graph.k(layer), graph.v(layer))):
            scale = math.sqrt(d_head) if part == 0 else 1.0
            at = part * graph.spec.d_model + head * d_head
            attention.c_attn.weight[:, at] = scale * self._read(columns.start + head)
            attention.c_attn.bias[at] = scale * self.program.biases[columns.start + head]
        attention.c_proj.weight[head * d_head] = self._written(signal_of(graph.head_sources(layer).start + head))

    def _mlp(self, mlp: Any, layer: int) -> None:
        graph = self.program.graph
        mlp.c_fc.weight[:, 0] = self._read(graph.mlp(layer))
        mlp.c_fc.bias[0] = self.program.biases[graph.mlp(layer)]
        mlp.c_proj.weight[0] = self._written(signal_of(graph.mlp_source(layer)))

    def _logits(self, norm: nn.LayerNorm) -> None:
        column = self.program.graph.logits
        read = self._read(column)
        norm.bias[:2] = torch.tensor([1.0, -1.0]) * self.program.biases[column]
        read[:2] = torch.tensor([0.5, -0.5])
        self.module.lm_head.weight[ID[RIGHT]] = read
        self.module.lm_head.weight[ID[WRONG]] = -read

    def _written(self, signal: int) -> Tensor:
        """What a signal of one adds to the stream, `[d_model]`."""
        spec = self.program.graph.spec
        at, written = pair_of(spec, signal), torch.zeros(spec.d_model, dtype=torch.float64)
        written[at], written[at + 1] = STREAM, -STREAM
        return written

    def _read(self, column: int) -> Tensor:
        """The weights with which a destination reads the normed stream, `[d_model]`."""
        spec = self.program.graph.spec
        read = torch.zeros(spec.d_model, dtype=torch.float64)
        for signal, weight in enumerate(self.program.weights[:, column].tolist()):
            at = pair_of(spec, signal)
            read[at], read[at + 1] = weight / (2 * STREAM), -weight / (2 * STREAM)
        return read
