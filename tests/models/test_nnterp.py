"""nnterp's own models: at the names that edgewise gives stands what the graph is about; where nnterp is installed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgewise import hook_names
from edgewise.models import load_model
from tiny import gpt2, llama

nnterp = pytest.importorskip("nnterp")


@pytest.mark.parametrize("make", [gpt2, llama])
def test_what_stands_at_its_names_is_what_the_graph_is_about(make: Callable[..., nn.Module], tmp_path: Path) -> None:
    """Sources and attention sum to the stream; inputs of MLPs and of the unembedding are those of the modules."""
    demo = load_model("demo")
    assert demo.tokenizer is not None
    make(vocab_size=demo.vocab_size, dtype=torch.float32).save_pretrained(tmp_path)  # type: ignore[operator]
    demo.tokenizer.save_pretrained(tmp_path)
    model, theirs = load_model(tmp_path), nnterp.StandardizedTransformer(str(tmp_path))
    names = hook_names(model, "nnterp")
    ids = torch.randint(2, 50, (2, 7), generator=torch.Generator().manual_seed(0))
    layers = model.graph.spec.n_layers
    seen: dict[str, Any] = {}
    with theirs.trace(ids):
        seen["input"] = at(theirs, names.theirs("input")).save()
        for layer in range(layers):
            seen[f"a{layer}"] = theirs.attentions_output[layer].save()
            seen[f"into m{layer}"] = at(theirs, names.destinations[f"m{layer}"]).save()
            seen[f"m{layer}"] = at(theirs, names.theirs(f"m{layer}")).save()
        seen["stream"] = theirs.ln_final.input.save()
        seen["into logits"] = at(theirs, names.destinations["logits"]).save()
    total = sum(plain(seen[name]) for name in ("input", *(f"{kind}{at}" for at in range(layers) for kind in "am")))
    torch.testing.assert_close(total, plain(seen["stream"]))
    given = inputs(model, ids)
    for layer in range(layers):
        torch.testing.assert_close(plain(seen[f"into m{layer}"]), given[f"m{layer}"])
    torch.testing.assert_close(plain(seen["into logits"]), given["logits"])


def at(model: Any, name: str) -> Any:
    """What a name stands for within a trace."""
    found = re.fullmatch(r"(\w+)\[(\d+)\]", name)
    if found is not None:
        return getattr(model, found[1])[int(found[2])]
    module, _, side = name.rpartition(".")
    return getattr(getattr(model, module), side)


def plain(value: Any) -> Tensor:
    tensor: Tensor = value[0] if isinstance(value, tuple) else value
    return tensor


def inputs(model: Any, ids: Tensor) -> dict[str, Tensor]:
    """What the MLPs and the unembedding are given, by hooks."""
    found: dict[str, Tensor] = {}
    modules = {f"m{layer}": block.mlp.module for layer, block in enumerate(model.wiring.blocks)}
    modules["logits"] = model.wiring.unembedding
    hooks = [
        module.register_forward_pre_hook(lambda _, args, name=name: found.__setitem__(name, args[0]))
        for name, module in modules.items()
    ]
    with torch.no_grad():
        model.module(input_ids=ids)
    for hook in hooks:
        hook.remove()
    return found
