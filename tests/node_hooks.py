"""q, k and v of each head, and each MLP, of Hugging Face's GPT-2 and Llama: where they are, and runs that mix them.

Whole runs of whole prompts with plain hooks; nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Nodes = dict[str, tuple[nn.Module, slice]]


def nodes_by_name(module: nn.Module) -> Nodes:
    """The module that returns each node's value, and where in the output it is."""
    config, found = module.config, Nodes()
    heads = config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", heads)
    d_head, kv = config.hidden_size // heads, "h" if kv_heads == heads else "kv"
    layers = module.transformer.h if hasattr(module, "transformer") else module.model.layers
    for number, layer in enumerate(layers):
        if hasattr(layer, "attn"):
            parts = {letter: (layer.attn.c_attn, i * heads * d_head) for i, letter in enumerate("qkv")}
        else:
            parts = {letter: (getattr(layer.self_attn, f"{letter}_proj"), 0) for letter in "qkv"}
        for letter, (part, start) in parts.items():
            for head in range(heads if letter == "q" else kv_heads):
                name = f"a{number}.{'h' if letter == 'q' else kv}{head}<{letter}>"
                found[name] = part, slice(start + head * d_head, start + (head + 1) * d_head)
        found[f"m{number}"] = layer.mlp, slice(None)
    return found


def hooked(module: nn.Module, nodes: Nodes, hook: Callable[..., Any], ids: Tensor) -> Tensor:
    """Logits at every position, with a forward hook on every module of nodes."""
    handles = [part.register_forward_hook(hook) for part in {part: None for part, _ in nodes.values()}]
    try:
        return module(ids, use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()


def mixed_logits(module: nn.Module, clean: Tensor, corrupted: Tensor, names: Sequence[str], kept: Tensor) -> Tensor:
    """Logits of clean prompts whose nodes keep a share of their value, and have the corrupted one for the rest."""
    nodes, stored = nodes_by_name(module), dict[nn.Module, Tensor]()

    def store(part: nn.Module, _: Any, output: Tensor) -> None:
        stored[part] = output

    def mix(part: nn.Module, _: Any, output: Tensor) -> Tensor:
        share = torch.ones(output.shape[-1], dtype=kept.dtype)
        for name, value in zip(names, kept, strict=True):
            if nodes[name][0] is part:
                at = torch.zeros(output.shape[-1], dtype=torch.bool)
                at[nodes[name][1]] = True
                share = torch.where(at, value, share)
        return share * output + (1 - share) * stored[part]

    with torch.no_grad():
        hooked(module, nodes, store, corrupted)
    return hooked(module, nodes, mix, clean)
