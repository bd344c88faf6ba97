"""How many prompts fit into one micro-batch: a model of what a pass keeps in memory, and of what is free.

Per token of a prompt and layer, in numbers of the model's type, with D the width of the stream, Q, K, V those of all
heads' queries, keys and values, and F the inner width of the MLP:

    autograd keeps      2 D (the norms' inputs; as much again for each norm behind attention or MLP)
                        + 2 (Q + K + V) (projected, and turned or joined to the prefix)
                        + Q (what the heads write) + D (what the MLP writes) + 4 F (around the activation)
                        + 3 numbers a head and token of the prompt, where attention is not fused ("eager")
    the corrupted run   K + V (its keys and values) + Q + D (what its sources write)

the same once more for the layer at work, and once a token ``D`` for each source's change, in the accumulation type. On
top of that, whatever the micro-batch: one layer's gradients of all heads, and its weights with the norm folded in. An
allocator takes more than it is asked for; a quarter is added for that.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import psutil
import torch

from edgewise import processes
from edgewise.engine.run.at_once import gradient_tokens, most_tokens
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.errors import MemoryLimitError
from edgewise.models import Model
from edgewise.models.placement import device_of
from edgewise.models.quantised import is_quantised, output_width
from edgewise.models.wiring import Mlp
from edgewise.out_of_memory import is_out_of_memory
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from edgewise.tasks.places import places_of

Made = TypeVar("Made")

ALLOCATOR = 1.25
# Of the memory that is free when nobody says how much to use; the rest is left to others.
SHARE_OF_FREE = 0.8


def micro_batch(
    model: Model, pairs: Sequence[PromptPair], conditions: Conditions = Conditions(), activations: float = 1.0
) -> int:
    """The number of prompts to run at a time: what was asked for, or what `fits`; raises as that does."""
    return conditions.batch_size or fits(model, pairs, conditions, activations)


def shared(rows: int, n_prompts: int, conditions: Conditions) -> int:
    """So many prompts at a time that every process has some of those that are run together, where nobody says."""
    return rows if conditions.batch_size else max(1, min(rows, math.ceil(n_prompts / processes.size())))


def fits(
    model: Model, pairs: Sequence[PromptPair], conditions: Conditions = Conditions(), activations: float = 1.0
) -> int:
    """The number of prompts that memory allows to run at a time.

    Args:
        model: the model, loaded.
        pairs: the prompts; the longest counts for all.
        conditions: how much memory may be used.
        activations: how many times the memory of one differentiable run the pass takes.

    Raises:
        MemoryLimitError: the memory is too little for one prompt.
    """
    return min(processes.each(lambda: _fits(model, pairs, conditions, activations)))


def _fits(model: Model, pairs: Sequence[PromptPair], conditions: Conditions, activations: float) -> int:
    """As many as fit in this process."""
    need = Need.of(model, pairs, activations)
    _page_in(model)
    return min(
        need.on(share).most(Room(_used(device), _free(device), _own_share(conditions.max_memory, device)), model.device)
        for device, share in shares(model).items()
    )


@dataclass(frozen=True)
class Room:
    """The memory of a device, once the model is there.

    Args:
        used: bytes in use.
        free: bytes that nobody uses.
        limit: bytes that may be in use; None for what is free, but a share that is left to others.
    """

    used: int
    free: int
    limit: int | None = None

    @property
    def left(self) -> float:
        """Bytes that a pass may take."""
        return SHARE_OF_FREE * self.free if self.limit is None else self.limit - self.used


@dataclass(frozen=True)
class Need:
    """What a pass takes of memory, by the model above.

    Args:
        each: bytes a prompt.
        once: bytes whatever the number of prompts.
        longest: tokens of the longest prompt.
        prompts: how many there are.
    """

    each: int
    once: int
    longest: int
    prompts: int

    @classmethod
    def of(cls, model: Model, pairs: Sequence[PromptPair], activations: float = 1.0) -> Need:
        """Of some prompts; args as of `fits`."""
        longest = max(len(pair) for pair in pairs)
        reads = max(len(pair.positions) for pair in pairs)
        each = int(activations * bytes_per_prompt(model, longest, reads))
        each += place_bytes(model, len(places_of(pairs)) ** (2 if pairs[0].located and pairs[0].located.readers else 1))
        return cls(each, fixed_bytes(model, longest), longest, len(pairs))

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
        return max(1, min(fitting, most_tokens(device) // self.longest, self.prompts))


def shares(model: Model) -> dict[torch.device, float]:
    """The devices that a model's layers are on, each with its share of them; nearly always one, with all."""
    found, blocks = dict[torch.device, float](), model.wiring.blocks
    for layers in model.wiring.by_device():
        device = device_of(blocks[layers.start].module) or model.device
        found[device] = found.get(device, 0.0) + len(layers) / len(blocks)
    return found


