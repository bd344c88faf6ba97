"""A loaded model: the untouched module, its tokenizer and its wiring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from edgewise.errors import ModelError
from edgewise.graph import Circuit, Graph
from edgewise.models.adapted import within
from edgewise.models.reader import Reader
from edgewise.models.wiring import Wiring


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """What every method takes.

    Args:
        name: what the user called it, for messages and records.
        wiring: where the module reads and writes the residual stream.
        tokenizer: its Hugging Face tokenizer, or None where data are token ids.
        bos: whether text gets a beginning-of-sequence token when the user does not say; None does as the tokenizer
            does by default.
        circuit: its edges with an effect, where they are known by construction.
    """

    name: str
    wiring: Wiring
    tokenizer: Any | None = None
    bos: bool | None = None
    circuit: Circuit | None = None

    def __repr__(self) -> str:
        """Show its name, class, size and place."""
        kind = str(self.dtype).removeprefix("torch.")
        return f"Model({self.name!r}, {self.architecture}, {self.graph.n_edges:,} edges, {kind} on {self.device})"

    @property
    def module(self) -> nn.Module:
        """The model itself."""
        return self.wiring.module

    @property
    def architecture(self) -> str:
        """The name of the module's class."""
        return type(within(self.module)).__name__

    @property
    def config(self) -> Any:
        """The module's config."""
        return self.module.config

    @cached_property
    def graph(self) -> Graph:
        """The model's residual-stream graph."""
        return Graph(self.wiring.spec)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights."""
        return next(self.module.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where token ids go."""
        return next(self.module.parameters()).device

    @property
    def reader(self) -> Reader:
        """What it reads and predicts."""
        return Reader(self.name, self.config, self.tokenizer, self.bos)

    @property
    def vocab_size(self) -> int:
        """Number of token ids that can be embedded."""
        return self.reader.vocab_size

    @property
    def output_size(self) -> int:
        """Number of token ids that can be predicted; compiled models may predict others than they read."""
        return self.reader.output_size

    @property
    def max_positions(self) -> int | None:
        """The context in tokens, where the model states one."""
        return self.reader.max_positions

    def require_eval(self) -> None:
        """Refuse a model in training mode: dropout would put noise into scores, even on identical prompts.

        Raises:
            ModelError: naming the first module that is in training mode.
        """
        for name, module in self.module.named_modules():
            if module.training:
                where = f"its module {name!r}" if name else "the model"
                raise ModelError(f"model {self.name!r}: {where} is in training mode; call model.eval() first")
