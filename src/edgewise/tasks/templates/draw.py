"""Prompts from a template: fillers drawn, sentences filled, pairs that do not align drawn again.

1. Draw what stands in the slots of both sides: `edgewise.tasks.templates.choose`.
2. Draw again where clean and corrupted are of different length or equal, or an answer is both right and wrong.

Held-out prompts have fillers of their own: a third of the list that the template divides, chosen by a hash of their
texts and by nothing else, so that the two sides share none, whatever seed and tokenizer. Where a template draws
companions, they have pairs of their own instead: `edgewise.tasks.split`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewise.errors import DataError
from edgewise.tasks.contrast import Contrast, contrast
from edgewise.tasks.draft import draw_distinct, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptPair
from edgewise.tasks.templates.choose import Choice, Chooser
from edgewise.tasks.templates.fit import Fitted
from edgewise.tasks.templates.options import chosen as chosen_options
from edgewise.tasks.templates.patterns import Filler
from edgewise.tasks.templates.spans import spans_of
from edgewise.tasks.templates.template import Template

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


def draw(
    template: Template,
    fitted: Fitted,
    encoder: TextEncoder,
    *,
    n: int,
    seed: int,
    split: str,
    options: Mapping[str, Any] | None = None,
) -> list[Made]:
    """Draw prompts, no clean text twice.

    Args:
        template: what to draw from.
        fitted: what the tokenizer allows of it.
        encoder: the tokenizer, wrapped.
        n: how many.
        seed: the same seed gives the same prompts.
        split: "discovery" or "held-out".
        options: what the user chose of the template's.

    Raises:
        DataError: an option or value that there is not; the template holds no prompts out, has too few fillers on one
            side, or gives too few prompts.
    """
    held_out = split == "held-out"
    if held_out and not template.holds_out:
        raise DataError(f"{template.name}: it holds no prompts out; name the list to divide with `split`")
    values = chosen_options(template.name, template.options, options or {})
    sides = {name: _chosen(template, values, _side(template, fitted, name, held_out), name) for name in fitted.fillers}
    chooser = Chooser(template, fitted, sides, values, random_source(template.name, seed, split), held_out)
    return draw_distinct(_Drawing(template, fitted, encoder, chooser).one, n, template.name)


def _chosen(
    template: Template, values: Mapping[str, str | int], fillers: tuple[Filler, ...], name: str
) -> tuple[Filler, ...]:
    """Those that an option of the slot's name leaves."""
    option = template.options.get(name)
    if option is None or values[name] == option.draws:
        return fillers
    return tuple(filler for filler in fillers if filler.text == values[name])


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
    chooser: Chooser
    why: str = ""
    made: dict[str, Made] = field(default_factory=dict)

    def one(self) -> Made:
        """The next prompt; raises DataError if a thousand in a row cannot be used."""
        for _ in range(_TRIES):
            chosen = self.chooser.one()
            if chosen is None:
                self.why = self.chooser.why
            elif (made := self._once(chosen)) is not None:
                return made
        raise DataError(f"{self.template.name}: no prompt can be made of its fillers; in the last {_TRIES} {self.why}")

    def _read(self, clean: str, right: tuple[str, ...], wrong: tuple[str, ...]) -> Contrast:
        if self.template.several_tokens:
            return contrast(self.encoder, clean, right, wrong)
        ids = self.encoder.answers(clean, (*right, *wrong))
        return Contrast((), _each_once(ids[: len(right)]), _each_once(ids[len(right) :]))

    def _once(self, chosen: Choice) -> Made | None:
        """What was made of a clean text before, or is made of it now."""
        clean = chosen.sentences[0].fill(chosen.clean, chosen.clean)[0]
        if clean not in self.made and (made := self._made(chosen)) is not None:
            self.made[clean] = made
        return self.made.get(clean)

    def _made(self, choice: Choice) -> Made | None:
        (ours, theirs), chosen, instead = choice.sentences, choice.clean, choice.instead
        clean, corrupted = ours.fill(chosen, chosen)[0], theirs.fill(instead, instead)[0]
        variant = choice.taken
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
            spans=spans_of(self.template, self.fitted.form, ours, chosen, self.encoder, len(tokens)),
        )
        self.why = _unusable(pair)
        fillers = {name: chosen[name].text for name in self.template.slots if name in chosen}
        return None if self.why else Made(clean, corrupted, right, wrong, fillers, pair)


def _each_once(ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


def _unusable(pair: PromptPair) -> str:
    if len(pair.clean) != len(pair.corrupted):
        return f"clean had {len(pair.clean)} tokens and corrupted {len(pair.corrupted)}"
    if pair.clean == pair.corrupted:
        return "clean and corrupted were the same"
    return "an answer was both right and wrong" if set(pair.answers) & set(pair.wrong_answers) else ""