@dataclass(frozen=True)
class Allowances:
    """What a method may use that keeps something of every prompt, on each device of a model."""

    each: tuple[Allowance, ...]

    @classmethod
    def now(cls, model: Model, conditions: Conditions) -> Allowances:
        """Before the first prompt."""
        return cls(tuple(Allowance.now(device, conditions) for device in shares(model)))

    def require(self, done: int, total: int) -> None:
        """Refuse, after the first prompts, what will not fit for all; raises as `Allowance.require`."""
        for one in self.each:
            one.require(done, total)


@dataclass(frozen=True)
class Allowance:
    """The same on one device.

    Args:
        device: where it is kept.
        limit: bytes in use at the most.
        before: bytes that were in use before the first prompt.
    """

    device: torch.device
    limit: int
    before: int

    @classmethod
    def now(cls, device: torch.device, conditions: Conditions) -> Allowance:
        """Before the first prompt; where no limit is given, of what is free now."""
        used, limit = _used(device), _own_share(conditions.max_memory, device)
        return cls(device, used + int(SHARE_OF_FREE * _free(device)) if limit is None else limit, used)

    def require(self, done: int, total: int) -> None:
        """Refuse, after the first prompts, what will not fit for all.

        Raises:
            MemoryLimitError: naming how many prompts would fit.
        """
        each = max(0, _used(self.device) - self.before) / done
        if done < total and self.before + each * total > self.limit:
            fits = int((self.limit - self.before) // each)
            raise MemoryLimitError(
                f"{shown(self.limit)} of memory are too little to keep the runs of {total:,} prompts, which take about"
                f" {shown(int(self.before + each * total))}; give {max(fits, 1):,} prompts or fewer, or more memory"
            )


def bytes_per_prompt(model: Model, tokens: int, reads: int) -> int:
    """What one prompt pair of so many tokens, read at so many positions, adds to the peak of a pass."""
    spec, blocks = model.graph.spec, model.wiring.blocks
    size = model.dtype.itemsize
    out = blocks[0].attention.out
    q, kv = out.width, 2 * spec.kv_heads * (out.width // out.n_heads)
    inner = 0 if blocks[0].mlp is None else inner_width(blocks[0].mlp)
    wide = spec.d_model * (2 if inner else 1)
    a_layer = wide + 2 * (q + kv) + q + 4 * inner + kv + q + wide
    a_layer += 0 if out.after is None else 2 * wide
    if getattr(model.config, "_attn_implementation", None) == "eager":
        a_layer += 3 * spec.n_heads * tokens  # every score, its softmax, and the product's copy
    changes = model.graph.n_sources * spec.d_model * accumulation_dtype(model.dtype).itemsize
    scores = 3 * model.graph.n_sources * model.graph.n_destinations * 8
    logits = 4 * reads * model.output_size * max(size, 4)
    return int(ALLOCATOR * (tokens * ((len(blocks) + 1) * a_layer * size + changes) + scores + logits))


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


def halving(size: int, device: torch.device, make: Callable[[int], Made]) -> Made:
    """What is made so many prompts at a time, or half as many wherever memory runs out, down to one."""
    while True:
        try:
            return make(size)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(device)
        size = (size + 1) // 2


def release(device: torch.device) -> None:
    """Give back what a failed micro-batch had taken; circles that Python has not looked for yet hold some of it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def has_room(size: int, device: torch.device) -> bool:
    """Whether so many bytes are at most half of what is free."""
    return 2 * size <= _free(device)


def shown(size: int) -> str:
    """A number of bytes for people, such as ``"1.5 GB"``."""
    if size < 1e6:
        return f"{size:,} bytes"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _own_share(limit: int | None, device: torch.device) -> int | None:
    """What this process may use of what all on this machine may."""
    return None if limit is None else limit // (processes.here() if device.type == "cpu" else 1)


def _page_in(model: Model) -> None:
    """Touch every page of the weights: a file that is mapped into memory counts as used only once it was read."""
    if model.device.type == "cpu":
        for parameter in model.module.parameters():
            parameter.detach().flatten()[::1024].sum()


def _used(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + cached)
    return int(psutil.virtual_memory().available) // processes.here()
