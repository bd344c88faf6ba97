"""Running the model with any set of edges patched, many sets at once.

The stream of a patched run carries what the sources write in that run; each destination reads it with its own patches:

    in_v = stream + sum over u of mask[u, v] (replacement_u - o_u)

with ``o_u`` the output of u in the patched run itself. So the effect of patches upstream is felt downstream, and an
edge patched with what it carries anyway changes nothing. The mask is 1 where an edge is patched and 0 where it is not;
between, that share of the change. A module none of whose destinations is patched is left alone, to the bit. A mask may
say so of each place in the prompt by itself: then a token reads what the mask of its place says.

1. Rows are masks times prompts, mask after mask; as many masks at a time as make the run faster.
2. As each source writes, its change ``replacement_u - o_u`` is noted, ``d_model`` wide, if any destination reads it.
3. As a layer is about to read, its patched destinations are mixed of stream and changes, a few tokens at a time,
   normed, and projected by each head's own slice. The other heads keep what their module gives them, which is given
   the stream with all sources replaced where most heads read exactly that. A module that few heads would keep is not
   run but for one token; one smaller product makes these heads.
4. The last block and the logits are read where logits are wanted, and nowhere else.
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from edgewise.engine.patching.differentiable import TracedMixture
from edgewise.engine.patching.mixture import Mixture
from edgewise.engine.patching.projections import Latest, Part, fed, patch_projections
from edgewise.engine.patching.read_plan import Mask, Reading
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.replacement import Baseline
from edgewise.engine.run.sources import watch_heads
from edgewise.models import Model, Wiring
from edgewise.models.norms import Norm
from edgewise.models.placement import device_of
from edgewise.models.wiring import Attention, Block, Mlp

Place = torch.device | None


def patched_logits(
    model: Model, baseline: Baseline, masks: Mask, buffers: Buffers | None = None
) -> Float[Tensor, "masks batch n_positions vocab"]:
    """Logits of runs in which destinations read replaced values along some edges.

    With gradients enabled and masks that require them, the result has a gradient for every entry of the masks, and all
    masks are run together. Otherwise memory does not grow with the number of masks, but for the logits.

    Args:
        model: the model; untouched afterwards.
        baseline: the prompts and what patched edges carry.
        masks: ``[masks, n_sources, n_destinations]``: which edges are patched, or by what share. With one more axis,
            of the baseline's places, at each place; with two, for each place of a reader, and without gradients.
        buffers: memory that one call after the other may use; without, each call takes its own.
    """
    if torch.is_grad_enabled() and masks.requires_grad:
        return _run(model, baseline, masks, None)
    with torch.no_grad():
        scratch = Buffers() if buffers is None else buffers
        if masks.ndim > 4:
            return torch.cat([_run_by_reader(model, baseline, mask, scratch) for mask in masks])
        step = masks_at_once(baseline)
        groups = (masks[first : first + step] for first in range(0, len(masks), step))
        return torch.cat([_run(model, baseline, some, scratch) for some in groups])


def masks_at_once(baseline: Baseline) -> int:
    """How many masks to run together: more make nothing faster, and each takes memory for its prompts' sources."""
    return max(1, most_tokens(baseline.ids.device) // baseline.ids.numel())


def _run(model: Model, baseline: Baseline, masks: Tensor, buffers: Buffers | None) -> Tensor:
    """One run of all masks together; without buffers, with gradients."""
    n_masks = len(masks)
    answers = baseline.answers.repeated(n_masks)
    mixture: Mixture | TracedMixture
    if buffers is None:
        if masks.ndim > 4:
            raise ValueError("masks by reader have no gradients")
        mixture = TracedMixture(model.graph, answers, masks, baseline.replacement, baseline.places)
    else:
        mixture = Mixture(model.graph, answers, masks, baseline.replacement, buffers, baseline.places)
    with borrowed(model.module) as hooks:
        _PatchedRun(hooks, model.wiring, answers, mixture)
        logits = run(model.wiring, baseline.ids.repeat(n_masks, 1), repeated_cache(baseline.cache, n_masks))
    return logits.view(n_masks, -1, *logits.shape[1:])


def _run_by_reader(
    model: Model, baseline: Baseline, mask: Shaped[Tensor, "source destination place reader"], buffers: Buffers
) -> Tensor:
    """One run of one mask, in as many copies as there are readers.

    Each copy has the keys and values that its reader reads, and all have at each place what the copy of its reader
    gathers there, so that they are otherwise the same run.
    """
    places = baseline.places
    assert places is not None
    copies = mask.permute(3, 0, 1, 2).clone()
    still = torch.tensor(~model.graph.moved, device=mask.device)
    copies[:, :, still] = mask[:, still].diagonal(dim1=-2, dim2=-1)
    mixture = Mixture(model.graph, baseline.answers.repeated(places.n), copies, baseline.replacement, buffers, places)
    with borrowed(model.module) as hooks:
        # First, so that what is noted of the heads is what all copies have.
        for block in model.wiring.blocks:
            hooks.before(block.attention.out.module, partial(_gathered_by, places.everywhere, places.n))
        _PatchedRun(hooks, model.wiring, baseline.answers.repeated(places.n), mixture)
        logits = run(model.wiring, baseline.ids.repeat(places.n, 1), repeated_cache(baseline.cache, places.n))
    return logits[: len(baseline.ids)][None]


def _gathered_by(here: Int[Tensor, "batch pos"], n: int, z: Float[Tensor, "rows pos width"]) -> Tensor:
    """At each position what the copy of its place gathered, in every copy."""
    copies = z.unflatten(0, (n, -1))
    index = here.to(z.device)[None, ..., None].expand(1, *copies.shape[1:])
    gathered: Tensor = copies.gather(0, index).expand_as(copies).flatten(0, 1)
    return gathered


class _PatchedRun:
    """The hooks of one patched run: sources note their change, destinations read with their patches."""

    def __init__(self, hooks: Hooks, wiring: Wiring, answers: Answers, mixture: Mixture | TracedMixture) -> None:
        self._mixture, self._graph = mixture, mixture.graph
        self._answers = answers
        # Noted first: where no norm stands in front of the last MLP, it is that module itself that is narrowed below.
        self._before_mlp = [None if block.mlp is None else Latest(hooks, block.mlp.norm) for block in wiring.blocks]
        hooks.before(wiring.blocks[0].module, mixture.note_input)
        for layer, block in enumerate(wiring.blocks[:-1]):
            self._patch_block(hooks, layer, block, is_last=False)
        last = wiring.blocks[-1]
        with answers.last_block(hooks, wiring):
            self._patch_block(hooks, len(wiring.blocks) - 1, last, is_last=True)
        self._patch_logits(hooks, wiring)

    def _patch_block(self, hooks: Hooks, layer: int, block: Block, is_last: bool) -> None:
        attention, mlp = block.attention, block.mlp
        device = device_of(block.module)
        self._patch_attention(hooks, layer, attention, device)
        watch_heads(hooks, attention.out, lambda z: self._mixture.note_heads(layer, attention.out, z))
        if mlp is not None:
            self._patch_mlp(hooks, layer, mlp, device, is_last)
            hooks.after(mlp.out, lambda out: self._mixture.note_mlp(layer, out))

    def _patch_attention(self, hooks: Hooks, layer: int, attention: Attention, device: Place) -> None:
        columns = (self._graph.q(layer), self._graph.k(layer), self._graph.v(layer))
        modules: dict[nn.Module, list[Part]] = {}
        for projection, at in zip(attention.projections, columns, strict=True):
            modules.setdefault(projection.module, []).append(Part(projection, at))
        places = [slice(parts[0].at.start, parts[-1].at.stop) for parts in modules.values()]
        reading = self._mixture.plan(places, self._graph.sources_before_attention(layer), device)
        if reading is not None:
            patch_projections(hooks, self._mixture, attention.norm, modules, reading)

    def _patch_mlp(self, hooks: Hooks, layer: int, mlp: Mlp, device: Place, at_answers: bool) -> None:
        stream, column = self._before_mlp[layer], self._graph.mlp(layer)
        assert stream is not None
        n_sources = self._graph.sources_before_mlp(layer)
        reading = self._mixture.plan([slice(column, column + 1)], n_sources, device, at_answers=at_answers)
        if reading is not None:
            hooks.before(mlp.module, lambda normed: self._replace(normed, mlp.norm, reading, stream))

    def _patch_logits(self, hooks: Hooks, wiring: Wiring) -> None:
        stream, norm = Latest(hooks, wiring.final_norm), wiring.final_norm
        column, n_sources = self._graph.logits, self._graph.n_sources
        device = device_of(norm.module) or device_of(wiring.unembedding)
        reading = self._mixture.plan([slice(column, column + 1)], n_sources, device, at_answers=True)
        if reading is None:
            read_at(hooks, wiring, self._answers)
        else:
            read_at(hooks, wiring, self._answers, lambda normed: self._replace(normed, norm, reading, stream))

    def _replace(self, normed: Tensor, norm: Norm, reading: Reading, stream: Latest) -> Tensor:
        """The normed stream as the one destination of a place reads it."""
        if not len(reading.columns):
            return fed(normed, self._mixture, norm, reading, 0, stream)
        pieces = [norm(read.stream[0].to(normed.dtype)) for read in self._mixture.reads(reading, stream.get())]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
