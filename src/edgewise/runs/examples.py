"""Example prompts of a run, made while its model is loaded, so that its page needs none.

1. Every prompt's metric, clean and corrupted, as the method measured them; of very many, the first ones'.
2. The first prompts as tokens, and those on which the metric is lowest, which may be odd; of a distance, those that the
   corruption moves least.
3. What the model expects on the very first of them and on the lowest: one pass over these few.
4. Where the circuit's strongest heads look on one prompt: one pass over it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from edgewise.engine.rules.patterns import attention_patterns
from edgewise.engine.run.batches import divide
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.memory import halving, micro_batch
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import FloatArray
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.runs.methods import ScoringState
from edgewise.runs.shown_prompts import show_row, tokens
from edgewise.runs.store.examples import Attention, Example, Examples, HeadPattern, Likely
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

# Prompts whose tokens are kept; of these, those that the model is asked about; the lowest ones among each.
KEPT, ASKED, LOWEST = 100, 3, 5
# Prompts whose numbers are kept, beside the lowest, and tokens of those whose tokens are.
NUMBERED, MOST_KEPT = 2000, 10_000
N_LIKELIEST, N_HEADS, MOST_TOKENS = 5, 20, 128
_DIGITS = 6


def examples_of(
    model: Model,
    prompts: PromptSet,
    metric: Metric,
    state: ScoringState,
    scores: EdgeScores | NodeScores,
    circuit: Circuit,
    conditions: Conditions = Conditions(),
) -> Examples:
    """What is kept of a run's prompts.

    Args:
        model: loaded.
        prompts: those that were scored.
        metric: the run's.
        state: the method's, at the end.
        scores: the run's.
        circuit: the run's, whose heads are looked at.
        conditions: how many prompts are run at a time.
    """
    clean, corrupted = state.clean_metric, state.corrupted_metric
    rising = np.argsort(clean if metric.higher_is_better else corrupted, kind="stable").tolist()
    # Those with a number, by their places in the set; in what is kept, a place is one in this list.
    listed = sorted({*range(len(prompts))[:NUMBERED], *rising[:LOWEST]})
    asked = few_enough([*rising[:LOWEST], *range(len(prompts))[:ASKED]], prompts)
    shown = few_enough([*asked, *range(len(prompts))[:KEPT]], prompts)
    likely = dict(zip(asked, _likeliest(model, [prompts[place] for place in asked], conditions), strict=True))
    return Examples(
        metric.name,
        tuple(prompts[place].row or place + 1 for place in listed),
        _rounded(clean[listed]),
        _rounded(corrupted[listed]),
        tuple(
            Example(listed.index(place), show_row(prompts[place], model.tokenizer, place + 1), likely.get(place))
            for place in sorted(shown)
        ),
        _attention(model, prompts, strongest_heads(scores, circuit)),
    )


def few_enough(places: Sequence[int], prompts: PromptSet) -> list[int]:
    """The first of some prompts, each once, that have no more than `MOST_KEPT` tokens together; one at least."""
    total, kept = 0, list[int]()
    for place in dict.fromkeys(places):
        total += len(prompts[place])
        if kept and total > MOST_KEPT:
            break
        kept.append(place)
    return kept


def strongest_heads(scores: EdgeScores | NodeScores, circuit: Circuit, n: int = N_HEADS) -> tuple[str, ...]:
    """The heads of a circuit with the largest scores: of an edge that they write or read, or of themselves."""
    graph = circuit.graph
    sizes = np.nan_to_num(np.abs(scores.values)).astype(np.float64)
    if isinstance(scores, EdgeScores):
        kept = np.where(circuit.mask, sizes, 0.0)
        sizes = np.maximum(kept.max(1), np.where(graph.reads, kept.max(0), 0.0).max(1))
    order = np.argsort(-sizes, kind="stable")
    member = circuit.node_mask
    heads = (graph.sources[row] for row in order if member[row] and graph.sources[row].startswith("a"))
    return tuple(head for head, _ in zip(heads, range(n), strict=False))


def _likeliest(model: Model, pairs: Sequence[PromptPair], conditions: Conditions) -> tuple[Likely, ...]:
    size = micro_batch(model, pairs, conditions)
    return halving(size, model.device, partial(_likeliest_at_once, model, pairs))


def _likeliest_at_once(model: Model, pairs: Sequence[PromptPair], size: int) -> tuple[Likely, ...]:
    found: dict[int, Likely] = {}
    for rows, batch in divide(pairs, size, model.device, causal=model.wiring.causal):
        with borrowed(model.module) as hooks:
            logits = logits_at(model, hooks, batch.clean, batch.answers)
        for row, of_row in zip(rows, logits, strict=True):
            found[row] = _likeliest_of(model, of_row[len(pairs[row].positions) - 1])
    return tuple(found[row] for row in range(len(pairs)))


def _likeliest_of(model: Model, logits: Tensor) -> Likely:
    shares = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(-1)
    best = shares.topk(min(N_LIKELIEST, len(shares)))
    return Likely(tokens(best.indices.tolist(), model.tokenizer), _rounded(best.values.double().cpu().numpy()))


def _attention(model: Model, prompts: PromptSet, heads: Sequence[str]) -> Attention | None:
    """Where heads look on the first prompt, or, where that is long, on the shortest."""
    place = 0 if len(prompts[0]) <= MOST_TOKENS else min(range(len(prompts)), key=lambda i: len(prompts[i]))
    if not heads or len(prompts[place]) > MOST_TOKENS:
        return None
    patterns = attention_patterns(model, prompts[place].clean)
    found = []
    for head in heads:
        layer, number = model.graph.writer(model.graph.source_index(head))
        seen = patterns[layer]
        if seen is not None and number is not None:
            weights = (seen[number] * 255).round().clamp(0, 255).to(torch.uint8).numpy().tobytes()
            found.append(HeadPattern(head, b64encode(weights).decode()))
    row = prompts[place].row or place + 1
    return Attention(row, tokens(prompts[place].clean, model.tokenizer), tuple(found)) if found else None


def _rounded(values: FloatArray) -> tuple[float, ...]:
    """Numbers to so many digits: beyond them lies what depends on the micro-batch."""
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values.tolist())
