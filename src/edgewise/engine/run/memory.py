"""How many prompts fit into one micro-batch: what a pass takes (`need`), and what is free (`room`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from edgewise import processes
from edgewise.engine.run.need import Need
from edgewise.engine.run.room import Room, release
from edgewise.models import Model
from edgewise.models.placement import device_of
from edgewise.out_of_memory import is_out_of_memory
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

Made = TypeVar("Made")


def micro_batch(
    model: Model, pairs: Sequence[PromptPair], conditions: Conditions = Conditions(), activations: float = 1.0
) -> int:
    """The number of prompts to run at a time: what was asked for, or what `fits`; raises as that does."""
    return conditions.batch_size or fits(model, pairs, conditions, activations)


def shared(rows: int, n_prompts: int, conditions: Conditions) -> int:
    """The same, where nobody says, in micro-batches that are alike and as many for each process."""
    return rows if conditions.batch_size else evenly(rows, n_prompts, processes.size())


def evenly(rows: int, n_prompts: int, n_processes: int = 1) -> int:
    """At most so many prompts at a time, in no more rounds of all processes than these take."""
    rounds = math.ceil(n_prompts / (rows * n_processes))
    return math.ceil(n_prompts / (rounds * n_processes))


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
        need.on(share).most(Room.now(device, conditions.max_memory), model.device)
        for device, share in shares(model).items()
    )


def shares(model: Model) -> dict[torch.device, float]:
    """The devices that a model's layers are on, each with its share of them; nearly always one, with all."""
    found, blocks = dict[torch.device, float](), model.wiring.blocks
    for layers in model.wiring.by_device():
        device = device_of(blocks[layers.start].module) or model.device
        found[device] = found.get(device, 0.0) + len(layers) / len(blocks)
    return found


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


def _page_in(model: Model) -> None:
    """Touch every page of the weights: a file that is mapped into memory counts as used only once it was read."""
    if model.device.type == "cpu":
        for parameter in model.module.parameters():
            parameter.detach().flatten()[::1024].sum()
