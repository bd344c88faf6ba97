"""Text to token ids, for any Hugging Face tokenizer, without surprises from special tokens.

A prompt gets at most what its tokenizer puts before text by default (BOS, or CLS where that plays its part),
and never what it puts after (EOS, SEP): the last token of a prompt is where the answer is predicted.
An answer is one token, read as the continuation of its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

from edgewise.errors import DataError
from edgewise.json_text import shown
from edgewise.tasks.prompts import Span

_PROBE = "a"
_OR_FIRST = ", or take the first of its tokens with --first-token"


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

    def spans(self, text: str, named: Mapping[str, tuple[int, int]], *, whole: bool = True) -> tuple[Span, ...]:
        """The tokens of a prompt that named parts of its text consist of.

        A token belongs to the part in which its first letter lies that is no space.

        Args:
            text: the prompt.
            named: name -> first character and the one behind the last; an empty part has no tokens.
            whole: refuse a part in which no token begins, rather than call it empty.

        Raises:
            DataError: a part that lies outside the text, or in which no token begins.
        """
        starts = self._starts(text)
        return tuple(_span(name, start, stop, starts, len(text), whole) for name, (start, stop) in named.items())

    def _starts(self, text: str) -> list[int]:
        """Of each token of a prompt, the character at which it begins; -1 of those that are put before the text."""
        ids, whole = self.prompt(text), self._whole(text)
        own = self.plain([whole])[0]
        try:
            (ends,) = self.tokenizer([whole], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        except NotImplementedError:  # a tokenizer without a fast implementation does not say
            lengths = [len(self.decode(own[:count])) for count in range(len(own) + 1)]
            ends = list(pairwise(lengths))
        before = whole.rfind(text)
        starts = [_first_letter(whole, start, stop) - before for start, stop in ends]
        return [-1] * (len(ids) - len(own)) + [max(start, -1) for start in starts]

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
            return [self._alone(text, ids, first_token) for text, ids in self._encoded(answer_texts)]
        splits = self._splits(prompt_text, answer_texts)
        return [
            self._one_token(prompt_text, text, split, first_token)
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
                self._alone(text, ids, True)
            return found
        splits = self._splits(prompt_text, answer_texts)
        for text, split in zip(answer_texts, splits, strict=True):
            self._one_token(prompt_text, text, split, True)
        return [split.pieces for split in splits]

    def _splits(self, prompt_text: str, answer_texts: Sequence[str]) -> list[_Split]:
        texts = [prompt_text, *(prompt_text + text for text in answer_texts), *answer_texts]
        prompt, *rest = self.plain(texts)
        both = zip(rest[: len(answer_texts)], rest[len(answer_texts) :], strict=True)
        return [_Split(prompt, together, by_itself) for together, by_itself in both]

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
            said = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"the model's tokenizer cannot read text such as {shown(texts[0], 40)} ({said:.160}); get the model's"
                " tokenizer files again, or give token ids"
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

    def _alone(self, text: str, ids: list[int], first_token: bool) -> int:
        if ids and (len(ids) == 1 or first_token) and ids[0] != self.unknown_id:
            return ids[0]
        pieces = "not one token" if len(ids) < 2 else f"{len(ids)} tokens {self._pieces(ids)}"
        fix = "; give its token id" if len(ids) < 2 else f"; give a token id{_OR_FIRST}"
        raise DataError(f"answer {shown(text)} is {pieces} by itself{fix}")

    def _one_token(self, prompt_text: str, text: str, split: _Split, first_token: bool) -> int:
        if not text:
            raise DataError("answer '' is empty; give one token")
        pieces = split.pieces
        fused = prompt_text[-1:].isspace() and prompt_text[-1] not in "\r\n" and not split.continues
        if fused or (len(pieces) != 1 and not (pieces and first_token)):
            raise DataError(self._why_not_one(text, pieces, fused))
        if pieces[0] == self.unknown_id:
            raise DataError(f"answer {shown(text)} is unknown to the tokenizer; use a word of its vocabulary")
        return pieces[0]

    def _why_not_one(self, text: str, pieces: list[int], fused: bool) -> str:
        if fused:
            return (
                f"answer {shown(text)} fuses with the space the prompt ends in; "
                f"end the prompt without it and give the answer as {' ' + text.lstrip()!r}"
            )
        spaced, what = " " + text, f"answer {shown(text)} is {len(pieces)} tokens {self._pieces(pieces)}"
        if self.lacks_space(text):
            return f"{what}; write {shown(spaced)}, which is one token"
        return f"{what}; use an answer that is one token{_OR_FIRST if pieces else ''}"

    def _pieces(self, ids: list[int]) -> list[str]:
        return [self.decode([piece]) for piece in ids]


def _first_letter(text: str, start: int, stop: int) -> int:
    """The first character from ``start`` on that is no space; ``start`` where all are spaces."""
    part = text[start:stop]
    return start + len(part) - len(part.lstrip()) if part.strip() else start


def _span(name: str, start: int, stop: int, starts: Sequence[int], length: int, whole: bool) -> Span:
    if not 0 <= start <= stop <= length:
        raise DataError(
            f"spans: '{name}' is [{start}, {stop}] and lies outside the text of {length} characters; use 0 to {length},"
            " start first"
        )
    mine = [at for at, first in enumerate(starts) if start <= first < stop]
    if start == stop or not (mine or whole):
        return Span(name, 0, 0)
    if not mine:
        raise DataError(f"spans: no token begins in '{name}' [{start}, {stop}]; give whole words")
    return Span(name, mine[0], mine[-1] + 1)


@dataclass(frozen=True)
class _Split:
    """How a tokenizer cuts a prompt, the prompt with an answer behind it, and the answer by itself."""

    prompt: list[int]
    together: list[int]
    alone: list[int]

    @property
    def continues(self) -> bool:
        """Whether the prompt's tokens are the same with the answer behind them."""
        return self.together[: len(self.prompt)] == self.prompt

    @property
    def pieces(self) -> list[int]:
        """The answer's tokens.

        Where the tokenizer would fuse prompt and answer (" 17" and "00" into " 1700", or two words that no space
        parts), the prompt ends where it ends all the same, and the tokens of the answer by itself are those read.
        """
        return self.together[len(self.prompt) :] if self.continues else self.alone
