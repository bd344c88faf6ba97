"""Text to token ids, for any Hugging Face tokenizer, without surprises from special tokens.

A prompt gets at most what its tokenizer puts before text by default (BOS, or CLS where that plays its part),
and never what it puts after (EOS, SEP): the last token of a prompt is where the answer is predicted.
An answer is one token, read as the continuation of its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from edgewise.errors import DataError, in_words
from edgewise.json_text import shown
from edgewise.tasks.answer_tokens import Split, alone, one_token
from edgewise.tasks.prompts import Span
from edgewise.tasks.text_spans import Letters, letters, text_span
from edgewise.tasks.tokenizer import Tokenizer

_PROBE = "a"


class TextEncoder:
    """Encode prompts and answers with one tokenizer and one choice of BOS.

    Args:
        tokenizer: a Hugging Face tokenizer.
        bos: put BOS before every prompt (True), never (False), or as the tokenizer does by default (None).

    Raises:
        DataError: BOS is asked for and the tokenizer has no such token.
    """

    takes_ids = True
    """Whether prompts may be given as token ids."""

    def __init__(self, tokenizer: Tokenizer, bos: bool | None = None) -> None:
        """Find out what the tokenizer does by default, once."""
        self.tokenizer = tokenizer
        default = self._default_prefix()
        self._prefix = self._chosen_prefix(default, bos)

    @property
    def bos(self) -> bool:
        """Whether prompts begin with BOS."""
        return bool(self._prefix)

    @property
    def prefix(self) -> tuple[int, ...]:
        """The ids put before every prompt: BOS, or nothing."""
        return self._prefix

    def prompt(self, text: str) -> list[int]:
        """Token ids of a prompt; text that already begins with BOS does not get a second one."""
        ids = self.plain([text])[0]
        prefix = list(self._prefix)
        return ids if prefix and ids[: len(prefix)] == prefix else prefix + ids

    def spans(
        self, text: str, named: Mapping[str, tuple[int, int]], *, whole: bool = True, uncut: bool = False
    ) -> tuple[Span, ...]:
        """The tokens of a prompt that named parts of its text consist of.

        A token belongs to the part in which its first letter lies that is no space.

        Args:
            text: the prompt.
            named: name -> first character and the one behind the last; an empty part has no tokens.
            whole: refuse a part in which no token begins, rather than call it empty.
            uncut: refuse a part that begins or ends within a token.

        Raises:
            DataError: a part that lies outside the text, or in which no token begins.
        """
        tokens = self._letters(text)
        return tuple(text_span(name, ends, tokens, text, whole=whole, uncut=uncut) for name, ends in named.items())

    def _letters(self, text: str) -> list[Letters]:
        """Where each token of a prompt lies in its text."""
        ids, whole = self.prompt(text), self._whole(text)
        own = self.plain([whole])[0]
        try:
            (ends,) = self.tokenizer([whole], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        except NotImplementedError:  # a tokenizer without a fast implementation does not say
            lengths = [len(self.decode(own[:count])) for count in range(len(own) + 1)]
            ends = list(pairwise(lengths))
        before = whole.rfind(text)
        return [Letters(-1, -1)] * (len(ids) - len(own)) + [letters(whole, start, stop, before) for start, stop in ends]

    def _whole(self, text: str) -> str:
        """The text that the tokens of a prompt are of."""
        return text

    def answer(self, prompt_text: str, answer_text: str) -> int:
        """Id of the answer as the one token that continues the prompt.

        Args:
            prompt_text: the prompt, without the answer.
            answer_text: the answer as it would follow, with its leading space if it has one.

        Raises:
            DataError: the answer is not one token there; the message says how it splits and what would work.
        """
        return self.answers(prompt_text, [answer_text])[0]

    def answers(self, prompt_text: str | None, answer_texts: Sequence[str], *, first_token: bool = False) -> list[int]:
        """Ids of several answers to one prompt, each as `answer` gives it.

        Args:
            prompt_text: the prompt; None where it is given as ids, and answers are read by themselves.
            answer_texts: the answers.
            first_token: of an answer that is several tokens, take the first.

        Raises:
            DataError: an answer that is not one token, or is unknown to the tokenizer.
        """
        if prompt_text is None:
            return [alone(self, text, ids, first_token) for text, ids in self._encoded(answer_texts)]
        splits = self._splits(prompt_text, answer_texts)
        return [
            one_token(self, prompt_text, text, split, first_token)
            for text, split in zip(answer_texts, splits, strict=True)
        ]

    def continuations(self, prompt_text: str | None, answer_texts: Sequence[str]) -> list[list[int]]:
        """All tokens of several answers, each behind the prompt.

        Args:
            prompt_text: the prompt; None where it is given as ids, and answers are read by themselves.
            answer_texts: the answers.

        Raises:
            DataError: an answer that is empty, fuses with the prompt, or is unknown to the tokenizer.
        """
        if prompt_text is None:
            found = self.plain(answer_texts)
            for text, ids in zip(answer_texts, found, strict=True):
                alone(self, text, ids, True)
            return found
        splits = self._splits(prompt_text, answer_texts)
        for text, split in zip(answer_texts, splits, strict=True):
            one_token(self, prompt_text, text, split, True)
        return [split.pieces for split in splits]

    def _splits(self, prompt_text: str, answer_texts: Sequence[str]) -> list[Split]:
        texts = [prompt_text, *(prompt_text + text for text in answer_texts), *answer_texts]
        prompt, *rest = self.plain(texts)
        both = zip(rest[: len(answer_texts)], rest[len(answer_texts) :], strict=True)
        return [Split(prompt, together, by_itself) for together, by_itself in both]

    def single(self, text: str) -> int | None:
        """Id of the text by itself if it is exactly one known token, else None (for choosing word lists)."""
        ids = self.plain([text])[0]
        return ids[0] if len(ids) == 1 and ids[0] != self.unknown_id else None

    def lacks_space(self, text: str) -> bool:
        """Whether a text would be one token with a space in front."""
        return not text[:1].isspace() and self.single(f" {text}") is not None

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, special tokens included."""
        return str(self.tokenizer.decode(list(ids)))

    @property
    def size(self) -> int:
        """Number of token ids it can decode."""
        return len(self.tokenizer)

    @property
    def unknown_id(self) -> int | None:
        """Id that stands for words the tokenizer does not know; None where it knows all text.

        Byte-level tokenizers give BOS or EOS that name too, and never produce it for text.
        """
        unknown = self.tokenizer.unk_token_id
        return None if unknown in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id) else unknown

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts, with nothing put before or behind them."""
        return self._ids(texts, add_special_tokens=False)

    def _ids(self, texts: Sequence[str], **options: Any) -> list[list[int]]:
        try:
            encoded = self.tokenizer(list(texts), padding=False, truncation=False, verbose=False, **options)
            return [list(ids) for ids in encoded["input_ids"]]
        except Exception as error:  # a damaged tokenizer loads, and then raises what its library likes
            raise DataError(
                f"the model's tokenizer cannot read text such as {shown(texts[0], 40)} ({in_words(error)}); get the"
                " model's tokenizer files again, or give token ids"
            ) from error

    def _default_prefix(self) -> tuple[int, ...]:
        plain = self.plain([_PROBE])[0]
        full = self._ids([_PROBE])[0]
        starts = range(len(full) - len(plain) + 1) if plain else range(0)
        before = next((i for i in starts if full[i : i + len(plain)] == plain), None)
        if before is None:  # the probe left no trace to find: an unknown word that is dropped
            before = int(full[:1] == [self.tokenizer.bos_token_id])
        return tuple(full[:before])

    def _chosen_prefix(self, default: tuple[int, ...], bos: bool | None) -> tuple[int, ...]:
        if bos is None:
            return default
        if not bos:
            return ()
        if default:
            return default
        if self.tokenizer.bos_token_id is None:
            raise DataError("BOS was asked for, but the tokenizer has no BOS token; use --no-bos")
        return (int(self.tokenizer.bos_token_id),)

    def _encoded(self, texts: Sequence[str]) -> list[tuple[str, list[int]]]:
        return list(zip(texts, self.plain(texts), strict=True))
