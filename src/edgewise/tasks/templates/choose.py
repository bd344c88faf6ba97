"""What is drawn for one prompt, in the order that the template tells: its sentence, numbers, and fillers of its slots.

1. Each step of the order is drawn: a sentence; a number; a filler; several different fillers at once; or companions,
   every two of which are a pair on the prompts' side of `edgewise.tasks.split`.
2. Whatever the prompt uses that no step named is drawn behind them.
3. Slots are corrupted as they say, in the template's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.split import draw_companions, pairs_across
from edgewise.tasks.templates.fit import Fitted
from edgewise.tasks.templates.patterns import Filler, Pattern, series, word
from edgewise.tasks.templates.sides import Side
from edgewise.tasks.templates.template import SENTENCE, Number, Slot, Step, Template, Variant

_SENTENCE = Step((SENTENCE,))


@dataclass
class Choice:
    """One prompt as fillers.

    Args:
        clean: what stands in the slots.
        variant: whose sentences are taken.
        sentence: which of them.
        corrupted: what stands in the slots of the counterpart.
        used: slot -> the fillers that were drawn for it.
    """

    clean: Side
    variant: Variant | None = None
    sentence: int | None = None
    corrupted: Side | None = None
    used: dict[str, tuple[Filler, ...]] = field(default_factory=dict)

    @property
    def taken(self) -> Variant:
        """The variant, once it is drawn."""
        assert self.variant is not None
        return self.variant

    @property
    def sentences(self) -> tuple[Pattern, Pattern]:
        """The clean and the corrupted sentence, once they are drawn."""
        assert self.sentence is not None
        return self.taken.sentences[self.sentence]

    @property
    def instead(self) -> Side:
        """What stands in the slots of the counterpart, once it is drawn."""
        assert self.corrupted is not None
        return self.corrupted


@dataclass
class Chooser:
    """Draws fillers; `why` says why the last ones did not go together.

    Args:
        template: what to draw from.
        fitted: what the tokenizer allows of it.
        fillers: slot -> what may stand there on this side of the split.
        options: what the user chose.
        rng: the source of randomness.
        held_out: whether prompts are held out.
    """

    template: Template
    fitted: Fitted
    fillers: Mapping[str, tuple[Filler, ...]]
    options: Mapping[str, str | int]
    rng: Random
    held_out: bool
    why: str = ""

    def one(self) -> Choice | None:
        """Fillers for one prompt; None where a list has too few that go together."""
        fixed = {name: word(str(value)) for name, value in self.options.items() if name not in self.template.slots}
        choice = Choice(Side(self.template, fixed))
        drawn = all(self._taken(step, choice) for step in self._steps())
        return choice if drawn and self._rest(choice) and self._corrupt(choice) else None

    def _steps(self) -> tuple[Step, ...]:
        told = self.fitted.form.steps(self.held_out)
        return told if _SENTENCE in told else (_SENTENCE, *told)

    def _taken(self, step: Step, choice: Choice) -> bool:
        if step == _SENTENCE:
            return self._take_sentence(choice)
        names = [one for name in step.slots for one in self.template.made_of(name, choice.clean)]
        return self._draw(list(dict.fromkeys(names)), choice, step.companions)

    def _take_sentence(self, choice: Choice) -> bool:
        deciding = list(dict.fromkeys(name for variant in self.fitted.form.variants for name in variant.when))
        leaves = [one for name in deciding for one in self.template.made_of(name, choice.clean)]
        if not all(self._draw([name], choice) for name in leaves):
            return False
        choice.variant = self._variant(choice.clean) if deciding else self._any_variant()
        allowed = self._allowed(choice.variant)
        told = self.fitted.form.steps(self.held_out)
        choice.sentence = self.rng.choice(allowed) if not told or _SENTENCE in told else allowed[0]
        return True

    def _variant(self, clean: Side) -> Variant:
        """The one whose `when` holds."""
        fitting = [
            one for one in self.fitted.form.variants if all(clean[name].text == is_ for name, is_ in one.when.items())
        ]
        if len(fitting) != 1:
            said = ", ".join(f"{name} = {clean[name].text!r}" for name in self.fitted.form.variants[0].when)
            raise DataError(
                f"{self.template.name}: {len(fitting)} variants for {said}; write `when` such that each case has one"
            )
        return fitting[0]

    def _any_variant(self) -> Variant:
        variants = self.fitted.form.variants
        # A choice among one takes from the source of randomness too: where an order is told, it says what is chosen.
        return variants[0] if len(variants) == 1 and self.fitted.form.draw else self.rng.choice(variants)

    def _allowed(self, variant: Variant) -> list[int]:
        """The numbers of the sentences that the options leave."""
        for option in self.template.options.values():
            if option.sentence and self.options[option.name] != option.draws:
                return [variant.names.index(str(self.options[option.name]))]
        return list(range(len(variant.clean)))

    def _needed(self, choice: Choice, side: Side | None = None) -> set[str]:
        """Slots that are drawn and stand in the prompt, as far as is known what it is; on one side, the clean one."""
        known = choice.clean if side is None else side
        if choice.variant is None or choice.sentence is None:
            patterns = [pattern for variant in self.fitted.form.variants for pattern in variant.patterns]
        else:
            patterns = [
                *choice.variant.sentences[choice.sentence],
                *choice.variant.answers,
                *choice.variant.wrong_answers,
            ]
        named = [reference.slot for pattern in patterns for reference in pattern.references]
        return self.template.involved(named, known)

    def _rest(self, choice: Choice) -> bool:
        needed = self._needed(choice)
        names = [name for name in (*self.template.numbers, *self.template.slots) if name in needed]
        return all(self._draw([name], choice) for name in names)

    def _draw(self, names: Sequence[str], choice: Choice, companions: bool = False) -> bool:
        """Draw those that are not drawn yet; False where a list has too few left."""
        left = [name for name in names if name not in choice.clean]
        numbers = [name for name in left if name in self.template.numbers]
        for name in numbers:
            choice.clean[name] = word(str(self._number(self.template.numbers[name], choice.clean)))
        slots = [self.template.slots[name] for name in left if name not in numbers]
        sizes = {slot.name: _size(slot, choice.clean) for slot in slots}
        drawn = self._several(slots, sizes, choice, companions) if slots else []
        if drawn is None:
            return False
        for slot in slots:
            own, drawn = drawn[: sizes[slot.name]], drawn[sizes[slot.name] :]
            choice.used[slot.name] = tuple(own)
            choice.clean[slot.name] = own[0] if slot.count is None else series(own, slot.each)
        return True

    def _number(self, number: Number, clean: Side) -> int:
        known = clean.counts((*number.least.names, *number.most.names))
        least, most = number.least.value(known), number.most.value(known)
        if least > most:
            raise DataError(
                f"{self.template.name}: slot {number.name!r} is from {least} to {most}; give bounds that hold a number"
            )
        return self.rng.randint(least, most)

    def _several(
        self, slots: Sequence[Slot], sizes: Mapping[str, int], choice: Choice, companions: bool
    ) -> list[Filler] | None:
        total, first = sum(sizes.values()), slots[0]
        if companions and len({slot.words.name for slot in slots}) == 2:
            return self._across(*slots)
        left = self._left(first, self.fillers[first.name], [o for s in slots for o in self._others(s, choice)])
        if companions:
            texts = {filler.text: filler for filler in left}
            return [texts[text] for text in draw_companions(self.rng, tuple(texts), total, held_out=self.held_out)]
        if len(left) < total or not left:
            self.why = f"slot {first.name!r} had no filler left that differs from the others"
            return None
        alone = len(slots) == 1 and first.count is None
        return [self.rng.choice(left)] if alone else self.rng.sample(left, total)

    def _across(self, one: Slot, other: Slot) -> list[Filler]:
        firsts, seconds = ({filler.text: filler for filler in self.fillers[slot.name]} for slot in (one, other))
        pairs = pairs_across(tuple(firsts), tuple(seconds), held_out=self.held_out)
        first, second = self.rng.choice(pairs)
        return [firsts[first], seconds[second]]

    def _others(self, slot: Slot, choice: Choice) -> Iterator[Filler]:
        """What the other slots of its list have."""
        for name, used in choice.used.items():
            if name != slot.name and self.template.slots[name].words.shares(slot.words):
                yield from used

    def _left(self, slot: Slot, allowed: Sequence[Filler], taken: Iterable[Filler]) -> list[Filler]:
        distinct, others = slot.words.distinct, set(taken)
        said = set() if distinct is None else {other.texts(distinct) for other in others}
        return [one for one in allowed if one not in others and (distinct is None or one.texts(distinct) not in said)]

    def _corrupt(self, choice: Choice) -> bool:
        needed = self._needed(choice)
        choice.corrupted = side = Side(self.template, _drawn(choice.clean, self.template), choice.clean)
        fresh = dict(choice.used)
        for slot in (slot for name, slot in self.template.slots.items() if name in needed):
            if slot.corrupt == "swap":
                partner = str(slot.partner)
                side[slot.name], side[partner] = choice.clean[partner], choice.clean[slot.name]
            elif slot.corrupt == "take":
                side[slot.name] = choice.clean[str(slot.partner)]
            elif slot.corrupt is not None and not self._resample(slot, choice, side, fresh):
                return False
        # Slots that stand for others may stand for ones that the clean prompt does not have.
        needed = self._needed(choice, side)
        missing = [name for name in self.template.slots if name in needed and name not in side]
        drawn = all(self._draw([name], choice) for name in missing)
        side.update({name: choice.clean[name] for name in missing if drawn})
        return drawn

    def _resample(self, slot: Slot, choice: Choice, side: Side, fresh: dict[str, tuple[Filler, ...]]) -> bool:
        own = choice.clean[slot.name]
        counts = self.fitted.counts[slot.name]
        allowed = [one for one in self.fillers[slot.name] if counts[one] == counts[own]]
        others = self._others(slot, choice)
        new = (
            one
            for name in fresh
            if name != slot.name and self.template.slots[name].words.shares(slot.words)
            for one in fresh[name]
        )
        left = self._left(slot, allowed, [*others, *new, own])
        if not left:
            self.why = f"slot {slot.name!r} had no filler left that differs from the others"
            return False
        side[slot.name] = self.rng.choice(left)
        fresh[slot.name] = (side[slot.name],)
        return True


def _size(slot: Slot, clean: Side) -> int:
    return 1 if slot.count is None else slot.count.value(clean.counts(slot.count.names))


def _drawn(clean: Side, template: Template) -> dict[str, Filler]:
    return {name: filler for name, filler in clean.items() if name not in template.derived}
