"""The slots of a template: those that are drawn from lists, those that are numbers, and those that stand for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from edgewise.errors import DataError, did_you_mean
from edgewise.json_text import shown
from edgewise.tasks.templates.counts import Count, read_count
from edgewise.tasks.templates.lists import read_list
from edgewise.tasks.templates.options import Option
from edgewise.tasks.templates.patterns import CORRUPTED, ITEMS, TEXT, Pattern, Reference, read_pattern
from edgewise.tasks.templates.template import SENTENCE, Corruption, Derived, Number, Slot, Tokens, WordList

_OF_DRAWN = ("list", "fillers", "corrupt", "with", "tokens", "count", "each")
_OF_NUMBER = ("from", "to")
_OF_DERIVED = ("is", "by", "take")


@dataclass(frozen=True)
class Slots:
    """All slots, and the options, whose names stand where slots' do.

    Args:
        drawn: name -> slot that draws from a list.
        numbers: name -> slot that is a number.
        derived: name -> slot that stands for others.
        options: name -> option.
    """

    drawn: Mapping[str, Slot]
    numbers: Mapping[str, Number]
    derived: Mapping[str, Derived]
    options: Mapping[str, Option]

    @property
    def names(self) -> tuple[str, ...]:
        """What can stand in braces."""
        return (*self.drawn, *self.numbers, *self.derived)

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts that a slot or option may have, where they are few enough to be told one by one."""
        if name in self.drawn and self.drawn[name].count is None:
            return tuple(filler.text for filler in self.drawn[name].words.fillers)
        if name in self.derived:
            cases = [self._texts_of(pattern) for pattern in self.derived[name].cases.values()]
            return tuple(dict.fromkeys(text for case in cases for text in case)) if all(cases) else ()
        return self.options[name].values if name in self.options else ()

    def _texts_of(self, pattern: Pattern) -> tuple[str, ...]:
        if not pattern.references:
            return (pattern.text,)
        (literal, reference), *more = pattern.parts
        alone = reference is not None and reference.field is None and not literal and not more
        return self.texts(reference.slot) if alone and reference is not None else ()

    @property
    def with_texts(self) -> tuple[str, ...]:
        """Those by which something can be told apart."""
        return tuple(name for name in (*self.drawn, *self.derived, *self.options) if self.texts(name))

    def corrupts(self, pattern: Pattern) -> bool:
        """Whether something in a sentence differs between clean and corrupted."""
        changed = {slot.name for slot in self.drawn.values() if slot.corrupt}
        changed |= {str(slot.partner) for slot in self.drawn.values() if slot.corrupt == "swap"}
        changed |= {one.name for one in self.derived.values() if one.partner}
        # Those that stand for others stand behind them, so that one round reaches all.
        for one in self.derived.values():
            used = {reference.slot for case in one.cases.values() for reference in case.references}
            changed |= {one.name} if changed & {*used, str(one.by)} else set()
        return any(reference.slot in changed for reference in pattern.references)

    def require(self, reference: Reference, pattern: Pattern, several: bool) -> None:
        """Refuse what is no slot, or no field of it; and several texts where one belongs."""
        name, field = reference.slot, reference.field
        if name not in self.names:
            near = did_you_mean(name, self.names)
            raise DataError(f"{pattern.text!r}: no slot {name!r}{near}; the slots: {', '.join(self.names) or 'none'}")
        fields = self._fields(name)
        if field is not None and field not in fields:
            raise DataError(f"{pattern.text!r}: {name} has no field {field!r}; it has {', '.join(fields)}")
        if not several and self._several(name, field):
            raise DataError(f"{pattern.text!r}: {name} has several texts there, which only answers may have")

    def _fields(self, name: str) -> tuple[str, ...]:
        if name not in self.drawn:
            return (TEXT,)
        slot = self.drawn[name]
        return slot.words.fillers[0].names if slot.count is None else (TEXT, ITEMS)

    def _several(self, name: str, field: str | None) -> bool:
        if name not in self.drawn:
            return False
        slot = self.drawn[name]
        if slot.count is not None:
            return field == ITEMS
        return any(len(filler.texts(field)) > 1 for filler in slot.words.fillers)


def read_slots(
    said: Mapping[str, Any], lists: Mapping[str, WordList], folder: Path, options: Mapping[str, Option]
) -> Slots:
    """The slots from what a template says of each.

    Args:
        said: name -> an array of fillers, the name of a list, or a table.
        lists: those that slots can name.
        folder: where files are looked for.
        options: what slots may depend on.

    Raises:
        DataError: naming the slot and the fix.
    """
    slots = Slots({}, {}, {}, options)
    drawn, numbers, derived = dict[str, Slot](), dict[str, Number](), dict[str, Derived]()
    for name, value in said.items():
        where = f"slot {name!r}"
        slots = Slots(drawn, numbers, derived, options)
        if isinstance(value, Mapping) and set(value) & {"is", "by"}:
            derived[name] = _derived(name, value, slots, where)
        elif isinstance(value, Mapping) and set(value) & set(_OF_NUMBER):
            numbers[name] = _number(name, value, slots, where)
        else:
            drawn[name] = _drawn(name, value, lists, folder, where)
    found = Slots(drawn, numbers, derived, options)
    _require_partners(found)
    return found


