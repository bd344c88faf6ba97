"""What a pass keeps in memory, by the model's shape and the prompts.

Per token of a prompt and layer, in numbers of the model's type, with D the width of the stream, Q, K, V those of all
heads' queries, keys and values, and F the inner width of the MLP:

    autograd keeps      2 D (the norms' inputs; as much again for each norm behind attention or MLP)
                        + 2 (Q + K + V) (projected, and turned or joined to the prefix)
                        + Q (what the heads write) + D (what the MLP writes) + 4 F (around the activation)
                        + 3 numbers a head and token of the prompt, where attention is not fused ("eager")
    the corrupted run   K + V (its keys and values) + Q + D (what its sources write)

the same once more for the layer at work, and once a token ``D`` for each source's change and for each gradient that
waits for others (`edgewise.engine.gradients.narrow`), in the accumulation type. On
top of that, whatever the micro-batch: one layer's gradients of all heads, and its weights with the norm folded in. An
allocator takes more than it is asked for; a quarter is added for that.

More tokens at a time make nothing faster beyond some number (`edgewise.engine.run.at_once`). In a wide model the
changes of all sources, which no plain pass holds, take more than all else; so a pass has no more prompts than take
`MORE_THAN_PLAIN` times what a plain forward and backward pass of that number of tokens would, or a gigabyte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from edgewise.engine.run.at_once import gradient_tokens, held, most_tokens
from edgewise.engine.run.room import Room, shown
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.errors import MemoryLimitError
from edgewise.models import Model
from edgewise.models.quantised import is_quantised, output_width
from edgewise.models.wiring import Mlp
from edgewise.tasks import PromptPair
from edgewise.tasks.places import places_of

ALLOCATOR = 1.25
MORE_THAN_PLAIN = 1.3
# So many bytes are never too much for a pass.
LITTLE = 2**30


@dataclass(frozen=True)
class Need:
    """What a pass takes of memory, by the model above.

    Args:
        each: bytes a prompt.
        once: bytes whatever the number of prompts.
        longest: tokens of the longest prompt.
        prompts: how many there are.
        one: bytes a prompt of edge attribution patching, whatever the pass.
        plain: bytes a prompt of a plain forward and backward pass.
    """

    each: int
    once: int
    longest: int
    prompts: int
    one: int
    plain: int

    @classmethod
    def of(cls, model: Model, pairs: Sequence[PromptPair], activations: float = 1.0) -> Need:
        """Of some prompts; args as of `fits`."""
        longest = max(len(pair) for pair in pairs)
        reads = max(len(pair.positions) for pair in pairs)
        one = bytes_per_prompt(model, longest, reads)
        each = int(activations * one)
        each += place_bytes(model, len(places_of(pairs)) ** (2 if pairs[0].located and pairs[0].located.readers else 1))
        plain = plain_bytes(model, longest, reads)
        return cls(each, fixed_bytes(model, longest), longest, len(pairs), one, plain)

    def on(self, share: float) -> Need:
        """What of it is on a device that has such a share of the layers."""
        return replace(self, each=int(self.each * share))

    def most(self, room: Room, device: torch.device) -> int:
        """How many prompts fit, and are worth running together on a device; raises as `fits`."""
        fitting = int((room.left - self.once) // self.each)
        if fitting < 1 and room.limit is not None:
            one = self.each + self.once
            raise MemoryLimitError(
                f"{shown(room.limit)} of memory are too little: {shown(room.used)} are in use, and one prompt of"
                f" {self.longest} tokens takes {shown(one)}; give at least {shown(room.used + one)}, or shorter prompts"
            )
        return max(1, min(fitting, self.worth(device), self.prompts))

    def worth(self, device: torch.device) -> int:
        """How many are worth running together: more are no faster, or hold much more than plain passes need."""
        plainly = most_tokens(device) // self.longest
        return min(plainly, int(max(LITTLE, MORE_THAN_PLAIN * plainly * self.plain) // self.one))


def bytes_per_prompt(model: Model, tokens: int, reads: int) -> int:
    """What one prompt pair of so many tokens, read at so many positions, adds to the peak of a pass."""
    graph, size = model.graph, model.dtype.itemsize
    a_layer = _kept_by_autograd(model, tokens) + _kept_of_corrupted(model)
    vectors = graph.n_sources + held(graph)
    changes = vectors * graph.spec.d_model * accumulation_dtype(model.dtype).itemsize
    scores = 3 * graph.n_sources * graph.n_destinations * 8
    layers = (len(model.wiring.blocks) + 1) * a_layer * size
    return int(ALLOCATOR * (tokens * (layers + changes) + scores + _logits(model, reads)))


def plain_bytes(model: Model, tokens: int, reads: int) -> int:
    """What a prompt adds to the peak of a plain forward and backward pass."""
    layers = len(model.wiring.blocks) * _kept_by_autograd(model, tokens) * model.dtype.itemsize
    return int(ALLOCATOR * (tokens * layers + _logits(model, reads)))


def _kept_by_autograd(model: Model, tokens: int) -> int:
    """Numbers a token and layer."""
    spec, block = model.graph.spec, model.wiring.blocks[0]
    q, kv = _widths(model)
    inner = 0 if block.mlp is None else inner_width(block.mlp)
    norms = spec.d_model * (2 if inner else 1)
    mlp = spec.d_model if inner else 0
    found = norms + 2 * (q + kv) + q + mlp + 4 * inner
    if block.attention.out.after is not None:
        found += 2 * norms
    if getattr(model.config, "_attn_implementation", None) == "eager":
        found += 3 * spec.n_heads * tokens  # every score, its softmax, and the product's copy
    return found


def _kept_of_corrupted(model: Model) -> int:
    """Numbers a token and layer."""
    q, kv = _widths(model)
    return kv + q + model.graph.spec.d_model


def _widths(model: Model) -> tuple[int, int]:
    """Of all queries, and of all keys and values."""
    out = model.wiring.blocks[0].attention.out
    return out.width, 2 * model.graph.spec.kv_heads * (out.width // out.n_heads)


def _logits(model: Model, reads: int) -> int:
    """Bytes of a prompt."""
    return 4 * reads * model.output_size * max(model.dtype.itemsize, 4)


def fixed_bytes(model: Model, tokens: int) -> int:
    """What a pass takes whatever the micro-batch: the gradients of one layer's heads, and their weights folded."""
    spec, size = model.graph.spec, accumulation_dtype(model.dtype).itemsize
    heads = spec.n_heads + 2 * spec.kv_heads
    d_head = model.wiring.blocks[0].attention.out.width // spec.n_heads
    return heads * spec.d_model * (max(gradient_tokens(model.device), tokens) + 2 * d_head) * size


def inner_width(mlp: Mlp) -> int:
    """The inner width of an MLP, read off its largest matrix; of experts, as many as a token goes through."""
    experts = max(int(getattr(part, "top_k", 1)) for part in mlp.module.modules())
    matrices = [p for p in mlp.module.parameters() if p.ndim > 1 and p.is_floating_point()]
    quantised = [output_width(part) for part in mlp.module.modules() if is_quantised(part)]
    wide = [max(p.shape[-2:]) * (experts if p.ndim > 2 else 1) for p in matrices]
    return max(wide + quantised, default=0)


def place_bytes(model: Model, n_places: int) -> int:
    """What one prompt's scores take where they are kept apart by place, or by place and reader."""
    return n_places * model.graph.mask.size * (2 * accumulation_dtype(model.dtype).itemsize + 8)
