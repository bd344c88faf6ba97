"""What a model reads and predicts: all that prompts need of it, known before its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgewise.models.model import Model


@dataclass(frozen=True, eq=False, repr=False)
class Reader:
    """A model's tokenizer, vocabulary and context.

    Args:
        name: what the user called the model.
        config: its config.
        tokenizer: its Hugging Face tokenizer, or None where data are token ids.
        bos: whether text gets a beginning-of-sequence token when the user does not say; None does as the tokenizer
            does by default.
    """

    name: str
    config: Any
    tokenizer: Any | None = None
    bos: bool | None = None

    def __repr__(self) -> str:
        """Show its name and the size of its vocabulary."""
        return f"Reader({self.name!r}, {self.vocab_size:,} tokens)"

    @property
    def vocab_size(self) -> int:
        """Number of token ids that can be embedded."""
        return int(self.config.vocab_size)

    @property
    def output_size(self) -> int:
        """Number of token ids that can be predicted; compiled models may predict others than they read."""
        return int(getattr(self.config, "output_size", self.vocab_size))

    @property
    def max_positions(self) -> int | None:
        """The context in tokens, where the model states one."""
        limit = getattr(self.config, "max_position_embeddings", None)
        return None if limit is None else int(limit)


@dataclass(frozen=True, eq=False)
class Opened:
    """A model that was found and understood, its weights not read yet.

    Args:
        reader: what it reads and predicts.
        load: reads the weights; raises as `load_model`.
        outline: the model without them (`edgewise.models.outline`), of its first so many layers, or of all: None. One
            that is made on the spot is given whole.
        packed: the file that the weights are unpacked from; None where they are stored as they are used.
    """

    reader: Reader
    load: Callable[[], Model]
    outline: Callable[[int | None], Model]
    packed: Path | None = None
