"""nnsight's names for a model's nodes and inputs: the values at these places are those that the graph is about."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from edgewise import hook_names
from edgewise.models import Model, load_model
from edgewise.models.wiring import input_major, linear_bias
from tiny import VOCABULARY, gpt2, llama

PLACE = re.compile(r"(?P<path>[\w.]+)\.(?P<side>input|output)(?:\[\.\.\., (?P<start>\d+):(?P<stop>\d+)\])?")


def test_names_that_were_worked_out_by_hand() -> None:
    """GPT-2 of width 32 with 4 heads: c_attn has 32 columns of queries, 32 of keys, 32 of values."""
    names = hook_names(load_model(gpt2()), "nnsight")
    assert names.theirs("a1.h2") == "transformer.h.1.attn.c_proj.input[..., 16:24]"
    assert names.theirs("a1.h2<k>") == "transformer.h.1.attn.c_attn.output[..., 48:56]"
    assert names.theirs("m1->logits") == "transformer.h.1.mlp.output->lm_head.input"
    assert names.ours("transformer.h.1.mlp.output->lm_head.input") == "m1->logits"
    grouped = hook_names(load_model(llama()), "nnsight")
    assert grouped.theirs("a0.kv1<v>") == "model.layers.0.self_attn.v_proj.output[..., 8:16]"
    assert grouped.theirs("input") == "model.layers.0.input"


@pytest.mark.parametrize("make", [gpt2, llama])
@torch.no_grad()
def test_what_stands_at_the_named_places_sums_to_the_stream(make: Callable[[], nn.Module]) -> None:
    model = load_model(make())
    names, blocks = hook_names(model, "nnsight"), model.wiring.blocks
    seen = _seen(model, torch.randint(VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(0)))
    total = torch.zeros(())
    for source in model.graph.sources:
        found = PLACE.fullmatch(names.theirs(source))
        assert found is not None
        value = seen[found["path"], found["side"]]
        if found["start"] is not None:
            columns = slice(int(found["start"]), int(found["stop"]))
            out = blocks[model.graph.writer(model.graph.source_index(source))[0]].attention.out.module
            value = value[..., columns] @ input_major(out)[columns]
        total = total + value
    biases = [linear_bias(block.attention.out.module) for block in blocks]
    total = total + sum(bias for bias in biases if bias is not None)
    final = {module: name for name, module in model.module.named_modules()}[model.wiring.final_norm.module]
    torch.testing.assert_close(total, seen[final, "input"])


def _seen(model: Model, ids: Tensor) -> dict[tuple[str, str], Tensor]:
    """What every module was given and returned."""
    seen = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], output: object) -> None:
            given = args[0] if args else kwargs.get("hidden_states")
            seen[name, "output"] = output[0] if isinstance(output, tuple) else output
            seen[name, "input"] = given

        return hook

    handles = [x.register_forward_hook(keep(name), with_kwargs=True) for name, x in model.module.named_modules()]
    model.module(input_ids=ids)
    for handle in handles:
        handle.remove()
    return seen
