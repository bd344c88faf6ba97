"""What a template says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgewise.tasks.templates.patterns import Filler, Pattern

Corruption = Literal["resample", "same-length", "swap"]
Tokens = Literal["one", "equal", "any"]


@dataclass(frozen=True)
class WordList:
    """Fillers that slots share.

    Args:
        name: what slots call it.
        fillers: in order, no text twice.
        distinct: a field in which the fillers of one prompt differ too, those of its corrupted counterpart included.
    """

    name: str
    fillers: tuple[Filler, ...]
    distinct: str | None = None


@dataclass(frozen=True)
class Slot:
    """A slot; the slots of one list have different fillers in a prompt.

    Args:
        name: as it stands in braces.
        words: the list that it draws from.
        corrupt: what the corrupted prompt has in its place. "resample": another filler of the list, all of which take
            equally many tokens; "same-length": another that takes as many as this one; "swap": the filler of the slot
            `partner`, which gets this one's. None: the same filler.
        partner: the slot that it changes places with.
        tokens: the fillers used: of "one" token, all of as many ("equal", those of the commonest number), or "any".
    """

    name: str
    words: WordList
    corrupt: Corruption | None = None
    partner: str | None = None
    tokens: Tokens = "any"


@dataclass(frozen=True)
class Variant:
    """Sentences that have the same answers.

    Args:
        clean: the prompts.
        corrupted: their counterparts in the same order; those of `clean` where the corrupted slots say it all.
        answers: the right ones, with their leading space.
        wrong_answers: those they are compared with; read from the corrupted prompt where they are `answers` again.
    """

    clean: tuple[Pattern, ...]
    corrupted: tuple[Pattern, ...]
    answers: tuple[Pattern, ...]
    wrong_answers: tuple[Pattern, ...]

    @property
    def sentences(self) -> tuple[tuple[Pattern, Pattern], ...]:
        """Clean and corrupted sentences, pair by pair."""
        return tuple(zip(self.clean, self.corrupted, strict=True))


@dataclass(frozen=True)
class Form:
    """One way to put the behaviour into tokens.

    Args:
        name: what it is called; empty where there is one form only.
        variants: each as likely as any other.
    """

    name: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Template:
    """Prompts as sentences with slots.

    Args:
        name: for messages, and the source of randomness.
        summary: one line.
        source: where the behaviour is from.
        metric: what is meant for its prompts.
        slots: name -> slot.
        forms: tried in this order; the first that a tokenizer allows is taken.
        split: the list of which a third is for held-out prompts alone; None where no prompts are held out.
        several_tokens: whether answers may be, and are then read where right and wrong ones first differ.
    """

    name: str
    summary: str
    source: str
    metric: str
    slots: Mapping[str, Slot]
    forms: tuple[Form, ...]
    split: str | None
    several_tokens: bool = False
