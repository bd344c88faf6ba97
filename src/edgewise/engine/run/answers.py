"""Where logits are read, and what follows from it: the last block matters at those positions alone.

Nothing after the last block mixes positions. So its query, its output projection and its MLP are needed where logits
are read, and nowhere else; elsewhere zero may stand for what they write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from edgewise.engine.run.hooks import Hooks
from edgewise.models import Wiring


@dataclass(frozen=True)
class Answers:
    """The positions at which a batch's logits are read.

    Args:
        positions: ``[batch, n_positions]``, counted from the first token that the run computes.
        real: False where a position is padding, a repetition of the row's last one.
    """

    positions: Int[Tensor, "batch n_positions"]
    real: Bool[Tensor, "batch n_positions"]
    _elsewhere: dict[torch.device, Answers] = field(default_factory=dict, repr=False, compare=False)

    def on(self, device: torch.device) -> Answers:
        """The same positions for tensors that live on a device; each is taken there once."""
        if device == self.positions.device:
            return self
        if device not in self._elsewhere:
            self._elsewhere[device] = Answers(self.positions.to(device), self.real.to(device))
        return self._elsewhere[device]

    def shifted(self, start: int) -> Answers:
        """The same positions for a run that begins ``start`` tokens later."""
        return Answers(self.positions - start, self.real)

    def repeated(self, times: int) -> Answers:
        """The same positions for a batch that is run so many times, copy after copy."""
        return Answers(self.positions.repeat(times, 1), self.real.repeat(times, 1))

    def read(self, x: Shaped[Tensor, "batch pos d"]) -> Shaped[Tensor, "batch n_positions d"]:
        """The vectors at each row's own positions."""
        here = self.on(x.device)
        return x[here._rows(), here.positions]

    def read_each(self, x: Shaped[Tensor, "each batch pos d"]) -> Shaped[Tensor, "each batch n_positions d"]:
        """The same of several tensors side by side."""
        here = self.on(x.device)
        return x[:, here._rows(), here.positions]

    def read_once(self, x: Float[Tensor, "batch pos d"]) -> Float[Tensor, "batch n_positions d"]:
        """The same, zero at padding: for what is summed over positions."""
        return self.read(x) * self.on(x.device).real[..., None]

    def spread(self, values: Float[Tensor, "batch n_positions d"], length: int) -> Float[Tensor, "batch pos d"]:
        """Put values back at their positions, zero elsewhere."""
        here, full = self.on(values.device), values.new_zeros(values.shape[0], length, values.shape[-1])
        once = values * here.real[..., None]
        return full.index_put((here._rows(), here.positions), once, accumulate=True)

    def narrow(self, hooks: Hooks, module: nn.Module) -> list[int]:
        """Let a module, and what follows it, see these positions only; the full length is noted for `widen`."""
        length: list[int] = []
        hooks.before(module, partial(self._narrowed, length))
        return length

    def widen(self, hooks: Hooks, module: nn.Module, length: list[int]) -> None:
        """Spread what a module returns over the full length again, after it or one before it was narrowed."""
        hooks.after(module, lambda out: self.spread(out, length[0]))

    @contextmanager
    def last_block(self, hooks: Hooks, wiring: Wiring) -> Iterator[None]:
        """Let the last block write at these positions only; hooks put on it within see what is there."""
        last = wiring.blocks[-1]
        ends = [(last.attention.out.module, last.attention.out.writer)]
        ends += [] if last.mlp is None else [(last.mlp.module, last.mlp.out)]
        lengths = [self.narrow(hooks, first) for first, _ in ends]
        yield
        for (_, final), length in zip(ends, lengths, strict=True):
            self.widen(hooks, final, length)

    def _narrowed(self, length: list[int], x: Float[Tensor, "batch pos d"]) -> Float[Tensor, "batch n_positions d"]:
        length[:] = [x.shape[1]]
        return self.read(x)

    def _rows(self) -> Tensor:
        return torch.arange(self.positions.shape[0], device=self.positions.device)[:, None]
