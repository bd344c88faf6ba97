"""What the heads of one layer gather when their queries, or their keys, read a corrupted source.

Heads do not mix in front of the output projection, so one run of a layer's attention serves the edges from one source
to the queries of all its heads, and another one those to their keys. Sources lie side by side on the batch axis. The
attention is the model's own, with all that it does to queries and keys on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import borrowed
from edgewise.models.wiring import Projection


class PatchedAttention:
    """One layer's attention, to be run again with single edges patched.

    Args:
        clean: the clean run.
        layer: the layer.
    """

    def __init__(self, clean: CleanRun, layer: int) -> None:
        self._clean, self._layer = clean, layer
        self._attention = clean.model.wiring.blocks[layer].attention
        self.n_sources = clean.model.graph.sources_before_attention(layer)

    def gathered(
        self, part: Projection, heads: Sequence[int]
    ) -> Iterator[tuple[slice, Float[Tensor, "source batch pos width"]]]:
        """The output projection's input with each source's edges into some heads of one projection patched.

        Args:
            part: the layer's q or k.
            heads: of this projection, those that read the corrupted source.

        Yields:
            Sources, and what all heads gather (in the last layer where logits are read).
        """
        rows, tokens = self._clean.baseline.ids.shape
        at_once = max(1, most_tokens(self._clean.model.device) // (rows * tokens))
        for first in range(0, self.n_sources, at_once):
            sources = range(first, min(first + at_once, self.n_sources))
            z = self._run(len(sources), part, self._patched(part, heads, sources))
            yield slice(sources.start, sources.stop), z.unflatten(0, (len(sources), rows))

    @torch.no_grad()
    def _patched(self, part: Projection, heads: Sequence[int], sources: Sequence[int]) -> Tensor:
        """What the projection's module returns, source after source."""
        read = self._clean.reading(self._clean.entered[self._layer], sources)
        output = self._clean.projected[part.module].repeat(len(sources), 1, 1)
        at, bias = torch.tensor(heads, device=read.device), part.bias()
        weight = part.weight()[:, at]
        values = self._attention.norm(read) @ weight.flatten(1)
        values = values if bias is None else values + bias[at].flatten()
        part.view.write(output, at, values.unflatten(-1, weight.shape[1:]))
        return output

    @torch.no_grad()
    def _run(self, times: int, part: Projection, output: Tensor) -> Float[Tensor, "rows pos width"]:
        """Run the attention alone; everything before it and behind it is passed by."""
        clean, wiring, baseline, layer = self._clean, self._clean.model.wiring, self._clean.baseline, self._layer
        given = clean.projected_by(layer, times) | {part.module: output}
        answers, noted = baseline.answers.repeated(times), list[Tensor]()
        with borrowed(clean.model.module) as hooks:
            for other in range(len(wiring.blocks)):
                if other != layer:
                    clean.pass_through(hooks, other)
            stream = clean.entered[layer].repeat(times, 1, 1)
            hooks.before(wiring.blocks[layer].module, lambda _: stream)
            for module, made in given.items():
                hooks.skip(module, partial(_return, made))
            hooks.before(self._attention.out.module, noted.append)
            clean.silence_attention(hooks, layer)
            if wiring.blocks[layer].mlp is not None:
                clean.silence(hooks, layer)
            read_at(hooks, wiring, answers)
            hooks.skip(wiring.unembedding, lambda normed: normed)
            run(wiring, baseline.ids.repeat(times, 1), repeated_cache(baseline.cache, times))
        (z,) = noted
        return answers.read(z) if layer == len(wiring.blocks) - 1 else z


def _return(made: Tensor, *_: object, **__: object) -> Tensor:
    return made
