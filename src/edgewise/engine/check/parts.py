"""Norms, queries, keys and values: what the wiring says of them, against what the modules compute.

Scores and patched runs read these from one wiring, so a comparison of both would not see that two are exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from edgewise.engine.check.rows import ROUNDING, CheckRow, deviation
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.run.forward import run
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.models import Model
from edgewise.models.norms import Norm
from edgewise.models.placement import device_of
from edgewise.models.wiring import Attention, Projection

N_VECTORS = 8
# Inputs of a layer's attention that are changed, and by how many times their own size.
MOST_INPUTS, TIMES = 48, 3.0
# A change is compared with the largest one of its row, or with this share of what the layer's heads write.
SHARE = 0.1


def norms_row(model: Model) -> CheckRow:
    """Every norm's closed form, on vectors of the size of one and on such small ones that the epsilon counts."""
    worst, where = 0.0, "none"
    draw = torch.randn(N_VECTORS, model.graph.spec.d_model, generator=torch.Generator().manual_seed(0))
    for name, norm in _norms(model):
        unit = (0.5 + draw).to(device_of(norm.module) or model.device, model.dtype)
        for x in [unit, unit * norm.eps**0.5] if norm.scaled and norm.eps else [unit]:
            error = deviation(norm(x).detach(), _closed_form(norm, x))
            if not error <= worst:
                worst, where = error, name
    detail = f"on {N_VECTORS} vectors, and near zero; worst: for {where}"
    return CheckRow.of("norms as wired", worst, ROUNDING[model.dtype], detail)


def heads_row(model: Model, clean: CleanRun) -> CheckRow:
    """Whether each query counts at its own position and for its own head alone, each key and value from its position on
    for the heads that it serves, and whether what heads write moves along with a value. Where queries and keys are
    normed over all heads together, they may count for all of them.

    One forward pass: every layer is given the clean stream and, row by row, one input of its attention changed.
    """
    inputs = [_inputs(model, layer) for layer in range(model.graph.spec.n_layers)]
    length = clean.entered[0].shape[1]
    seen: list[Tensor] = [torch.empty(0)] * len(inputs)
    moves: list[list[Tensor]] = []
    with borrowed(model.module) as hooks, torch.no_grad():
        for layer, mine in enumerate(inputs):
            moves.append(_change(hooks, model, clean, layer, mine))
            hooks.before(model.wiring.blocks[layer].attention.out.module, partial(_note, seen, layer))
        hooks.skip(model.wiring.unembedding, lambda normed: normed[..., :1])
        run(model.wiring, clean.baseline.ids[:1].repeat(1 + len(inputs[0]), 1))
    worst, where = 0.0, "none"
    for layer, mine in enumerate(inputs):
        z = model.wiring.blocks[layer].attention.out.heads(seen[layer]).double()
        for number, (one, moved) in enumerate(zip(mine, moves[layer], strict=True)):
            change = z[1 + number] - z[0]
            error = _stray(one, change, moved.double(), length // 2, model.wiring.causal) / max(
                float(change.abs().max()), SHARE * float(z[0].abs().max()), 1e-30
            )
            if not error <= worst:
                worst, where = error, model.graph.destinations[one.column]
    detail = f"{sum(map(len, inputs))} inputs of heads; worst: {where}"
    return CheckRow.of("q, k, v as wired", worst, ROUNDING[model.dtype], detail)


@dataclass(frozen=True)
class _Input:
    """One input of an attention: which of q, k, v, whose head, its destination, and the heads it may change."""

    part: int
    head: int
    column: int
    serves: range


def _inputs(model: Model, layer: int) -> list[_Input]:
    """Some inputs of a layer's attention, drawn at random, as many in every layer."""
    graph = model.graph
    every = []
    for part, at in enumerate((graph.q(layer), graph.k(layer), graph.v(layer))):
        served = graph.spec.n_heads // (at.stop - at.start)
        joint = model.wiring.blocks[layer].attention.joint and part < 2
        for head, column in enumerate(range(at.start, at.stop)):
            serves = range(graph.spec.n_heads) if joint else range(head * served, (head + 1) * served)
            every.append(_Input(part, head, column, serves))
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(layer))
    return [every[i] for i in order[:MOST_INPUTS].tolist()]


def _change(hooks: Hooks, model: Model, clean: CleanRun, layer: int, inputs: list[_Input]) -> list[Tensor]:
    """Let a layer's attention run with one input changed a row, none in the first; returns by how much."""
    block, rows = model.wiring.blocks[layer], 1 + len(inputs)
    stream = clean.entered[layer][:1].repeat(rows, 1, 1)
    hooks.before(block.module, lambda _: stream)
    modules = {part.module for part in block.attention.projections}
    given = {module: clean.projected[module][:1].repeat(rows, 1, 1) for module in modules}
    moved = [_move(block.attention, given, 1 + number, one) for number, one in enumerate(inputs)]
    for module, output in given.items():
        hooks.skip(module, partial(_instead, output))
    width = model.graph.spec.d_model
    hooks.skip(block.attention.out.module, lambda z: z.new_zeros(*z.shape[:-1], width))
    if block.mlp is not None:
        clean.silence(hooks, layer)
    return moved


def _move(attention: Attention, given: dict[nn.Module, Tensor], row: int, one: _Input) -> Tensor:
    """Change one input at one position, in its row of what its module returns."""
    part: Projection = attention.projections[one.part]
    output = given[part.module][row : row + 1]
    at = output.shape[1] // 2
    before = part.view(output)[0, at, one.head].clone()
    draw = torch.randn(before.shape, generator=torch.Generator().manual_seed(one.column)).to(before)
    size = before.double().norm()
    after = before + (TIMES * (size if size > 0 else 1.0) / draw.double().norm()).to(draw) * draw
    part.view.write(output[:, at], one.head, after[None])
    return part.view(output)[0, at, one.head] - before


def _stray(one: _Input, change: Tensor, moved: Tensor, at: int, causal: bool) -> float:
    """The largest part of a change ``[pos, heads, d_head]`` that should not be there."""
    allowed = torch.zeros(change.shape[:2], dtype=torch.bool, device=change.device)
    first = at if one.part == 0 or causal else 0
    last = at + 1 if one.part == 0 else len(change)
    allowed[first:last, one.serves.start : one.serves.stop] = True
    stray = change.masked_fill(allowed[..., None], 0.0)
    if one.part == 2 and moved.norm() > 0:
        unit = moved / moved.norm()
        along = (change @ unit)[..., None] * unit
        stray = torch.where(allowed[..., None], change - along, stray)
    return float(stray.abs().max())


def _instead(output: Tensor, *_: object, **__: object) -> Tensor:
    return output


def _note(seen: list[Tensor], layer: int, z: Tensor) -> None:
    seen[layer] = z


def _norms(model: Model) -> Iterator[tuple[str, Norm]]:
    """Every norm, by what reads through it."""
    for layer, block in enumerate(model.wiring.blocks):
        yield f"a{layer}", block.attention.norm
        if block.attention.out.after is not None:
            yield f"what a{layer} writes", block.attention.out.after
        if block.mlp is not None:
            yield f"m{layer}", block.mlp.norm
    yield "logits", model.wiring.final_norm


def _closed_form(norm: Norm, x: Tensor) -> Tensor:
    wide = x.to(accumulation_dtype(x.dtype))
    if not norm.scaled:
        return wide
    value, _ = norm.standardise(wide)
    gain, bias = norm.gain(), norm.bias()
    value = value if gain is None else value * gain
    return value if bias is None else value + bias
