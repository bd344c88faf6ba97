"""Whether a loaded model obeys what every score rests on.

Random token ids are enough: each row below must hold for every input.

1. The sources plus the constants (output projections' own biases) sum to the residual stream, in front of every norm.
2. With no edge patched, the logits are the clean ones.
3. With every edge patched by corrupted values, they are the corrupted ones.
4. Norms are what the wiring says, epsilon included; so are queries, keys and values, and whose they are.
5. EAP's score of an edge is the slope of the exact effect of patching it: edges of every kind, in float32 and
   float64. Half precision resolves no small step: there, scores must rank all edges as those of the same model in
   float32 do, where that model is at hand.
6. Parameters, hooks and ``requires_grad`` are afterwards as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from edgewise.engine.check.edges import N_EDGES, SLOPE, rank_correlation, scores_of, slope_rows
from edgewise.engine.check.parts import heads_row, norms_row
from edgewise.engine.check.rows import ROUNDING, CheckRow, deviation
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at, run
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.replacement import resample
from edgewise.engine.run.sources import recorded_outputs
from edgewise.models import Model
from edgewise.models.alone import alone
from edgewise.models.norms import Norm
from edgewise.tasks import PromptPair

N_PROMPTS = 2
N_TOKENS = 4
# How far the ranks of half precision's scores may be from float32's, as one minus their correlation.
RANKS = 0.1

# Told what is being done, how much of it is behind, and of how much.
Note = Callable[..., None]


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Tell nobody."""


def check_model(model: Model, *, reference: Callable[[], Model] | None = None, note: Note = silent) -> list[CheckRow]:
    """Measure everything on random prompts; calls from other threads wait until that is done.

    Args:
        model: the model.
        reference: loads the same model in float32; asked of models in half precision alone.
        note: told what is being done.

    Raises:
        ModelError: the model is in training mode.
    """
    with alone(model.module):
        return _checked(model, reference, note)


def _checked(model: Model, reference: Callable[[], Model] | None, note: Note) -> list[CheckRow]:
    model.require_eval()
    before = _traces(model.module)
    note("checking invariants")
    batch = _random_batch(model)
    with borrowed(model.module) as hooks:
        clean = logits_at(model, hooks, batch.clean, batch.answers)
    with borrowed(model.module) as hooks:
        corrupted = logits_at(model, hooks, batch.corrupted, batch.answers)
    batch = _answered(batch, clean, corrupted)
    baseline = resample(model, batch)
    edges = torch.tensor(model.graph.mask, device=model.device)

    def patched(mask: Tensor) -> Tensor:
        return patched_logits(model, baseline, mask[None])[0]

    tolerance = ROUNDING[model.dtype]
    kept = CleanRun(model, baseline)
    rows = [
        _sums_row(model, batch),
        CheckRow.compare("no edge patched = clean", patched(edges * 0.0), clean, tolerance, "logits"),
        CheckRow.compare("all edges patched = corrupted", patched(edges * 1.0), corrupted, tolerance, "logits"),
        norms_row(model),
        heads_row(model, kept),
    ]
    if model.dtype in SLOPE:
        rows += slope_rows(model, batch, partial(note, "patching single edges", total=N_EDGES))
    elif reference is not None:
        note("scoring, and again in float32")
        scores = scores_of(model, batch), scores_of(reference(), batch)
        ranks = 1 - rank_correlation(*scores, model.graph)
        rows.append(CheckRow.of("ranks edges as float32", ranks, RANKS, f"all {model.graph.n_edges:,}; 1 - Spearman's"))
    unchanged = _traces(model.module) == before
    rows.append(CheckRow("model as before", unchanged, 0.0, 0.0, "parameters, hooks, requires_grad, mode"))
    return rows


def _random_batch(model: Model) -> Batch:
    """Prompts that differ from their first token on."""
    generator = torch.Generator().manual_seed(0)
    length = min(N_TOKENS, model.max_positions or N_TOKENS)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, model.vocab_size, (count,), generator=generator).tolist())

    def pair() -> PromptPair:
        clean, corrupted = draw(length), draw(length)
        other = (clean[0] + 1) % model.vocab_size if corrupted[0] == clean[0] else corrupted[0]
        return PromptPair(clean, (other, *corrupted[1:]), (0,), (1,))

    return Batch.of([pair() for _ in range(N_PROMPTS)], model.device, causal=model.wiring.causal)


def _answered(batch: Batch, clean: Tensor, corrupted: Tensor) -> Batch:
    """The prompts with another answer where neither answer's logit depends on them, as of words never written."""
    moved = (corrupted - clean).abs().flatten(0, -2).amax(0)
    if bool(moved[:2].any()):
        return batch
    metric = replace(batch.metric, answers=torch.full_like(batch.metric.answers, int(moved.argmax())))
    return replace(batch, metric=metric)


def _sums_row(model: Model, batch: Batch) -> CheckRow:
    """In front of every norm, the stream against the sum of the sources and constants that precede it."""
    streams: dict[str, Tensor] = {}
    places = list(_places(model))
    with borrowed(model.module) as hooks, torch.no_grad():
        for place in places:
            hooks.before(place.norm.module, partial(streams.__setitem__, place.name))
        run(model.wiring, batch.clean)
    sources = recorded_outputs(model, batch.clean)
    total, added, worst, where = torch.zeros_like(sources[0]), 0, 0.0, "none"
    for place in places:
        total, added = total + sources[added : place.n_sources].sum(0), place.n_sources
        constants = [block.attention.out.bias() for block in model.wiring.blocks[: place.n_attentions]]
        known = sum((constant.to(total) for constant in constants if constant is not None), total)
        error = deviation(known, streams[place.name])
        if not error <= worst:
            worst, where = error, place.name
    detail = f"in front of {len(places)} norms; worst: that of {where}"
    return CheckRow.of("sources + constants = stream", worst, ROUNDING[model.dtype], detail)


@dataclass(frozen=True)
class _Place:
    """What reads the stream through a norm, and how many sources and attentions precede it."""

    name: str
    norm: Norm
    n_sources: int
    n_attentions: int


def _places(model: Model) -> Iterator[_Place]:
    graph, parallel = model.graph, model.graph.spec.parallel
    for layer, block in enumerate(model.wiring.blocks):
        yield _Place(f"a{layer}", block.attention.norm, graph.sources_before_attention(layer), layer)
        if block.mlp is not None:
            before = layer if parallel else layer + 1
            yield _Place(f"m{layer}", block.mlp.norm, graph.sources_before_mlp(layer), before)
    yield _Place("logits", model.wiring.final_norm, graph.n_sources, graph.spec.n_layers)


def _traces(module: nn.Module) -> list[object]:
    """What a run could leave behind: versions and flags of parameters, hook counts, modes."""
    parameters = [(id(p), p._version, p.requires_grad) for p in module.parameters()]
    modules = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in module.modules()]
    return [parameters, modules]
