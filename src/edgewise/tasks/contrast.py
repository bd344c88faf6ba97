"""Answers of several tokens: where right and wrong ones first differ, and what they share before that.

    right " New York", wrong " New Jersey"  ->  shared " New"; right " York", wrong " Jersey"

The shared tokens go behind both prompts (teacher forcing), and logits are read at the last of them: there the model
has seen all that does not tell the answers apart. In a causal model that is the place where a continuation, made one
token at a time and having begun with the shared tokens, would choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.json_text import shown
from edgewise.tasks.encode import TextEncoder


@dataclass(frozen=True)
class Contrast:
    """What tells right answers from wrong ones.

    Args:
        shared: the tokens that all answers begin with.
        right: the tokens that follow them in the right answers, each once.
        wrong: likewise in the wrong ones.
    """

    shared: tuple[int, ...]
    right: tuple[int, ...]
    wrong: tuple[int, ...]


def contrast(encoder: TextEncoder, prompt: str | None, right: Sequence[str], wrong: Sequence[str]) -> Contrast:
    """Find the first token in which answers differ.

    Args:
        encoder: the tokenizer, wrapped.
        prompt: the prompt that the answers follow; None where it is given as ids.
        right: the right answers; one token each where there are no wrong ones.
        wrong: the wrong ones.

    Raises:
        DataError: an answer that is empty, fused with the prompt or unknown; one that another begins with; right and
            wrong answers that begin alike where others differ already.
    """
    if not wrong:
        return Contrast((), tuple(encoder.answers(prompt, right)), ())
    texts = (*right, *wrong)
    pieces = encoder.continuations(prompt, texts)
    n = _shared(pieces)
    short = next((text for text, ids in zip(texts, pieces, strict=True) if len(ids) == n), None)
    if short is not None:
        raise DataError(f"answer {shown(short)} is how another begins; give answers of which none continues another")
    following = [ids[n] for ids in pieces]
    ours, theirs = following[: len(right)], following[len(right) :]
    for text, token in zip(wrong, theirs, strict=True):
        if token in ours:
            alike = shown(right[ours.index(token)])
            raise DataError(
                f"right answer {alike} and wrong answer {shown(text)} begin with the same token, and others do not;"
                " give answers that differ in their first token, or one right and one wrong"
            )
    return Contrast(tuple(pieces[0][:n]), tuple(dict.fromkeys(ours)), tuple(dict.fromkeys(theirs)))


def _shared(pieces: Sequence[Sequence[int]]) -> int:
    """How many tokens all begin with."""
    n = 0
    while all(len(ids) > n for ids in pieces) and len({ids[n] for ids in pieces}) == 1:
        n += 1
    return n
