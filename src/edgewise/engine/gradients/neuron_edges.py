"""The edges of a few neurons on one micro-batch: into each from every source, and out of it to every destination.

    score(n -> v) = sum over pos, d_model of (o'_n - o_n) . dL/d(in_v)       o_n = a_n W_down[n]
    score(u -> n) = sum over pos, d_model of (o'_u - o_u) . da_n/d(in_m)^T dL/d(a_n)

``in_m`` is the stream as the neuron's MLP reads it, before its norm; ``o_n`` what the neuron adds to the stream, scaled
as by a norm behind the MLP. Summed over the neurons of an MLP the second is EAP's score of ``u -> m``, and without such
a norm the first, summed over destinations, is the neuron's own score. Chosen neurons are sources of one another too.

1. Run the corrupted prompts; keep what the sources wrote and the neurons' activations.
2. Run the clean prompts with taps at the neurons and at every destination from the first of their layers on, and run
   the backward pass down to that layer: as a destination's gradient arrives, multiply it with what the neurons before
   it would change.
3. For each neuron, pull its gradient back to the stream that its MLP reads, and multiply it with what sources change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.batch_passes import LogitGradient
from edgewise.engine.gradients.edge_sums import range_for
from edgewise.engine.gradients.products import edge_products
from edgewise.engine.gradients.run import DestinationGradient, DifferentiableRun
from edgewise.engine.run.activations import Site, Values, corrupted_activations, sites
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import repeated_cache
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.sources import ChangesThere, SourceOutputs, accumulation_dtype, source_changes
from edgewise.graph import Graph
from edgewise.models import Model
from edgewise.models.norms import Norm
from edgewise.models.wiring import Block, input_major


@dataclass(frozen=True)
class NeuronEdgeBatch:
    """What one micro-batch gives.

    Args:
        into: from every source, and from every chosen neuron, to each chosen neuron.
        out_of: from each chosen neuron to every destination.
        clean_logits: ``[batch, n_positions, vocab]``.
    """

    into: Float[Tensor, "batch neuron sources_and_neurons"]
    out_of: Float[Tensor, "batch neuron destination"]
    clean_logits: Float[Tensor, "batch n_positions vocab"]


@dataclass(frozen=True, eq=False)
class _Layer:
    """The chosen neurons of one layer.

    Args:
        site: their MLP's down projection.
        columns: their numbers within the MLP.
        rows: their places among all that are chosen.
    """

    site: Site
    columns: Tensor
    rows: slice


def neuron_edges(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, nodes: Sequence[int]
) -> NeuronEdgeBatch:
    """Scores of the edges of some neurons, from two forward passes and one backward pass.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: see `edgewise.engine.gradients.eap.edge_scores`.
        buffers: memory that several micro-batches use one after the other.
        nodes: rows of the `NeuronGraph`, neurons alone, rising.
    """
    layers, outputs = _layers(model, nodes), SourceOutputs(batch.start)
    scales = _Scales(model, layers)
    places = tuple(one.site for one in layers)
    corrupted = corrupted_activations(model, places, batch, outputs, scales.watch, with_logits=False)
    answers, graph, of_clean = corrupted.answers, model.graph, _Scales(model, layers)
    with borrowed(model.module) as hooks:
        run = DifferentiableRun(hooks, model.wiring, graph, answers, buffers, first=layers[0].site.layer)
        taps = [_Tap(hooks, model, one) for one in layers]
        of_clean.watch(hooks)
        run.forward(corrupted.ids, repeated_cache(corrupted.cache, 1))
    logits = run.logits.detach()
    changes = source_changes(
        model.wiring, graph, run.sources, outputs, answers=answers, differs=batch.differs, buffers=buffers
    )
    run.sources.clear()
    written = []
    for one, tap in zip(layers, taps, strict=True):
        other = corrupted.values[one.site]
        own = of_clean.scaled(one, tap.neurons.detach().reshape(other.shape))
        change = scales.scaled(one, other, batch.start) - own
        written.append(_written(model, one, change, answers, batch.differs))
    gradient = logit_gradient(logits, logits)
    scale = range_for(gradient, logits.dtype)
    dtype = accumulation_dtype(logits.dtype)
    out_of = torch.zeros(len(logits), len(nodes), graph.n_destinations, dtype=dtype, device=logits.device)
    sources = [graph.mlp_source(one.site.layer) for one in layers for _ in one.columns]
    run.backward(gradient * scale[:, None, None], partial(_add, written, sources, out_of), again=True)
    into = out_of.new_zeros(len(logits), len(nodes), graph.n_sources + len(nodes))
    for one, tap in zip(layers, taps, strict=True):
        _add_into(graph, one, tap, changes.parts, written, answers, into)
    factor = (1 / scale).to(dtype)[:, None, None]
    return NeuronEdgeBatch(into * factor, out_of * factor, logits)


class _Tap:
    """Keeps what an MLP's norm is given, its neurons, and the gradient there."""

    def __init__(self, hooks: Hooks, model: Model, layer: _Layer) -> None:
        mlp = model.wiring.blocks[layer.site.layer].mlp
        assert mlp is not None
        self.gradient: Tensor | None = None
        hooks.before(mlp.norm.module, self._keep_stream)
        hooks.before(layer.site.module, self._keep_neurons)

    def _keep_stream(self, stream: Tensor) -> Tensor:
        # Behind the engine's own view, whose gradient another hook waits for.
        self.stream = stream.view_as(stream)
        return self.stream

    def _keep_neurons(self, seen: Tensor) -> Tensor:
        self.neurons = seen.view_as(seen)
        self.neurons.register_hook(self._arrived)
        return self.neurons

    def _arrived(self, gradient: Tensor) -> None:
        if self.gradient is None:
            self.gradient = gradient

    def pulled(self, column: int) -> Float[Tensor, "batch pos d_model"]:
        """The gradient at the stream through one neuron alone."""
        assert self.gradient is not None
        alone = torch.zeros_like(self.gradient)
        alone[..., column] = self.gradient[..., column]
        (found,) = torch.autograd.grad(self.neurons, self.stream, alone, retain_graph=True)
        return found


