"""Prompts from a template: fillers drawn, sentences filled, pairs that do not align drawn again.

1. Draw a variant, a sentence of it, and a filler for every slot: others of its list than the slots before have.
2. Corrupt as the slots say.
3. Draw again where clean and corrupted are of different length or equal, or an answer is both right and wrong.

Held-out prompts have fillers of their own: a third of the list that the template divides, chosen by a hash of their
texts and by nothing else, so that the two sides share none, whatever seed and tokenizer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.contrast import Contrast, contrast
from edgewise.tasks.draft import draw_distinct, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptPair
from edgewise.tasks.templates.fit import Fitted
from edgewise.tasks.templates.patterns import Filler
from edgewise.tasks.templates.spans import slot_spans
from edgewise.tasks.templates.template import Slot, Template, Variant

_HELD_OUT_BYTES = 85  # of the 256 values of the hash's first byte: a third
_TRIES = 1000


@dataclass(frozen=True)
class Made:
    """One prompt as text and as tokens.

    Args:
        clean: the prompt.
        corrupted: its counterpart.
        answers: texts of the right continuations.
        wrong_answers: texts of those that they are compared with.
        fillers: slot -> what stands there in the clean prompt.
        pair: the same as token ids; its row is not numbered.
    """

    clean: str
    corrupted: str
    answers: tuple[str, ...]
    wrong_answers: tuple[str, ...]
    fillers: Mapping[str, str]
    pair: PromptPair


def is_held_out(filler: Filler) -> bool:
    """Whether a filler of the list that is divided stands in held-out prompts alone."""
    return hashlib.sha256(filler.text.encode()).digest()[0] < _HELD_OUT_BYTES


def draw(template: Template, fitted: Fitted, encoder: TextEncoder, *, n: int, seed: int, split: str) -> list[Made]:
    """Draw prompts, no clean text twice.

    Args:
        template: what to draw from.
        fitted: what the tokenizer allows of it.
        encoder: the tokenizer, wrapped.
        n: how many.
        seed: the same seed gives the same prompts.
        split: "discovery" or "held-out".

    Raises:
        DataError: the template holds no prompts out, has too few fillers on one side, or gives too few prompts.
    """
    if split == "held-out" and template.split is None:
        raise DataError(f"{template.name}: it holds no prompts out; name the list to divide with `split`")
    sides = {name: _side(template, fitted, name, split == "held-out") for name in fitted.fillers}
    drawing = _Drawing(template, fitted, encoder, sides, random_source(template.name, seed, split))
    return draw_distinct(drawing.one, n, template.name)


def _side(template: Template, fitted: Fitted, name: str, held_out: bool) -> tuple[Filler, ...]:
    fillers = fitted.fillers[name]
    if template.slots[name].words.name != template.split:
        return fillers
    side = tuple(filler for filler in fillers if is_held_out(filler) == held_out)
    if not side:
        which = "held-out" if held_out else "discovery"
        raise DataError(f"{template.name}: none of the {len(fillers)} fillers of slot {name!r} is for {which} prompts")
    return side


@dataclass
class _Drawing:
    """Draws prompts one after the other; `why` says why the last one was drawn again."""

    template: Template
    fitted: Fitted
    encoder: TextEncoder
    sides: Mapping[str, tuple[Filler, ...]]
    rng: Random
    why: str = ""
    made: dict[str, Made] = field(default_factory=dict)

    def one(self) -> Made:
        """The next prompt; raises DataError if a thousand in a row cannot be used."""
        for _ in range(_TRIES):
            variant = self.rng.choice(self.fitted.form.variants)
            sentence = self.rng.randrange(len(variant.clean))
            chosen = self._chosen(self._slots_of(variant, sentence))
            if chosen is not None and (made := self._once(variant, sentence, *chosen)) is not None:
                return made
        raise DataError(f"{self.template.name}: no prompt can be made of its fillers; in the last {_TRIES} {self.why}")

    def _slots_of(self, variant: Variant, sentence: int) -> list[Slot]:
        """The slots of a sentence and its answers, and those they change places with, in the template's order."""
        patterns = (*variant.sentences[sentence], *variant.answers, *variant.wrong_answers)
        names = {reference.slot for pattern in patterns for reference in pattern.references}
        names |= {str(slot.partner) for slot in self.template.slots.values() if slot.name in names and slot.partner}
        return [slot for name, slot in self.template.slots.items() if name in names]

    def _chosen(self, slots: Sequence[Slot]) -> tuple[dict[str, Filler], dict[str, Filler]] | None:
        """Fillers of clean and corrupted; None where a list has too few that go together."""
        clean: dict[str, Filler] = {}
        for slot in slots:
            if not self._draw_into(clean, slot, self.sides[slot.name], list(_taken(slot, slots, clean))):
                return None
        corrupted, fresh = dict(clean), dict(clean)
        for slot in slots:
            if slot.corrupt == "swap":
                partner = str(slot.partner)
                corrupted[slot.name], corrupted[partner] = clean[partner], clean[slot.name]
            elif slot.corrupt is not None:
                allowed = self._alike(slot, clean[slot.name])
                others = [*_taken(slot, slots, clean), *_taken(slot, slots, fresh)]
                if not self._draw_into(fresh, slot, allowed, [*others, clean[slot.name]]):
                    return None
                corrupted[slot.name] = fresh[slot.name]
        return clean, corrupted

    def _alike(self, slot: Slot, filler: Filler) -> tuple[Filler, ...]:
        counts = self.fitted.counts[slot.name]
        return tuple(other for other in self.sides[slot.name] if counts[other] == counts[filler])

    def _draw_into(
        self, into: dict[str, Filler], slot: Slot, allowed: Sequence[Filler], taken: Sequence[Filler]
    ) -> bool:
        left = [filler for filler in allowed if all(_apart(slot, filler, other) for other in taken)]
        if not left:
            self.why = f"slot {slot.name!r} had no filler left that differs from the others"
            return False
        into[slot.name] = self.rng.choice(left)
        return True

    def _read(self, clean: str, right: tuple[str, ...], wrong: tuple[str, ...]) -> Contrast:
        if self.template.several_tokens:
            return contrast(self.encoder, clean, right, wrong)
        ids = self.encoder.answers(clean, (*right, *wrong))
        return Contrast((), _each_once(ids[: len(right)]), _each_once(ids[len(right) :]))

    def _once(
        self, variant: Variant, sentence: int, chosen: Mapping[str, Filler], instead: Mapping[str, Filler]
    ) -> Made | None:
        """What was made of a clean text before, or is made of it now."""
        clean = variant.clean[sentence].fill(chosen, chosen)[0]
        if clean not in self.made and (made := self._made(variant, sentence, chosen, instead)) is not None:
            self.made[clean] = made
        return self.made.get(clean)

    def _made(
        self, variant: Variant, sentence: int, chosen: Mapping[str, Filler], instead: Mapping[str, Filler]
    ) -> Made | None:
        ours, theirs = variant.sentences[sentence]
        clean, corrupted = ours.fill(chosen, chosen)[0], theirs.fill(instead, instead)[0]
        right, wrong = (
            tuple(dict.fromkeys(text for pattern in patterns for text in pattern.fill(chosen, instead)))
            for patterns in (variant.answers, variant.wrong_answers)
        )
        try:
            found = self._read(clean, right, wrong)
        except DataError as error:
            self.why = str(error)
            return None
        tokens = (*self.encoder.prompt(clean), *found.shared)
        pair = PromptPair(
            tokens,
            (*self.encoder.prompt(corrupted), *found.shared),
            found.right,
            found.wrong,
            spans=slot_spans(self.fitted.form, ours, chosen, self.encoder, len(tokens)),
        )
        self.why = _unusable(pair)
        fillers = {name: filler.text for name, filler in chosen.items()}
        return None if self.why else Made(clean, corrupted, right, wrong, fillers, pair)


def _each_once(ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


def _taken(slot: Slot, slots: Sequence[Slot], chosen: Mapping[str, Filler]) -> Iterator[Filler]:
    """What the other slots of its list have."""
    return (chosen[o.name] for o in slots if o.name != slot.name and o.words == slot.words and o.name in chosen)


def _apart(slot: Slot, filler: Filler, other: Filler) -> bool:
    distinct = slot.words.distinct
    return filler != other and (distinct is None or filler.texts(distinct) != other.texts(distinct))


def _unusable(pair: PromptPair) -> str:
    if len(pair.clean) != len(pair.corrupted):
        return f"clean had {len(pair.clean)} tokens and corrupted {len(pair.corrupted)}"
    if pair.clean == pair.corrupted:
        return "clean and corrupted were the same"
    return "an answer was both right and wrong" if set(pair.answers) & set(pair.wrong_answers) else ""
