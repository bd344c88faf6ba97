"""What a template says, as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgewise.tasks.templates.counts import Count
from edgewise.tasks.templates.options import Option
from edgewise.tasks.templates.patterns import Filler, Pattern

Corruption = Literal["resample", "same-length", "swap", "take"]
Tokens = Literal["one", "equal", "any"]


@dataclass(frozen=True)
class WordList:
    """Fillers that slots share.

    Args:
        name: what slots call it.
        fillers: in order, no text twice.
        distinct: a field in which the fillers of one prompt differ too, those of its corrupted counterpart included.
        after: texts behind each of which all words of a filler must be one token, and the same behind all; where there
            are none, fillers are tried in the sentences themselves.
        space: what stands between such a text and the word.
        least: how many fillers the template needs, where they are tried behind texts.
        within: the list of which this one has the fillers that can be used.
    """

    name: str
    fillers: tuple[Filler, ...]
    distinct: str | None = None
    after: tuple[str, ...] = ()
    space: str = " "
    least: int = 1
    within: WordList | None = None

    def shares(self, other: WordList) -> bool:
        """Whether it has fillers of the other's, which are then not twice in a prompt."""
        return (self.within or self) == (other.within or other)


@dataclass(frozen=True)
class Slot:
    """A slot; the slots of one list have different fillers in a prompt.

    Args:
        name: as it stands in braces.
        words: the list that it draws from.
        corrupt: what the corrupted prompt has in its place. "resample": another filler of the list, all of which take
            equally many tokens; "same-length": another that takes as many as this one; "swap": the filler of the slot
            `partner`, which gets this one's; "take": what `partner` stands for in the clean prompt. None: the same.
        partner: the slot that it changes places with, or takes the filler of.
        tokens: the fillers used: of "one" token, all of as many ("equal", those of the commonest number), or "any".
        count: how many fillers stand there, one behind the other; None for one.
        each: what is written for each of them, with braces for the filler.
    """

    name: str
    words: WordList
    corrupt: Corruption | None = None
    partner: str | None = None
    tokens: Tokens = "any"
    count: Count | None = None
    each: str = "{}"


@dataclass(frozen=True)
class Number:
    """A slot that is a whole number, each between two bounds as likely as any other.

    Args:
        name: as it stands in braces.
        least: the smallest.
        most: the largest.
    """

    name: str
    least: Count
    most: Count


@dataclass(frozen=True)
class Derived:
    """A slot that stands for other slots.

    Args:
        name: as it stands in braces.
        by: the slot or option whose text says what it stands for; None where it is always the same.
        cases: that text -> what it stands for; the one under "" where `by` is None.
        partner: the slot whose clean text stands there in the corrupted prompt; None for what follows from the others.
    """

    name: str
    by: str | None
    cases: Mapping[str, Pattern]
    partner: str | None = None


@dataclass(frozen=True)
class Step:
    """Slots that are drawn together.

    Args:
        slots: their names; `SENTENCE` for which of the sentences is taken.
        companions: every two of them are a pair that is on the side of the prompts: held out, or not.
    """

    slots: tuple[str, ...]
    companions: bool = False


SENTENCE = "sentence"
"""Stands for the choice of a sentence where the order of drawing is told; no slot is called so."""


@dataclass(frozen=True)
class SpanRule:
    """Where a named part of a prompt is.

    Args:
        name: of the part.
        kind: "slot": where a slot first stands; "after": the word behind another part; "until": what lies between the
            parts before another and that one, or the last word.
        of: the slot, or the part.
        by: the slot or option that says which slot; None where `of` is it.
        cases: its text -> the slot.
    """

    name: str
    kind: Literal["slot", "after", "until"]
    of: str = ""
    by: str | None = None
    cases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """Sentences that have the same answers.

    Args:
        clean: the prompts.
        corrupted: their counterparts in the same order; those of `clean` where the corrupted slots say it all.
        answers: the right ones, with their leading space.
        wrong_answers: those they are compared with; read from the corrupted prompt where they are `answers` again.
        when: slot or option -> the text that it must have for these sentences.
        names: of the sentences, for an option that names one; empty where they have none.
    """

    clean: tuple[Pattern, ...]
    corrupted: tuple[Pattern, ...]
    answers: tuple[Pattern, ...]
    wrong_answers: tuple[Pattern, ...]
    when: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """All its sentences and answers."""
        return (*self.clean, *self.corrupted, *self.answers, *self.wrong_answers)

    @property
    def sentences(self) -> tuple[tuple[Pattern, Pattern], ...]:
        """Clean and corrupted sentences, pair by pair."""
        return tuple(zip(self.clean, self.corrupted, strict=True))


@dataclass(frozen=True)
class Form:
    """One way to put the behaviour into tokens.

    Args:
        name: what it is called; empty where there is one form only.
        variants: each as likely as any other, but where they say when they are taken.
        draw: "discovery" and "held-out" -> what is drawn, in this order; empty: the sentence, then the slots.
    """

    name: str
    variants: tuple[Variant, ...]
    draw: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    def steps(self, held_out: bool) -> tuple[Step, ...]:
        """The order that is told for prompts of one side; none where none is."""
        return self.draw.get("held-out" if held_out else "discovery", ())


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
        numbers: name -> slot that is a number.
        derived: name -> slot that stands for others, each for such as stand before it.
        options: name -> what a user may choose.
        spans: parts of the prompt that have names; none: each slot is one.
    """

    name: str
    summary: str
    source: str
    metric: str
    slots: Mapping[str, Slot]
    forms: tuple[Form, ...]
    split: str | None
    several_tokens: bool = False
    numbers: Mapping[str, Number] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    spans: tuple[SpanRule, ...] = ()

    @property
    def holds_out(self) -> bool:
        """Whether it has held-out prompts."""
        return self.split is not None or any(
            step.companions for form in self.forms for steps in form.draw.values() for step in steps
        )

    @property
    def plain(self) -> bool:
        """Whether its fillers are tried behind texts, and so for plain prompts alone."""
        return any(slot.words.after for slot in self.slots.values())

    def made_of(self, name: str, known: Mapping[str, Filler]) -> Iterator[str]:
        """The slots that are drawn, numbers included, of which one is made, as far as is known what it stands for."""
        for other in self._parts_of(name, known):
            yield from self.made_of(other, known)
        if name in self.numbers or name in self.slots:
            yield name

    def involved(self, names: Iterable[str], known: Mapping[str, Filler]) -> set[str]:
        """The slots that are drawn for these, and for what stands in their place in the corrupted prompt."""
        seen, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                one = self.slots.get(name) or self.derived.get(name)
                left += [*self._parts_of(name, known), *([one.partner] if one is not None and one.partner else ())]
        return {name for name in seen if name in self.numbers or name in self.slots}

    def _parts_of(self, name: str, known: Mapping[str, Filler]) -> tuple[str, ...]:
        """What a slot needs to be drawn before it can stand there."""
        if name in self.numbers:
            return (*self.numbers[name].least.names, *self.numbers[name].most.names)
        if name in self.slots:
            count = self.slots[name].count
            return () if count is None else count.names
        if name not in self.derived:
            return ()
        one = self.derived[name]
        told = one.by is not None and one.by in known
        cases = [one.cases[known[str(one.by)].text]] if told else one.cases.values()
        used = (reference.slot for pattern in cases for reference in pattern.references)
        return (*([one.by] if one.by else ()), *used)
