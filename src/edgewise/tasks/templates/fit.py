"""Which fillers of a form a tokenizer allows.

1. Every slot in turn stands in its sentences, with the first fillers of the others, and the tokens that each of its
   fillers adds there are counted.
2. A filler is left out if the tokenizer does not know it, if its count is not what the slot asks for, if clean and
   corrupted sentences then have different lengths, or if an answer made of it is not one token behind the prompt.
3. A slot without enough fillers refuses the form. The first form that is not refused is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.templates.patterns import Filler, Pattern
from edgewise.tasks.templates.template import Form, Slot, Template

_SHOWN = 10
_UNKNOWN = -1000
Counts = tuple[int, ...]


@dataclass(frozen=True)
class Dropped:
    """A filler that is left out, and why."""

    slot: str
    filler: str
    why: str


@dataclass(frozen=True)
class Fitted:
    """What a tokenizer allows of a template.

    Args:
        form: the form taken.
        fillers: slot -> those that can be used.
        counts: slot -> filler -> the tokens that it adds, in each sentence of the slot.
        dropped: the others.
        refused: why forms before this one were not taken.
    """

    form: Form
    fillers: Mapping[str, tuple[Filler, ...]]
    counts: Mapping[str, Mapping[Filler, Counts]]
    dropped: tuple[Dropped, ...]
    refused: tuple[str, ...] = ()


def fit(template: Template, encoder: TextEncoder) -> Fitted:
    """The first form of a template that a tokenizer allows, and its fillers.

    Raises:
        DataError: none; it says what each lacks.
    """
    refused: list[str] = []
    for form in template.forms:
        try:
            fillers, counts, dropped = _FormFit(template, form, encoder).fitted()
        except DataError as error:
            refused.append(f"{form.name}: {error}" if form.name else str(error))
            continue
        return Fitted(form, fillers, counts, dropped, tuple(refused))
    raise DataError(f"{template.name}: {'; '.join(refused)}")


def described(dropped: Sequence[Dropped], slots: Mapping[str, Slot]) -> tuple[str, ...]:
    """What was left out, a line a slot: how many of how many, which, and why."""
    lines = []
    for slot in dict.fromkeys(one.slot for one in dropped):
        reasons: dict[str, list[str]] = {}
        for one in dropped:
            if one.slot == slot:
                reasons.setdefault(one.why, []).append(one.filler)
        told = "; ".join(f"{why}: {_few(fillers)}" for why, fillers in reasons.items())
        n = sum(map(len, reasons.values()))
        lines.append(f"slot {slot!r}: {n} of {len(slots[slot].words.fillers)} fillers left out ({told})")
    return tuple(lines)


def _few(fillers: Sequence[str]) -> str:
    more = f" and {len(fillers) - _SHOWN} more" if len(fillers) > _SHOWN else ""
    return ", ".join(fillers[:_SHOWN]) + more


@dataclass(frozen=True)
class _Place:
    """Where a slot stands: its sentence, its place among the sentence's slots, and the sentence's number and side."""

    pattern: Pattern
    at: int
    sentence: int
    side: int


class _FormFit:
    """One form, its slots with all their fillers, and an example of each."""

    def __init__(self, template: Template, form: Form, encoder: TextEncoder) -> None:
        self._form, self._encoder, self._several = form, encoder, template.several_tokens
        sentences = [pattern for variant in form.variants for pair in variant.sentences for pattern in pair]
        answers = [pattern for variant in form.variants for pattern in (*variant.answers, *variant.wrong_answers)]
        used = {reference.slot for pattern in (*sentences, *answers) for reference in pattern.references}
        partners = {slot.partner for slot in template.slots.values() if slot.name in used}
        self._slots = {name: slot for name, slot in template.slots.items() if name in used | partners}
        self._example = _examples(self._slots)

    def fitted(self) -> tuple[dict[str, tuple[Filler, ...]], dict[str, dict[Filler, Counts]], tuple[Dropped, ...]]:
        """Fillers and counts of every slot, and what is left out; raises DataError where too few are left."""
        self._require_words()
        fillers, counts, dropped = {}, {}, []
        for name, slot in self._slots.items():
            counted, why = self._counted(slot)
            why |= self._unanswered(slot, why)
            why |= _uneven(slot, {filler: count for filler, count in counted.items() if filler not in why})
            dropped += [Dropped(name, filler.text, reason) for filler, reason in why.items()]
            fillers[name] = tuple(filler for filler in slot.words.fillers if filler not in why)
            counts[name] = {filler: counted[filler] for filler in fillers[name]}
        for name, slot in self._slots.items():
            _require_enough(slot, fillers[name], [one for one in dropped if one.slot == name], self._needed(slot))
        return fillers, counts, tuple(dropped)

    def _require_words(self) -> None:
        """Refuse sentences that have words unknown to the tokenizer, whatever stands in their slots."""
        literal = [text for variant in self._form.variants for pattern in variant.clean for text, _ in pattern.parts]
        for text, ids in zip(literal, self._encoder.plain(literal), strict=True):
            if self._encoder.unknown_id is not None and self._encoder.unknown_id in ids:
                raise DataError(f"the tokenizer does not know the words of {text.strip()!r}; use another tokenizer")

    def _needed(self, slot: Slot) -> int:
        """Fillers of its list that one prompt and its counterpart take, at the most."""
        return sum(
            1 + (other.corrupt in ("resample", "same-length"))
            for other in self._slots.values()
            if other.words == slot.words
        )

    def _counted(self, slot: Slot) -> tuple[dict[Filler, Counts], dict[Filler, str]]:
        """The tokens that each filler adds wherever the slot stands, and those that cannot stand there."""
        places = list(self._places(slot))
        added = [self._added(slot, place) for place in places]
        counts = {filler: tuple(one[filler] for one in added) for filler in slot.words.fillers}
        why = {filler: "unknown to the tokenizer" for filler, found in counts.items() if _UNKNOWN in found}
        for filler, found in counts.items():
            if filler not in why and _uneven_sides(places, found):
                why[filler] = "other number of tokens in clean than in corrupted"
        return counts, why

    def _places(self, slot: Slot) -> Iterator[_Place]:
        sentences = [pair for variant in self._form.variants for pair in variant.sentences]
        for number, pair in enumerate(sentences):
            for side, pattern in enumerate(pair):
                for at, reference in enumerate(pattern.references):
                    if reference.slot == slot.name:
                        yield _Place(pattern, at, number, side)

    def _added(self, slot: Slot, place: _Place) -> dict[Filler, int]:
        """How many tokens each filler adds there; `_UNKNOWN` if one of them is."""
        before = place.pattern.before(place.at, self._example)
        text = before.rstrip(" ")
        field = place.pattern.references[place.at].field
        texts = [text + before[len(text) :] + filler.texts(field)[0] for filler in slot.words.fillers]
        own, *longer = self._encoder.plain([text, *texts])
        unknown = self._encoder.unknown_id
        return {
            filler: _UNKNOWN if unknown is not None and unknown in ids else len(ids) - len(own)
            for filler, ids in zip(slot.words.fillers, longer, strict=True)
        }

    def _unanswered(self, slot: Slot, besides: Mapping[Filler, str]) -> dict[Filler, str]:
        """Fillers of which some answer is not one token behind its prompt."""
        found = {}
        for variant in self._form.variants:
            prompt = variant.clean[0].fill(self._example, self._example)[0]
            for pattern in dict.fromkeys((*variant.answers, *variant.wrong_answers)):
                if any(reference.slot == slot.name for reference in pattern.references):
                    for filler in slot.words.fillers:
                        if filler not in besides and filler not in found:
                            found[filler] = self._no_answer(prompt, pattern, slot, filler)
        return {filler: why for filler, why in found.items() if why}

    def _no_answer(self, prompt: str, pattern: Pattern, slot: Slot, filler: Filler) -> str:
        chosen = {**self._example, slot.name: filler}
        texts = pattern.fill(chosen, chosen)
        try:
            _ = self._encoder.continuations(prompt, texts) if self._several else self._encoder.answers(prompt, texts)
        except DataError:
            return "its answer cannot follow the prompt" if self._several else "its answer is not one token"
        return ""


def _examples(slots: Mapping[str, Slot]) -> dict[str, Filler]:
    """A filler for each slot, another for each slot of one list as far as it goes."""
    taken: Counter[str] = Counter()
    chosen = {}
    for name, slot in slots.items():
        chosen[name] = slot.words.fillers[taken[slot.words.name] % len(slot.words.fillers)]
        taken[slot.words.name] += 1
    return chosen


def _uneven_sides(places: Sequence[_Place], counts: Counts) -> bool:
    """Whether a filler makes some sentence's clean and corrupted side differ; only where both have it as often.

    Where they do not, other slots stand in its place, and pairs are compared when they are drawn.
    """
    found: dict[int, tuple[list[int], list[int]]] = {}
    for place, n in zip(places, counts, strict=True):
        found.setdefault(place.sentence, ([], []))[place.side].append(n)
    return any(len(ours) == len(theirs) and sum(ours) != sum(theirs) for ours, theirs in found.values())


def _uneven(slot: Slot, counts: Mapping[Filler, Counts]) -> dict[Filler, str]:
    """Fillers whose number of tokens the slot does not allow."""
    if slot.tokens == "one":
        return {filler: "not one token" for filler, found in counts.items() if set(found) - {1}}
    commonest = Counter(counts.values())
    if slot.tokens == "equal" and commonest:
        kept = commonest.most_common(1)[0][0]
        return {filler: f"not {_said(kept)} as most" for filler, found in counts.items() if found != kept}
    if slot.corrupt == "same-length":
        return {filler: "no other takes as many tokens" for filler, found in counts.items() if commonest[found] == 1}
    return {}


def _said(counts: Counts) -> str:
    least, most = min(counts), max(counts)
    return f"{least if least == most else f'{least} to {most}'} token{'' if most == 1 else 's'}"


def _require_enough(slot: Slot, left: Sequence[Filler], dropped: Sequence[Dropped], needed: int) -> None:
    if len(left) < needed:
        told = "".join(f". {line}" for line in described(dropped, {slot.name: slot}))
        raise DataError(
            f"only {len(left)} of {len(slot.words.fillers)} fillers of slot {slot.name!r} can be used with this"
            f" tokenizer, and the task needs {needed}; give other fillers, or use another tokenizer{told}"
        )
