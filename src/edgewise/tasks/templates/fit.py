"""Which fillers of a form a tokenizer allows.

1. Every slot in turn stands in its sentences, with the first fillers of the others, and the tokens that each of its
   fillers adds there are counted.
2. A filler is left out if the tokenizer does not know it, if its count is not what the slot asks for, if clean and
   corrupted sentences then have different lengths, or if an answer made of it is not one token behind the prompt.
   A list with texts of its own is tried behind these instead: `edgewise.tasks.templates.tried`.
3. A slot without enough fillers refuses the form. The first form that is not refused is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.templates.patterns import Filler, Pattern, series, word
from edgewise.tasks.templates.sides import Side
from edgewise.tasks.templates.template import Form, Slot, Template
from edgewise.tasks.templates.tried import Tried, tried

_SHOWN = 10
_UNKNOWN = -1000
Counts = tuple[int, ...]


@dataclass(frozen=True)
class Dropped:
    """A filler that is left out, and why.

    Args:
        where: the slot or list, for messages.
        of: how many fillers there are.
        filler: its text.
        why: it is left out.
    """

    where: str
    of: int
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


def described(dropped: Sequence[Dropped]) -> tuple[str, ...]:
    """What was left out, a line for each slot or list: how many of how many, which, and why."""
    lines = []
    for where, of in dict.fromkeys((one.where, one.of) for one in dropped):
        reasons: dict[str, list[str]] = {}
        for one in dropped:
            if one.where == where:
                reasons.setdefault(one.why, []).append(one.filler)
        told = "; ".join(f"{why}: {_few(fillers)}" for why, fillers in reasons.items())
        n = sum(map(len, reasons.values()))
        lines.append(f"{where}: {n} of {of} fillers left out ({told})")
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
        self._template, self._form, self._encoder = template, form, encoder
        patterns = [pattern for variant in form.variants for pattern in variant.patterns]
        named = [reference.slot for pattern in patterns for reference in pattern.references]
        used = template.involved([*named, *_deciding(form)], {})
        self._slots = {name: slot for name, slot in template.slots.items() if name in used}
        self._drawn = _examples(template)
        self._example = Side(template, self._drawn)

    def fitted(self) -> tuple[dict[str, tuple[Filler, ...]], dict[str, dict[Filler, Counts]], tuple[Dropped, ...]]:
        """Fillers and counts of every slot, and what is left out; raises DataError where too few are left."""
        self._require_words()
        lists = tried((slot.words for slot in self._slots.values()), self._encoder)
        dropped = [_not_single(one, filler) for one in lists.values() for filler in one.left_out]
        fillers = {name: lists[slot.words.name].usable for name, slot in self._slots.items() if slot.words.after}
        counts: dict[str, dict[Filler, Counts]] = {name: dict.fromkeys(own, ()) for name, own in fillers.items()}
        for name, slot in self._slots.items():
            if not slot.words.after:
                fillers[name], counts[name], more = self._in_place(slot)
                dropped += more
        return fillers, counts, tuple(dropped)

    def _in_place(self, slot: Slot) -> tuple[tuple[Filler, ...], dict[Filler, Counts], list[Dropped]]:
        """Fillers that are tried in the sentences, their counts, and what is left out."""
        counted, why = self._counted(slot)
        why |= self._unanswered(slot, why)
        why |= _uneven(slot, {filler: count for filler, count in counted.items() if filler not in why})
        all_of = slot.words.fillers
        dropped = [Dropped(f"slot {slot.name!r}", len(all_of), one.text, reason) for one, reason in why.items()]
        left = tuple(filler for filler in all_of if filler not in why)
        _require_enough(slot, left, dropped, self._needed(slot))
        return left, {filler: counted[filler] for filler in left}, dropped

    def _require_words(self) -> None:
        """Refuse sentences that have words unknown to the tokenizer, whatever stands in their slots."""
        parts = [part for variant in self._form.variants for pattern in variant.clean for part in pattern.parts]
        literal = [text.rstrip(" ") for text, _ in parts]  # the space is that of the word in the slot
        for text, ids in zip(literal, self._encoder.plain(literal), strict=True):
            if self._encoder.unknown_id is not None and self._encoder.unknown_id in ids:
                raise DataError(f"the tokenizer does not know the words of {text.strip()!r}; use another tokenizer")

    def _needed(self, slot: Slot) -> int:
        """Fillers of its list that one prompt and its counterpart take, at the most."""
        return sum(
            1 + (other.corrupt in ("resample", "same-length"))
            for other in self._slots.values()
            if other.words == slot.words and other.count is None
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
        chosen = Side(self._template, {**self._drawn, slot.name: filler})
        texts = pattern.fill(chosen, chosen)
        try:
            self._tried(prompt, texts)
        except DataError:
            return (
                "its answer cannot follow the prompt"
                if self._template.several_tokens
                else "its answer is not one token"
            )
        return ""

    def _tried(self, prompt: str, texts: Sequence[str]) -> None:
        if self._template.several_tokens:
            self._encoder.continuations(prompt, texts)
        else:
            self._encoder.answers(prompt, texts)


def _deciding(form: Form) -> list[str]:
    """Slots by which a variant is taken."""
    return [name for variant in form.variants for name in variant.when]


def _not_single(one: Tried, filler: Filler) -> Dropped:
    fillers = len(one.usable) + len(one.left_out)
    return Dropped(f"list {one.words.name!r}", fillers, filler.text, "not one token")


def _examples(template: Template) -> dict[str, Filler]:
    """A filler for each slot that is drawn, another for each slot of one list as far as it goes."""
    chosen = {name: word(str(option.default)) for name, option in template.options.items()}
    side = Side(template, chosen)
    for number in template.numbers.values():
        side[number.name] = word(str(number.least.value(side.counts(number.least.names))))
    taken: Counter[str] = Counter()
    for name, slot in template.slots.items():
        size = 1 if slot.count is None else slot.count.value(side.counts(slot.count.names))
        places = range(taken[slot.words.name], taken[slot.words.name] + size)
        own = [slot.words.fillers[at % len(slot.words.fillers)] for at in places]
        taken[slot.words.name] += size
        side[name] = own[0] if slot.count is None else series(own, slot.each)
    return dict(side)


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
        told = "".join(f". {line}" for line in described(dropped))
        raise DataError(
            f"only {len(left)} of {len(slot.words.fillers)} fillers of slot {slot.name!r} can be used with this"
            f" tokenizer, and the task needs {needed}; give other fillers, or use another tokenizer{told}"
        )
