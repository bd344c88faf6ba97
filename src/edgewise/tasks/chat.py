"""Prompts as a user's message in the tokenizer's chat template, answers as the first words of the reply.

The template alone says what stands around the message, BOS included: nothing is put before it. A reply begins without a
space, so those in front of answers fall away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgewise.errors import DataError, in_words
from edgewise.tasks.contrast import contrast
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.places import END, with_end
from edgewise.tasks.prompts import PromptPair, PromptSet, Span
from edgewise.tasks.tokenizer import Tokenizer


class ChatEncoder(TextEncoder):
    """Encode prompts as messages, and answers as replies.

    Args:
        tokenizer: one with a chat template.
        system: what the system says before; None for what the template has there.

    Raises:
        DataError: the tokenizer has no chat template, or that refuses a system message.
    """

    takes_ids = False

    def __init__(self, tokenizer: Tokenizer, system: str | None = None) -> None:
        """Try the template once."""
        super().__init__(tokenizer, bos=False)
        if not getattr(tokenizer, "chat_template", None):
            raise DataError("--chat: the model's tokenizer has no chat template; name a model tuned for chat")
        self._before = [] if system is None else [{"role": "system", "content": system}]
        self.rendered("a")

    def rendered(self, text: str) -> str:
        """The whole text that the model reads, up to where its reply begins."""
        messages = [*self._before, {"role": "user", "content": text}]
        try:
            said = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)  # type: ignore[attr-defined]
        except Exception as error:  # a template is a program of the model's makers, and raises what it likes
            fix = "; leave --system out" if self._before else "; leave --chat out"
            raise DataError(f"--chat: the chat template refuses ({in_words(error)}){fix}") from error
        return str(said)

    def _whole(self, text: str) -> str:
        return self.rendered(text)

    def prompt(self, text: str) -> list[int]:
        """Token ids of the message in its template."""
        return self.plain([self.rendered(text)])[0]

    def answers(self, prompt_text: str | None, answer_texts: Sequence[str], *, first_token: bool = False) -> list[int]:
        """Ids of the first tokens of replies; see `TextEncoder.answers`."""
        return super().answers(self._behind(prompt_text), _replies(answer_texts), first_token=first_token)

    def continuations(self, prompt_text: str | None, answer_texts: Sequence[str]) -> list[list[int]]:
        """All tokens of replies; see `TextEncoder.continuations`."""
        return super().continuations(self._behind(prompt_text), _replies(answer_texts))

    def lacks_space(self, text: str) -> bool:
        """No reply does."""
        return False

    def _behind(self, prompt_text: str | None) -> str | None:
        return None if prompt_text is None else self.rendered(prompt_text)


def as_chat(prompts: PromptSet, plain: TextEncoder, chat: ChatEncoder) -> PromptSet:
    """Prompts that were made as plain text, put into the template; each answer is read where right and wrong differ.

    Args:
        prompts: read at their last token.
        plain: what they were made with.
        chat: what they are to be read with.

    Raises:
        DataError: two answers that the template cannot tell apart, or clean and corrupted of different length there.
    """
    pairs = tuple(_as_chat(pair, plain, chat) for pair in prompts)
    uneven = next((pair for pair in pairs if len(pair.clean) != len(pair.corrupted)), None)
    if uneven is not None:
        lengths = f"{len(uneven.clean)} and {len(uneven.corrupted)} tokens"
        raise DataError(f"task {prompts.name!r}, row {uneven.row}: clean and corrupted have {lengths} in the template")
    return replace(prompts, pairs=pairs, bos=False)


def _as_chat(pair: PromptPair, plain: TextEncoder, chat: ChatEncoder) -> PromptPair:
    clean, corrupted = (plain.decode(ids[len(plain.prefix) :]) for ids in (pair.clean, pair.corrupted))
    right, wrong = ([plain.decode([token]) for token in ids] for ids in (pair.answers, pair.wrong_answers))
    found = contrast(chat, clean, right, wrong)
    ends = {span.name: _characters(span, pair.clean, plain) for span in pair.spans if span.name != END}
    now = (*chat.prompt(clean), *found.shared)
    return replace(
        pair,
        spans=with_end(chat.spans(clean, ends), len(now)) if ends else (),
        clean=now,
        corrupted=(*chat.prompt(corrupted), *found.shared),
        answers=found.right,
        wrong_answers=found.wrong,
        positions=(),
    )


def _characters(span: Span, ids: Sequence[int], plain: TextEncoder) -> tuple[int, int]:
    """The characters of a plain prompt's text that a span's tokens are."""
    before = len(plain.prefix)
    start, stop = (len(plain.decode(ids[before : max(before, end)])) for end in (span.start, span.stop))
    return start, stop


def _replies(texts: Sequence[str]) -> list[str]:
    return [text.lstrip(" ") for text in texts]