def _layers(model: Model, nodes: Sequence[int]) -> list[_Layer]:
    found, done = list[_Layer](), 0
    for site in sites(model):
        columns = [node - site.nodes.start for node in nodes if site.nodes.start <= node < site.nodes.stop]
        if columns:
            found.append(_Layer(site, torch.tensor(columns), slice(done, done + len(columns))))
            done += len(columns)
    return found


def _written(
    model: Model,
    layer: _Layer,
    change: Float[Tensor, "batch pos k"],
    answers: Answers,
    differs: Tensor | None,
) -> ChangesThere:
    """What a layer's neurons' corrupted contributions to the stream differ by from their own."""
    number = layer.site.layer
    block, is_last = model.wiring.blocks[number], number == len(model.wiring.blocks) - 1
    if differs is not None:
        where = differs.to(change.device)[..., None]
        change = change * (answers.read(where) if is_last else where)
    wide = torch.einsum("bpk,kd->kbpd", change, _directions(block, layer, change.dtype))
    if is_last:
        return ChangesThere(layer.rows.start, wide[:0], wide)
    return ChangesThere(layer.rows.start, wide, answers.read_each(wide))


def _norm_after(block: Block, layer: _Layer) -> Norm | None:
    """The norm between an MLP and the stream: of the kind that stands behind the block's attention."""
    mlp, after = block.mlp, block.attention.out.after
    assert mlp is not None
    return None if after is None or mlp.out in (mlp.module, layer.site.module) else replace(after, module=mlp.out)


class _Scales:
    """The inverse scales that norms behind the chosen neurons' MLPs have in one run."""

    def __init__(self, model: Model, layers: Sequence[_Layer]) -> None:
        self._norms = {one.site: _norm_after(model.wiring.blocks[one.site.layer], one) for one in layers}
        self._last = len(model.wiring.blocks) - 1
        self._found: Values = {}

    def watch(self, hooks: Hooks) -> None:
        """Keep them as the run goes on."""
        for site, norm in self._norms.items():
            if norm is not None:
                hooks.after(site.module, partial(self._keep, site, norm))

    def _keep(self, site: Site, norm: Norm, made: Tensor) -> None:
        self._found[site] = norm.scale(made.detach().to(accumulation_dtype(made.dtype)))

    def scaled(
        self, layer: _Layer, neurons: Float[Tensor, "batch pos width"], start: int = 0
    ) -> Float[Tensor, "batch pos k"]:
        """The chosen activations, times these, in the accumulation type.

        Args:
            layer: whose.
            neurons: all of its MLP's.
            start: the position of the run that is the first of ``neurons``.
        """
        chosen = neurons[..., layer.columns].to(accumulation_dtype(neurons.dtype))
        scale = self._found.get(layer.site)
        if scale is None:
            return chosen
        return chosen * (scale if layer.site.layer == self._last else scale[:, start:])


def _directions(block: Block, layer: _Layer, dtype: torch.dtype) -> Float[Tensor, "k d_model"]:
    """What one unit of each chosen neuron adds to the stream."""
    weight, after = input_major(layer.site.module)[layer.columns].to(dtype), _norm_after(block, layer)
    gain = None if after is None else after.gain(dtype)
    return weight * block.attention.out.multiplier if gain is None else weight * gain


def _add(written: Sequence[ChangesThere], sources: Sequence[int], out_of: Tensor, at: DestinationGradient) -> None:
    """Add what a destination's gradient gives with the changes of the neurons that precede it."""
    before = sum(source < at.n_sources for source in sources)
    for rows, product in _products(written, before, at.at_answers, at.gradient, at.rows):
        out_of[at.rows, rows, at.columns] += product.to(out_of.device)


def _add_into(
    graph: Graph,
    layer: _Layer,
    tap: _Tap,
    changes: Sequence[ChangesThere],
    written: Sequence[ChangesThere],
    answers: Answers,
    into: Float[Tensor, "batch neuron sources_and_neurons"],
) -> None:
    """Fill in the edges into one layer's neurons, from sources and from the neurons of earlier layers."""
    number = layer.site.layer
    gradients = torch.stack([tap.pulled(column).to(into.dtype) for column in layer.columns.tolist()])
    at_answers = number == graph.spec.n_layers - 1
    if at_answers and gradients.shape[2] != answers.positions.shape[1]:
        gradients = torch.stack([answers.read_once(one) for one in gradients])
    for first, parts, before in (
        (0, changes, graph.sources_before_mlp(number)),
        (graph.n_sources, written, layer.rows.start),
    ):
        for rows, product in _products(parts, before, at_answers, gradients):
            into[:, layer.rows, first + rows.start : first + rows.stop] = product.mT.to(into.device)


def _products(
    parts: Sequence[ChangesThere],
    before: int,
    at_answers: bool,
    gradient: Float[Tensor, "destination batch read d_model"],
    prompts: slice = slice(None),
) -> Iterator[tuple[slice, Float[Tensor, "batch source destination"]]]:
    """The products of the first changes with gradients, part by part, each on its own device."""
    for part in parts:
        known = part.of(at_answers)[: max(0, before - part.first), prompts]
        if len(known):
            yield slice(part.first, part.first + len(known)), edge_products(known, gradient.to(known.device))
