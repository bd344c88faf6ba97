"""Whether a loaded model obeys the invariants that every score rests on.

Random token ids are enough: each row below must hold for every input.

1. The sources plus the constants (output projections' own biases) sum to the residual stream.
2. With no edge patched, the logits are the clean ones.
3. With every edge patched by corrupted values, they are the corrupted ones.
4. EAP's score of an edge is the slope of the exact effect of patching it, by a small central difference.
5. Parameters, hooks and ``requires_grad`` are afterwards as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgewise.engine.attribute import edge_scores
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.forward import logits_at, run
from edgewise.engine.hooks import borrowed
from edgewise.engine.metric_gradient import metric_at
from edgewise.engine.patch import patched_logits
from edgewise.engine.replacement import Baseline, resample
from edgewise.engine.sources import accumulation_dtype, recorded_outputs
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.tasks import PromptPair

N_PROMPTS = 2
N_TOKENS = 8
N_EDGES = 20

# Largest error allowed, relative to the largest value compared: rounding of the whole forward pass.
ROUNDING = {torch.float64: 1e-5, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
# Step and tolerance of the central difference; half precision cannot resolve a small step.
SLOPE = {torch.float64: (1e-2, 5e-3), torch.float32: (5e-2, 2e-2)}


@dataclass(frozen=True)
class CheckRow:
    """One invariant.

    Args:
        name: what must hold.
        passed: whether it did.
        error: the largest deviation, relative to the largest value compared.
        tolerance: the largest deviation allowed.
        detail: what was compared.
    """

    name: str
    passed: bool
    error: float
    tolerance: float
    detail: str


def check_model(model: Model) -> list[CheckRow]:
    """Measure every invariant on random prompts.

    Raises:
        ModelError: the model is in training mode.
    """
    model.require_eval()
    before = _traces(model.module)
    batch = _random_batch(model)
    with borrowed(model.module) as hooks:
        clean = logits_at(model, hooks, batch.clean, batch.answers)
    with borrowed(model.module) as hooks:
        corrupted = logits_at(model, hooks, batch.corrupted, batch.answers)
    baseline = resample(model, batch)
    edges = torch.tensor(model.graph.mask, device=model.device)

    def patched(mask: Tensor) -> Tensor:
        return patched_logits(model, baseline, mask[None])[0]

    tolerance = ROUNDING[model.dtype]
    rows = [
        _row("sources + constants = stream", *_sums(model, batch), tolerance, "at the final norm"),
        _row("no edge patched = clean", patched(edges * 0.0), clean, tolerance, "logits"),
        _row("all edges patched = corrupted", patched(edges * 1.0), corrupted, tolerance, "logits"),
    ]
    if model.dtype in SLOPE:
        rows.append(_slopes(model, batch, baseline))
    unchanged = _traces(model.module) == before
    rows.append(CheckRow("model as before", unchanged, 0.0, 0.0, "parameters, hooks, requires_grad, mode"))
    return rows


def _random_batch(model: Model) -> Batch:
    generator = torch.Generator().manual_seed(0)
    length = min(N_TOKENS, model.max_positions or N_TOKENS)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, model.vocab_size, (count,), generator=generator).tolist())

    pairs = [PromptPair(draw(length), draw(length), (0,), (1,)) for _ in range(N_PROMPTS)]
    return Batch.of(pairs, model.device, causal=model.wiring.causal)


def _sums(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """The sum of all sources and constants, and the stream in front of the final norm."""
    seen: list[Tensor] = []
    with borrowed(model.module) as hooks, torch.no_grad():
        hooks.before(model.wiring.final_norm.module, lambda stream: seen.append(stream.detach()))
        run(model.wiring, batch.clean)
    total = recorded_outputs(model, batch.clean).sum(0)
    for block in model.wiring.blocks:
        constant = block.attention.out.bias()
        if constant is not None:
            total = total + constant.to(total.dtype)
    return total, seen[0]


def _slopes(model: Model, batch: Batch, baseline: Baseline) -> CheckRow:
    """EAP's scores of random edges against central differences of the exact effect."""
    metric = get_metric("logit-diff")

    def gradient(logits: Tensor) -> Tensor:
        return metric_at(metric, logits, batch.metric).gradient

    scores = edge_scores(model, batch, gradient, Buffers()).edges.mean(0)
    step, tolerance = SLOPE[model.dtype]
    existing = torch.tensor(model.graph.mask).nonzero()
    chosen = existing[torch.randperm(len(existing), generator=torch.Generator().manual_seed(0))[:N_EDGES]]
    masks = torch.zeros(2, len(chosen), *model.graph.mask.shape, dtype=accumulation_dtype(model.dtype))
    for sign, share in enumerate((step, -step)):
        masks[sign, torch.arange(len(chosen)), chosen[:, 0], chosen[:, 1]] = share
    logits = patched_logits(model, baseline, masks.flatten(0, 1).to(model.device))
    values = torch.stack([metric(one, batch.metric).double().mean() for one in logits]).view(2, -1)
    slopes = (values[0] - values[1]) / (2 * step)
    estimates = scores[chosen[:, 0], chosen[:, 1]].double()
    error = float((estimates - slopes).abs().max() / scores.abs().max().clamp_min(1e-30))
    detail = f"{len(slopes)} random edges, relative to the largest score"
    return CheckRow("EAP = slope of the exact effect", error <= tolerance, error, tolerance, detail)


def _row(name: str, measured: Tensor, expected: Tensor, tolerance: float, detail: str) -> CheckRow:
    scale = expected.double().abs().max().clamp_min(1e-30)
    error = float((measured.double() - expected.double()).abs().max() / scale)
    return CheckRow(name, error <= tolerance, error, tolerance, detail)


def _traces(module: nn.Module) -> list[object]:
    """What a run could leave behind: versions and flags of parameters, hook counts, modes."""
    parameters = [(id(p), p._version, p.requires_grad) for p in module.parameters()]
    modules = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in module.modules()]
    return [parameters, modules]
