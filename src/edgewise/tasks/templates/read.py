"""From a template's file, TOML or YAML, to its values; whatever does not fit together is refused here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from edgewise.errors import DataError, did_you_mean, in_words
from edgewise.json_text import shown
from edgewise.metric_names import METRICS
from edgewise.tasks.templates import ENDINGS
from edgewise.tasks.templates.lists import read_list
from edgewise.tasks.templates.patterns import CORRUPTED, Pattern, Reference, read_pattern
from edgewise.tasks.templates.template import Corruption, Form, Slot, Template, Tokens, Variant, WordList

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SENTENCES = ("clean", "corrupted", "answers", "wrong_answers")
_KEYS = ("summary", "source", "metric", "split", "several_tokens", "slots", "lists", "form", "variant", *_SENTENCES)
_KEYS_OF_SLOT = ("list", "fillers", "corrupt", "with", "tokens")
_MOST_BYTES = 2**24


def read_template(path: Path, name: str | None = None) -> Template:
    """Read a template.

    Args:
        path: the file, `.toml`, `.yaml` or `.yml`; CSV files that it names lie beside it.
        name: what it is called; the file's name by default, so that prompts do not depend on where it lies.

    Raises:
        DataError: it cannot be read, or does not fit together; the message names file, place and fix.
    """
    try:
        return _template(_document(path), name or path.stem, path.parent)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _document(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"a template ends in {', '.join(ENDINGS)}; give such a file, or the name of a task that is one")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError("larger than any template; put long lists into CSV files")
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix.lower() == ".toml" else yaml.safe_load(text)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8; save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"not {path.suffix[1:].upper()} ({in_words(error, 200)})") from error
    if not isinstance(found, dict):
        raise DataError("a template is names with values, such as clean = ...; see docs/prompts.md")
    return found


def _template(said: Mapping[str, Any], name: str, folder: Path) -> Template:
    _known_keys(said, _KEYS, "the template")
    lists = {key: read_list(key, value, folder) for key, value in _names(said, "lists").items()}
    slots = {key: _slot(key, value, lists, folder) for key, value in _names(said, "slots").items()}
    _require_partners(slots)
    forms = tuple(_form(part, said, slots) for part in _parts(said, "form") or [said])
    metric = str(said.get("metric", "logit-diff"))
    if metric not in METRICS:
        raise DataError(f"metric: {metric!r} is none{did_you_mean(metric, METRICS)}; give one of {', '.join(METRICS)}")
    several = said.get("several_tokens", False)
    if not isinstance(several, bool):
        raise DataError(f"several_tokens: {shown(several)}; give true or false")
    return Template(
        name=name,
        summary=str(said.get("summary", "")),
        source=str(said.get("source", "")),
        metric=metric,
        slots=slots,
        forms=forms,
        split=_split(said.get("split"), slots),
        several_tokens=several,
    )


def _known_keys(said: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = [key for key in said if key not in known]
    if unknown:
        near = did_you_mean(str(unknown[0]), known)
        raise DataError(f"{where} has {shown(unknown[0])}{near or ';'} it takes {', '.join(known)}")


def _names(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key, {})
    if not isinstance(found, Mapping):
        raise DataError(f"{key}: {shown(found)} is not names with values; write [{key}] and a line for each")
    wrong = [name for name in found if not str(name).isidentifier() or name == CORRUPTED]
    if wrong:
        raise DataError(f"{key}: {shown(wrong[0])} cannot be a name; use letters, and not {CORRUPTED!r}")
    return found


def _slot(name: str, value: Any, lists: Mapping[str, WordList], folder: Path) -> Slot:
    where = f"slot {name!r}"
    if isinstance(value, str):
        value = {"list": value}
    elif isinstance(value, list):
        value = {"fillers": value}
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: {shown(value)}; give the name of a list, an array of fillers, or a table")
    _known_keys(value, _KEYS_OF_SLOT, where)
    words = _list_of(name, value, lists, folder)
    corrupt = _choice(value.get("corrupt"), get_args(Corruption), f"{where}, corrupt")
    usual = "equal" if corrupt == "resample" else "any"
    tokens = _choice(value.get("tokens", usual), get_args(Tokens), f"{where}, tokens")
    partner = value.get("with")
    if (partner is None) != (corrupt != "swap"):
        raise DataError(f'{where}: `with` names the slot of corrupt = "swap"; give both or neither')
    return Slot(name, words, corrupt, partner, tokens)  # type: ignore[arg-type]


def _list_of(name: str, value: Mapping[str, Any], lists: Mapping[str, WordList], folder: Path) -> WordList:
    if ("list" in value) == ("fillers" in value):
        raise DataError(f"slot {name!r} has both or neither of list and fillers; give one of them")
    if "fillers" in value:
        return read_list(name, value["fillers"], folder)
    if value["list"] not in lists:
        raise DataError(f"slot {name!r}: no list {shown(value['list'])}; the lists: {', '.join(lists) or 'none'}")
    return lists[value["list"]]


def _choice(value: Any, known: Sequence[str], where: str) -> str | None:
    if value is not None and value not in known:
        near = did_you_mean(str(value), known)
        raise DataError(f"{where}: {shown(value)} is not one of {', '.join(known)}{near}")
    return None if value is None else str(value)


def _require_partners(slots: Mapping[str, Slot]) -> None:
    for slot in slots.values():
        if slot.corrupt != "swap":
            continue
        partner = slots.get(str(slot.partner))
        if partner is None or partner is slot or partner.words != slot.words or partner.corrupt is not None:
            raise DataError(
                f"slot {slot.name!r}, with: {shown(slot.partner)} is not another slot of the list "
                f"{slot.words.name!r} without a corruption of its own; name one"
            )


def _parts(said: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = said.get(key, [])
    if not isinstance(found, list) or not all(isinstance(part, Mapping) for part in found):
        raise DataError(f"{key}: {shown(found)} is not a list of tables; write [[{key}]] before each")
    return found


def _form(said: Mapping[str, Any], above: Mapping[str, Any], slots: Mapping[str, Slot]) -> Form:
    if said is not above:
        _known_keys(said, ("name", "variant", *_SENTENCES), "a form")
    inherited = {key: above[key] for key in _SENTENCES if key in above} | dict(said)
    variants = tuple(_variant({**inherited, **part}, slots) for part in _parts(said, "variant") or [{}])
    return Form(str(said.get("name", "")), variants)


def _variant(said: Mapping[str, Any], slots: Mapping[str, Slot]) -> Variant:
    clean, answers = (_patterns(said, key, slots) for key in ("clean", "answers"))
    corrupted = _patterns(said, "corrupted", slots) if "corrupted" in said else clean
    if len(corrupted) != len(clean):
        raise DataError(f"{len(corrupted)} sentences in corrupted where clean has {len(clean)}; give one for each")
    if corrupted == clean and not any(_corrupts(slots, pattern) for pattern in clean):
        raise DataError(
            f"nothing differs between clean and corrupted in {clean[0].text!r}; give one of its slots a `corrupt`, or"
            " write `corrupted` sentences"
        )
    wrong = _patterns(said, "wrong_answers", slots) if "wrong_answers" in said else tuple(map(_of_corrupted, answers))
    for pattern in (*clean, *corrupted):
        if any(reference.corrupted for reference in pattern.references):
            raise DataError(f"{pattern.text!r}: `{CORRUPTED}.` is for answers; in a prompt write the slot alone")
    return Variant(clean, corrupted, answers, wrong)


def _corrupts(slots: Mapping[str, Slot], pattern: Pattern) -> bool:
    changed = {slot.name for slot in slots.values() if slot.corrupt} | {slot.partner for slot in slots.values()}
    return any(reference.slot in changed for reference in pattern.references)


def _patterns(said: Mapping[str, Any], key: str, slots: Mapping[str, Slot]) -> tuple[Pattern, ...]:
    texts = said.get(key)
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise DataError(f"{key}: {shown(texts)} where sentences belong; give text, or a list of texts")
    patterns = tuple(map(read_pattern, texts))
    for pattern in patterns:
        for reference in pattern.references:
            _require_known(reference, pattern, slots, several=key in ("answers", "wrong_answers"))
    return patterns


def _require_known(reference: Reference, pattern: Pattern, slots: Mapping[str, Slot], several: bool) -> None:
    slot = slots.get(reference.slot)
    if slot is None:
        near = did_you_mean(reference.slot, slots)
        raise DataError(f"{pattern.text!r}: no slot {reference.slot!r}{near}; the slots: {', '.join(slots) or 'none'}")
    names = slot.words.fillers[0].names
    if reference.field is not None and reference.field not in names:
        raise DataError(
            f"{pattern.text!r}: {reference.slot} has no field {reference.field!r}; it has {', '.join(names)}"
        )
    if not several and any(len(filler.texts(reference.field)) > 1 for filler in slot.words.fillers):
        raise DataError(f"{pattern.text!r}: {reference.slot} has several texts there, which only answers may have")


def _of_corrupted(pattern: Pattern) -> Pattern:
    """The same answer, of the corrupted prompt."""
    parts = ((text, None if slot is None else Reference(slot.slot, slot.field, True)) for text, slot in pattern.parts)
    return Pattern(pattern.text, tuple(parts))


def _split(name: Any, slots: Mapping[str, Slot]) -> str | None:
    known = tuple(dict.fromkeys(slot.words.name for slot in slots.values()))
    if name is not None and name not in known:
        raise DataError(f"split: {shown(name)} is no list of a slot; name one of {', '.join(known)}")
    return None if name is None else str(name)