def known_keys(said: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse a key that there is not."""
    unknown = [key for key in said if key not in known]
    if unknown:
        near = did_you_mean(str(unknown[0]), known)
        raise DataError(f"{where} has {shown(unknown[0])}{near or ';'} it takes {', '.join(known)}")


def names_of(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table of names with values."""
    found = said.get(key, {})
    if not isinstance(found, Mapping):
        raise DataError(f"{key}: {shown(found)} is not names with values; write [{key}] and a line for each")
    wrong = [
        name for name in found if key != "spans" and (not str(name).isidentifier() or name in (CORRUPTED, SENTENCE))
    ]
    if wrong:
        raise DataError(
            f"{key}: {shown(wrong[0])} cannot be a name; use letters, and not {CORRUPTED!r} or {SENTENCE!r}"
        )
    return found


def _drawn(name: str, value: Any, lists: Mapping[str, WordList], folder: Path, where: str) -> Slot:
    if isinstance(value, str):
        value = {"list": value}
    elif isinstance(value, list):
        value = {"fillers": value}
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: {shown(value)}; give the name of a list, an array of fillers, or a table")
    known_keys(value, _OF_DRAWN, where)
    words = _list_of(name, value, lists, folder)
    corrupt = _choice(value.get("corrupt"), get_args(Corruption), f"{where}, corrupt")
    usual = "equal" if corrupt == "resample" else "any"
    tokens = _choice(value.get("tokens", usual), get_args(Tokens), f"{where}, tokens")
    partner = value.get("with")
    if (partner is None) != (corrupt not in ("swap", "take")):
        raise DataError(f'{where}: `with` names the slot of corrupt = "swap" or "take"; give both or neither')
    count = read_count(value["count"], f"{where}, count") if "count" in value else None
    each = value.get("each", "{}")
    if not isinstance(each, str) or "{}" not in each or ("each" in value and count is None):
        raise DataError(f"{where}, each: {shown(each)}; write one filler of several (`count`) as {{}}, such as ' {{}}'")
    return Slot(name, words, corrupt, partner, tokens, count, each)  # type: ignore[arg-type]


def _number(name: str, value: Mapping[str, Any], slots: Slots, where: str) -> Number:
    known_keys(value, _OF_NUMBER, where)
    if set(value) != set(_OF_NUMBER):
        raise DataError(f"{where}: a number has `from` and `to`; give both")
    least, most = (read_count(value[key], f"{where}, {key}") for key in _OF_NUMBER)
    for count in (least, most):
        _require_numbers(count, slots, where)
    return Number(name, least, most)


def _derived(name: str, value: Mapping[str, Any], slots: Slots, where: str) -> Derived:
    partner, by = value.get("take"), value.get("by")
    if by is None:
        known_keys(value, ("is", "take"), where)
        cases: Mapping[str, Any] = {"": value.get("is")}
    else:
        cases = {key: text for key, text in value.items() if key not in _OF_DERIVED}
        texts = slots.texts(str(by))
        if "is" in value or not texts or set(cases) != set(texts):
            needed = f"a text for each of {', '.join(texts)}" if texts else "a slot above it, or an option, with texts"
            raise DataError(f"{where}, by: {shown(by)} needs {needed}; give these alone")
    found = {key: _pattern(text, slots, where) for key, text in cases.items()}
    return Derived(name, by, found, None if partner is None else str(partner))


def _pattern(text: Any, slots: Slots, where: str) -> Pattern:
    if not isinstance(text, str):
        raise DataError(f"{where}: {shown(text)} where text belongs; write what it stands for, such as '{{slot}}'")
    pattern = read_pattern(text)
    for reference in pattern.references:
        if reference.corrupted:
            raise DataError(f"{where}: `{CORRUPTED}.` is for answers; write the slot alone")
        slots.require(reference, pattern, several=True)
    return pattern


def _require_numbers(count: Count, slots: Slots, where: str) -> None:
    numbers = [*slots.numbers, *(name for name, option in slots.options.items() if not option.values)]
    wrong = next((name for name in count.names if name not in numbers), None)
    if wrong is not None:
        raise DataError(
            f"{where}: {count.text!r} needs {wrong!r}, which is no number above it; there are:"
            f" {', '.join(numbers) or 'none'}"
        )


def _list_of(name: str, value: Mapping[str, Any], lists: Mapping[str, WordList], folder: Path) -> WordList:
    if ("list" in value) == ("fillers" in value):
        raise DataError(f"slot {name!r} has both or neither of list and fillers; give one of them")
    if "fillers" in value:
        return read_list(name, value["fillers"], folder)
    if not isinstance(value["list"], str) or value["list"] not in lists:
        raise DataError(f"slot {name!r}: no list {shown(value['list'])}; the lists: {', '.join(lists) or 'none'}")
    return lists[value["list"]]


def _choice(value: Any, known: Sequence[str], where: str) -> str | None:
    if value is not None and value not in known:
        near = did_you_mean(str(value), known)
        raise DataError(f"{where}: {shown(value)} is not one of {', '.join(known)}{near}")
    return None if value is None else str(value)


def _require_partners(slots: Slots) -> None:
    for slot in slots.drawn.values():
        if slot.count is not None:
            _require_numbers(slot.count, slots, f"slot {slot.name!r}, count")
        if slot.corrupt == "swap":
            _require_swap(slot, slots.drawn)
    taking = [(slot.name, slot.partner) for slot in slots.drawn.values() if slot.corrupt == "take"]
    for name, partner in (*taking, *((one.name, one.partner) for one in slots.derived.values() if one.partner)):
        if partner not in slots.names or partner == name:
            raise DataError(f"slot {name!r} takes {shown(partner)}, which is no other slot; name one")


def _require_swap(slot: Slot, slots: Mapping[str, Slot]) -> None:
    partner = slots.get(str(slot.partner))
    if partner is None or partner is slot or partner.words != slot.words or partner.corrupt is not None:
        raise DataError(
            f"slot {slot.name!r}, with: {shown(slot.partner)} is not another slot of the list "
            f"{slot.words.name!r} without a corruption of its own; name one"
        )
