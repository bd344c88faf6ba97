"""Heads and neurons of plain modules, by name, and whole runs that see or replace them; nothing of the engine.

Prompts are run one by one and from their first token, without a cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.tasks.prompts import PromptPair

OUT = r"(?:layers|h|blocks)\.(\d+)\.(?:self_attn|self_attention|attention|attn)\.(?:o_proj|out_proj|dense|c_proj|out)"
DOWN = r"(?:layers|h|blocks)\.(\d+)\.(?:mlp\.)?(?:down_proj|fc2|dense_4h_to_h|c_proj|w_out)"


def sites(module: nn.Module, pattern: str) -> list[nn.Module]:
    """The modules whose names end so, layer by layer."""
    found = {int(m[1]): part for name, part in module.named_modules() if (m := re.search(f"{pattern}$", name))}
    return [found[layer] for layer in sorted(found)]


class Nodes:
    """Where each node's activation is: the module and the numbers of its input."""

    def __init__(self, module: nn.Module, n_heads: int) -> None:
        self.module = module
        self.places: dict[str, tuple[nn.Module, slice]] = {}
        widths: dict[nn.Module, int] = {}

        def note(part: nn.Module, args: Any) -> None:
            widths[part] = args[0].shape[-1]

        outs, downs = sites(module, OUT), sites(module, DOWN)
        handles = [part.register_forward_pre_hook(note) for part in (*outs, *downs)]
        module(torch.tensor([[1, 2]]))
        for handle in handles:
            handle.remove()
        for layer, out in enumerate(outs):
            d_head = widths[out] // n_heads
            for head in range(n_heads):
                self.places[f"a{layer}.h{head}"] = out, slice(head * d_head, (head + 1) * d_head)
            if downs:
                down = downs[layer]
                names = {f"m{layer}.n{n}": (down, slice(n, n + 1)) for n in range(widths[down])}
                self.places |= names
        self.modules = list(dict.fromkeys(part for part, _ in self.places.values()))

    def run(self, ids: tuple[int, ...], change: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
        """Logits at every position; ``change`` sees each module's input, ``[1, pos, width]``, and may replace it."""

        def hook(part: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            x = args[0]
            return (change(part, x.reshape(1, -1, x.shape[-1])).reshape(x.shape), *args[1:])

        handles = [part.register_forward_pre_hook(hook) for part in self.modules]
        try:
            return self.module(input_ids=torch.tensor([ids])).logits[0]
        finally:
            for handle in handles:
                handle.remove()

    def activations(self, ids: tuple[int, ...]) -> dict[nn.Module, Tensor]:
        """What every module is given."""
        seen: dict[nn.Module, Tensor] = {}

        def keep(part: nn.Module, x: Tensor) -> Tensor:
            seen[part] = x.detach().clone()
            return x

        with torch.no_grad():
            self.run(ids, keep)
        return seen

    def patched(self, pair: PromptPair, shares: Mapping[str, float]) -> float:
        """The metric of a pair's clean prompt, each node moved by a share of the way to its corrupted activation."""
        other = self.activations(pair.corrupted)

        def change(part: nn.Module, x: Tensor) -> Tensor:
            x = x.clone()
            for name, share in shares.items():
                own, at = self.places[name]
                if own is part:
                    x[..., at] += share * (other[part][..., at] - x[..., at])
            return x

        with torch.no_grad():
            return float(metric(self.run(pair.clean, change), pair))

    def kept(self, pair: PromptPair, names: set[str]) -> float:
        """The metric with all nodes but some at their corrupted activations."""
        return self.patched(pair, {name: 1.0 for name in self.places if name not in names})

    def gradients(self, pair: PromptPair) -> dict[str, float]:
        """``(a' - a) . dL/da`` of every node."""
        own, other = self.activations(pair.clean), self.activations(pair.corrupted)
        leaves = {part: x.clone().requires_grad_(True) for part, x in own.items()}
        # An activation plus a zero that has a gradient: what comes before keeps its own path.
        zeros = {part: torch.zeros_like(x).requires_grad_(True) for part, x in leaves.items()}
        value = metric(self.run(pair.clean, lambda part, x: x + zeros[part]), pair)
        gradients = dict(zip(zeros, torch.autograd.grad(value, list(zeros.values())), strict=True))
        return {
            name: float(((other[part] - own[part]) * gradients[part])[..., at].sum())
            for name, (part, at) in self.places.items()
        }


def metric(logits: Tensor, pair: PromptPair) -> Tensor:
    """The logit difference: means over answers, over positions."""
    at = logits[list(pair.positions)]
    right, wrong = at[:, list(pair.answers)].mean(-1), at[:, list(pair.wrong_answers)].mean(-1)
    return (right - wrong).mean()
