"""What is used of a tokenizer."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer (`PreTrainedTokenizerBase`)."""

    @property
    def bos_token_id(self) -> int | None:
        """Id of the beginning-of-sequence token."""
        ...

    @property
    def eos_token_id(self) -> int | None:
        """Id of the end-of-sequence token."""
        ...

    @property
    def unk_token_id(self) -> int | None:
        """Id of the unknown token."""
        ...

    def __len__(self) -> int:
        """Number of tokens, those that were added included."""
        ...

    def __call__(self, text: list[str], **options: Any) -> Any:
        """Encode texts; the result maps "input_ids" to one list of ids a text."""
        ...

    def decode(self, token_ids: list[int]) -> Any:
        """Text of the ids."""
        ...
