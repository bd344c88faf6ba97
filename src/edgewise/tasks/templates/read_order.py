"""What a template says of how its prompts are drawn: the order, a user's options, and the parts that have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgewise.errors import DataError, did_you_mean
from edgewise.json_text import shown
from edgewise.tasks.places import END
from edgewise.tasks.templates.options import Option
from edgewise.tasks.templates.read_slots import Slots, known_keys
from edgewise.tasks.templates.template import SENTENCE, Form, Slot, SpanRule, Step, Variant

_SIDES = ("discovery", "held-out")
_OF_OPTION = ("values", "any", "of", "from", "to", "default", "implied")


def read_options(said: Mapping[str, Any]) -> dict[str, Option]:
    """What a user may choose.

    Raises:
        DataError: naming the option and the fix.
    """
    return {name: _option(name, value) for name, value in said.items()}


def _option(name: str, value: Any) -> Option:
    where = f"option {name!r}"
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: {shown(value)}; give a table with `values`, with `any`, or with `from` and `to`")
    known_keys(value, _OF_OPTION, where)
    when, implied = _implied(value.get("implied"), where)
    if "any" in value:
        word = str(value["any"])
        one = Option(name, word, (word,), draws=word, sentence=value.get("of") == SENTENCE)
    elif "values" in value:
        words = value["values"]
        if not isinstance(words, list) or not words or not all(isinstance(text, str) for text in words):
            raise DataError(f"{where}, values: {shown(words)} is no list of words; the first is taken by default")
        one = Option(name, words[0], tuple(words))
    else:
        return _number(name, value, where)
    return replace(one, implied_when=when, implied=implied)


def _number(name: str, value: Mapping[str, Any], where: str) -> Option:
    numbers = [value.get(key) for key in ("default", "from", "to")]
    given = [number for number in numbers if isinstance(number, int) and not isinstance(number, bool)]
    if len(given) < len(numbers):
        raise DataError(f"{where}: give `values`, `any`, or whole numbers `from`, `to` and `default`")
    default, least, most = given
    if not least <= default <= most:
        raise DataError(f"{where}: {default} is not from {least} to {most}; give a default that is")
    return Option(name, default, (), least, most)


def _implied(said: Any, where: str) -> tuple[dict[str, str], str | None]:
    if said is None:
        return {}, None
    when = said.get("when") if isinstance(said, Mapping) and set(said) == {"when", "is"} else None
    if (
        not isinstance(when, Mapping)
        or not when
        or not all(isinstance(text, str) for text in (*when.values(), said["is"]))
    ):
        raise DataError(f"{where}, implied: {shown(said)}; give `when`, other options with values, and `is`")
    return dict(when), said["is"]


def with_choices(options: Mapping[str, Option], slots: Mapping[str, Slot], forms: Sequence[Form]) -> dict[str, Option]:
    """Options with all that can be chosen: those that name what would be drawn name the slot's fillers, or sentences.

    Raises:
        DataError: an option that names neither.
    """
    found = {name: _with_choices(option, slots, forms) for name, option in options.items()}
    for option in found.values():
        wanted = {**option.implied_when, **({option.name: option.implied} if option.implied else {})}
        wrong = next(
            (name for name, text in wanted.items() if name not in found or text not in found[name].values), None
        )
        if wrong is not None:
            raise DataError(
                f"option {option.name!r}, implied: {shown(wanted[wrong])} is no value of an option {wrong!r}"
            )
    return found


def _with_choices(option: Option, slots: Mapping[str, Slot], forms: Sequence[Form]) -> Option:
    if option.draws is None:
        if option.name in slots:
            raise DataError(f"option {option.name!r} has the name of a slot; give it `any`, or another name")
        return option
    if option.sentence:
        named = {variant.names for form in forms for variant in form.variants}
        (names, *others) = named
        if others or not names:
            raise DataError(
                f"option {option.name!r} names a sentence; give `clean` as a table, a name for each sentence"
            )
    elif option.name in slots:
        names = tuple(filler.text for filler in slots[option.name].words.fillers)
    else:
        raise DataError(f'option {option.name!r} has `any`; give it the name of a slot, or of = "{SENTENCE}"')
    return replace(option, values=(option.draws, *names))


def read_draw(said: Any, slots: Slots, variants: Sequence[Variant]) -> dict[str, tuple[Step, ...]]:
    """The order in which things are drawn, for prompts of either side.

    Args:
        said: a list of steps, or a table of two such lists.
        slots: all of them.
        variants: those of the form.

    Raises:
        DataError: naming the step and the fix.
    """
    if said is None:
        return {}
    sides = dict.fromkeys(_SIDES, said) if isinstance(said, list) else said
    if not isinstance(sides, Mapping) or set(sides) != set(_SIDES):
        raise DataError(f"draw: {shown(said)}; give a list of steps, or one for each of {', '.join(_SIDES)}")
    found = {side: tuple(_step(step, slots) for step in _list(sides[side])) for side in _SIDES}
    one = len(variants) == 1 or all(variant.when for variant in variants)
    for steps in found.values():
        if Step((SENTENCE,)) not in steps and not (one and all(len(variant.clean) == 1 for variant in variants)):
            raise DataError(
                f"draw: there are several sentences and nothing says when one is drawn; put {SENTENCE!r} there"
            )
    return found


def _list(said: Any) -> list[Any]:
    if not isinstance(said, list) or not said:
        raise DataError(f"draw: {shown(said)}; give a list of steps: slots, {SENTENCE!r}, or lists of slots")
    return said


def _step(said: Any, slots: Slots) -> Step:
    companions = isinstance(said, Mapping)
    names = said.get("companions") if isinstance(said, Mapping) and set(said) == {"companions"} else said
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"draw: {shown(said)} is no step; write a slot, a list of slots, or {{ companions = [slots] }}")
    if names == [SENTENCE] and not companions:
        return Step((SENTENCE,))
    unknown = next((name for name in names if name not in slots.names), None)
    if unknown is not None:
        raise DataError(f"draw: no slot {unknown!r}{did_you_mean(unknown, slots.names)}; {SENTENCE!r} stands alone")
    lists = {slots.drawn[name].words.name for name in names if name in slots.drawn}
    if len(lists) > (2 if companions else 1) or (len(names) > 1 and set(names) & set(slots.numbers)):
        raise DataError(f"draw: {', '.join(names)} do not draw from one list; give each a step of its own")
    return Step(tuple(names), companions)


def read_spans(said: Mapping[str, Any], slots: Slots) -> tuple[SpanRule, ...]:
    """The parts of a prompt that have names.

    Raises:
        DataError: naming the part and the fix.
    """
    rules = tuple(_span(name, value, slots) for name, value in said.items())
    for rule in rules:
        others = [other.name for other in rules if other.kind == "slot" and other is not rule]
        others += [END] if rule.kind == "until" else []
        if rule.kind != "slot" and rule.of not in others:
            raise DataError(
                f"span {rule.name!r}: {rule.of!r} is no part that is a slot; name one of {', '.join(others)}"
            )
    return rules


def _span(name: str, value: Any, slots: Slots) -> SpanRule:
    where = f"span {name!r}"
    if isinstance(value, str):
        _require_slots([value], slots, where)
        return SpanRule(name, "slot", value)
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: {shown(value)}; give a slot, or a table with `after`, `until` or `by`")
    if len(value) == 1 and set(value) <= {"after", "until"}:
        ((kind, of),) = value.items()
        return SpanRule(name, kind, str(of))
    by, cases = str(value.get("by")), {key: str(slot) for key, slot in value.items() if key != "by"}
    if not slots.texts(by) or set(cases) != set(slots.texts(by)):
        raise DataError(
            f"{where}: {shown(dict(value))}; give `after`, `until`, or `by` with a slot for each of its texts"
        )
    _require_slots(list(cases.values()), slots, where)
    return SpanRule(name, "slot", "", by, cases)


def _require_slots(names: Sequence[str], slots: Slots, where: str) -> None:
    unknown = next((name for name in names if name not in slots.names), None)
    if unknown is not None:
        raise DataError(f"{where}: no slot {unknown!r}{did_you_mean(unknown, slots.names)}; name one of a sentence")
