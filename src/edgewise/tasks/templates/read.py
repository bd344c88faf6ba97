"""From a template's file, TOML or YAML, to its values; whatever does not fit together is refused here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from edgewise.errors import DataError, did_you_mean, in_words
from edgewise.json_text import shown
from edgewise.metric_names import METRICS
from edgewise.tasks.templates import ENDINGS
from edgewise.tasks.templates.lists import read_list
from edgewise.tasks.templates.patterns import CORRUPTED, Pattern, Reference, read_pattern
from edgewise.tasks.templates.read_order import read_draw, read_options, read_spans, with_choices
from edgewise.tasks.templates.read_slots import Slots, known_keys, names_of, read_slots
from edgewise.tasks.templates.template import Form, Slot, Template, Variant, WordList

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SENTENCES = ("clean", "corrupted", "answers", "wrong_answers")
_TABLES = ("slots", "lists", "options", "spans", "draw", "form", "variant")
_KEYS = ("summary", "source", "metric", "split", "several_tokens", *_TABLES, *_SENTENCES)
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
        found = tomllib.loads(text) if path.suffix.lower() == ".toml" else _yaml(text)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8; save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"not {path.suffix[1:].upper()} ({in_words(error, 200)})") from error
    if not isinstance(found, dict):
        raise DataError("a template is names with values, such as clean = ...; see docs/prompts.md")
    return found


def _yaml(text: str) -> Any:
    """What YAML text says; a name given twice is refused, of which YAML would keep the last."""
    left, seen = [yaml.compose(text, yaml.SafeLoader)], set[int]()
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _each_once([key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            left += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value
    return yaml.safe_load(text)


def _each_once(keys: Sequence[Any]) -> None:
    names = [key.value for key in keys]
    twice = next((key for at, key in enumerate(keys) if key.value in names[:at]), None)
    if twice is not None:
        raise DataError(f"line {twice.start_mark.line + 1}: {twice.value!r} stands there twice; give each name once")


def _template(said: Mapping[str, Any], name: str, folder: Path) -> Template:
    known_keys(said, _KEYS, "the template")
    lists: dict[str, WordList] = {}
    for key, value in names_of(said, "lists").items():
        lists[key] = read_list(key, value, folder, lists)
    options = read_options(names_of(said, "options"))
    slots = read_slots(names_of(said, "slots"), lists, folder, options)
    forms = tuple(_form(part, said, slots) for part in _parts(said, "form") or [said])
    options = with_choices(options, slots.drawn, forms)
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
        slots=slots.drawn,
        forms=forms,
        split=_split(said.get("split"), slots.drawn),
        several_tokens=several,
        numbers=slots.numbers,
        derived=slots.derived,
        options=options,
        spans=read_spans(names_of(said, "spans"), slots),
    )


def _parts(said: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = said.get(key, [])
    if not isinstance(found, list) or not all(isinstance(part, Mapping) for part in found):
        raise DataError(f"{key}: {shown(found)} is not a list of tables; write [[{key}]] before each")
    return found


def _form(said: Mapping[str, Any], above: Mapping[str, Any], slots: Slots) -> Form:
    if said is not above:
        known_keys(said, ("name", "variant", "draw", *_SENTENCES), "a form")
    inherited = {key: above[key] for key in (*_SENTENCES, "draw") if key in above} | dict(said)
    variants = tuple(_variant({**inherited, **part}, slots) for part in _parts(said, "variant") or [{}])
    if len({tuple(variant.when) for variant in variants}) > 1:
        raise DataError("variant: some have other names in `when` than others; give each the same, or none any")
    return Form(str(said.get("name", "")), variants, read_draw(inherited.get("draw"), slots, variants))


def _variant(said: Mapping[str, Any], slots: Slots) -> Variant:
    clean, answers = (_patterns(said, key, slots) for key in ("clean", "answers"))
    corrupted = _patterns(said, "corrupted", slots) if "corrupted" in said else clean
    if len(corrupted) != len(clean):
        raise DataError(f"{len(corrupted)} sentences in corrupted where clean has {len(clean)}; give one for each")
    if corrupted == clean and not any(slots.corrupts(pattern) for pattern in clean):
        raise DataError(
            f"nothing differs between clean and corrupted in {clean[0].text!r}; give one of its slots a `corrupt`, or"
            " write `corrupted` sentences"
        )
    wrong = _patterns(said, "wrong_answers", slots) if "wrong_answers" in said else tuple(map(_of_corrupted, answers))
    for pattern in (*clean, *corrupted):
        if any(reference.corrupted for reference in pattern.references):
            raise DataError(f"{pattern.text!r}: `{CORRUPTED}.` is for answers; in a prompt write the slot alone")
    named = said["clean"]
    return Variant(
        clean, corrupted, answers, wrong, _when(said, slots), tuple(named) if isinstance(named, Mapping) else ()
    )


def _when(said: Mapping[str, Any], slots: Slots) -> dict[str, str]:
    found = names_of(said, "when")
    for name, value in found.items():
        if value not in slots.texts(name):
            raise DataError(
                f"variant, when: {shown(value)} is no text of {name!r}; the slots and options with texts:"
                f" {', '.join(slots.with_texts) or 'none'}"
            )
    return dict(found)


def _patterns(said: Mapping[str, Any], key: str, slots: Slots) -> tuple[Pattern, ...]:
    if key not in said:
        raise DataError(f"no {key} given; write {key} = and a sentence, or a list of sentences")
    texts = said[key]
    texts = list(texts.values()) if isinstance(texts, Mapping) else [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise DataError(f"{key}: {shown(texts)} where sentences belong; give text, or a list of texts")
    patterns = tuple(map(read_pattern, texts))
    for pattern in patterns:
        for reference in pattern.references:
            slots.require(reference, pattern, several=key in ("answers", "wrong_answers"))
    return patterns


def _of_corrupted(pattern: Pattern) -> Pattern:
    """The same answer, of the corrupted prompt."""
    parts = ((text, None if slot is None else Reference(slot.slot, slot.field, True)) for text, slot in pattern.parts)
    return Pattern(pattern.text, tuple(parts))


def _split(name: Any, slots: Mapping[str, Slot]) -> str | None:
    known = tuple(dict.fromkeys(slot.words.name for slot in slots.values()))
    if name is not None and name not in known:
        raise DataError(f"split: {shown(name)} is no list of a slot; name one of {', '.join(known)}")
    return None if name is None else str(name)
