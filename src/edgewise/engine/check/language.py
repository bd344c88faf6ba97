"""What a model says of plain English: random weights, or another model's tokenizer, pass every other check.

Its loss a token on a few sentences stands beside chance, ln(vocabulary), which is what random weights reach when all
tokens are as likely. Trained models of a hundred million weights and more reach a quarter to a half of it, and about
0.7 where they are told no more than which tokens are frequent, as by words in random order; random weights reach 1, and
trained ones with another's tokenizer more, for they are sure of what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.engine.run.forward import run
from edgewise.errors import DataError
from edgewise.models import Model
from edgewise.tasks.encode import TextEncoder

OPENINGS = (
    "The capital of France is the city of",
    "Monday, Tuesday, Wednesday,",
    "She was thirsty, so she drank a glass of",
)
SENTENCES = (
    "The weather was cold that morning, so she put on her warm coat and walked to the station to wait for the train.",
    "Water freezes at zero degrees and boils at one hundred degrees, as every child learns at school.",
    "He opened the door, looked around the room, and saw that there was nobody at home.",
    "The company said on Tuesday that it would open a new office in the city and hire about two hundred people.",
)
N_LIKELIEST = 5
# From this share of chance on, a loss is near it.
NEAR = 0.8


@dataclass(frozen=True)
class Continuation:
    """An opening, and the likeliest tokens after it with their probabilities, the likeliest first."""

    text: str
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Language:
    """What a model says.

    Args:
        continuations: of a few openings.
        loss: nats a token on plain sentences; None where they could not be put to the model.
        n_tokens: how many tokens that is the mean of.
        chance: the loss of a model that holds all tokens for as likely.
        why_not: why it was not asked, where there is nothing to be said about that.
        wrong: what is wrong with the tokenizer, if it cannot be this model's.
    """

    continuations: tuple[Continuation, ...] = ()
    loss: float | None = None
    n_tokens: int = 0
    chance: float = 0.0
    why_not: str | None = None
    wrong: str | None = None

    @property
    def warning(self) -> str | None:
        """What to beware of, in one line; None where there is nothing."""
        if self.wrong is not None:
            return f"{self.wrong}; load the model with the tokenizer that it was trained with"
        if self.loss is None or self.loss < NEAR * self.chance:
            return None
        return (
            f"the loss on plain English is {self.loss:.2f} nats a token, and chance is {self.chance:.2f}: weights are"
            " random or another model's, the tokenizer is another's, or the model was not trained on English"
        )


def language(model: Model) -> Language:
    """Ask a model for the next token after a few openings, and measure its loss on a few sentences."""
    if model.tokenizer is None:
        return Language(why_not="it has no tokenizer")
    if not model.wiring.causal:
        return Language(why_not="it reads in both directions, so it has no next token")
    try:
        encoder = TextEncoder(model.tokenizer, model.bos)
    except DataError as error:
        return Language(why_not=str(error))
    openings, sentences = (
        {text: encoder.prompt(text) for text in texts if _can_write(encoder, text)} for texts in (OPENINGS, SENTENCES)
    )
    if not sentences:
        return Language(why_not="its tokenizer knows no plain English")
    largest = max(max(ids) for ids in (*openings.values(), *sentences.values()))
    if largest >= min(model.vocab_size, model.output_size):
        return Language(
            wrong=f"the tokenizer gives plain English the token id {largest:,}, and the model has"
            f" {min(model.vocab_size, model.output_size):,} tokens"
        )
    losses = torch.cat([_losses(model, ids, len(encoder.prefix)) for ids in sentences.values()])
    said = [Continuation(text, _likeliest(model, encoder, ids)) for text, ids in openings.items()]
    return Language(tuple(said), float(losses.mean()), len(losses), math.log(model.output_size))


def _can_write(encoder: TextEncoder, text: str) -> bool:
    """Whether the tokenizer knows the words of a text: what its ids stand for has the text's letters."""
    ids = encoder.prompt(text)[len(encoder.prefix) :]
    return len(ids) > 1 and encoder.unknown_id not in ids and _letters(encoder.decode(ids)) == _letters(text)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _losses(model: Model, ids: Sequence[int], n_before: int) -> Tensor:
    """Nats of each token of a text but its first; the first too where something stands before it."""
    logits = _logits(model, ids)
    given = torch.tensor(ids[1 : len(logits)], device=logits.device)
    return -logits[:-1].log_softmax(-1).gather(-1, given[:, None])[max(0, n_before - 1) :, 0].cpu()


def _likeliest(model: Model, encoder: TextEncoder, ids: Sequence[int]) -> tuple[tuple[str, float], ...]:
    found = _logits(model, ids)[-1].softmax(-1).topk(min(N_LIKELIEST, model.output_size))
    return tuple(
        (encoder.decode([token]), share)
        for share, token in zip(found.values.tolist(), found.indices.tolist(), strict=True)
    )


@torch.no_grad()
def _logits(model: Model, ids: Sequence[int]) -> Tensor:
    """After each token that fits into the model's context, ``[pos, vocab]``."""
    return run(model.wiring, torch.tensor([ids[: model.max_positions]], device=model.device))[0].double()
