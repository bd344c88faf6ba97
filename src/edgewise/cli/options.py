"""From described settings to options of a verb: one declaration a setting, the same option in every verb.

A verb names the groups of settings that it takes and has one parameter, ``given``, for all of them: the settings that
were named on the command line, by their fields. What was not given is left to whoever has the defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from functools import wraps
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

import typer

from edgewise.cli.completion import of_setting
from edgewise.methods import ESTIMATES, SEARCHES
from edgewise.settings import Described, described
from edgewise.settings.texts import read_numbers

Given: TypeAlias = dict[str, Any]
Verb = TypeVar("Verb", bound=Callable[..., Any])

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Compute again, in place of what is stored.")]
Rows = Annotated[int, typer.Option("--rows", help="Rows to list.", min=1)]


@dataclass(frozen=True)
class OptionGroup:
    """Settings that a verb takes.

    Args:
        title: the heading in help.
        settings: in their order.
    """

    title: str
    settings: tuple[Described, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Their fields' names."""
        return tuple(one.name for one in self.settings)

    def only(self, *names: str) -> OptionGroup:
        """Some of them, in the order named."""
        by_name = {one.name: one for one in self.settings}
        return replace(self, settings=tuple(by_name[name] for name in names))

    def help(self, name: str) -> str:
        """What is said of one of them."""
        return self.only(name).settings[0].setting.help

    def without(self, *names: str) -> OptionGroup:
        """All but some."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise ValueError(f"group {self.title!r} has no {missing[0]!r}")
        return replace(self, settings=tuple(one for one in self.settings if one.name not in names))

    def repeatable(self, *names: str, what: str) -> OptionGroup:
        """With some that may be given several times: `what` is said of that."""
        return replace(
            self, settings=tuple(_repeatable(one, what) if one.name in names else one for one in self.settings)
        )

    def default(self, **values: Any) -> OptionGroup:
        """With other defaults: a value, or words in the place of one."""
        return replace(self, settings=tuple(_with_default(one, values) for one in self.settings))


def _with_default(one: Described, values: Mapping[str, Any]) -> Described:
    if one.name not in values:
        return one
    words = values[one.name]
    return replace(one, default=None, setting=replace(one.setting, shown_default=None if words is None else str(words)))


def _repeatable(one: Described, what: str) -> Described:
    told = replace(one.setting, help=f"{one.setting.help.removesuffix('.')}; {what}.")
    return replace(one, many=True, setting=told)


def group(kind: Any) -> OptionGroup:
    """The settings of a class that has a title."""
    return OptionGroup(kind.title, described(kind))


def method_settings() -> OptionGroup:
    """The settings of all methods; one that several have says of each what it is there."""
    found: dict[str, list[tuple[str, Described]]] = {}
    for registry in (ESTIMATES, SEARCHES):
        for name in registry:
            kind = registry.settings(name)
            for one in () if kind is None else described(kind):
                found.setdefault(one.name, []).append((name, one))
    return OptionGroup("Settings of methods", tuple(_shared(owners) for owners in found.values()))


def _shared(owners: list[tuple[str, Described]]) -> Described:
    first = owners[0][1]
    words: dict[str, list[str]] = {}
    for name, one in owners:
        words.setdefault(_help(one), []).append(name)
    told = "; ".join(f"{', '.join(names)}: {text}" for text, names in words.items())
    return replace(first, setting=replace(first.setting, help=f"{told}.", shown_default=""))


def _help(one: Described) -> str:
    """What is said of a setting, its default last."""
    end = "." if one.setting.help.endswith(".") else ""
    words = f"; by default {one.default_words}" if one.default_words else ""
    return f"{one.setting.help.removesuffix('.')}{words}{end}"


def takes(*groups: OptionGroup) -> Callable[[Verb], Verb]:
    """Give a verb the options of groups of settings, where its parameter ``given`` stands.

    Args:
        groups: in the order of help; a setting that stands in two of them is taken from the first.
    """
    placed = {one.name: (one, part.title) for part in reversed(groups) for one in part.settings}

    def decorate(verb: Verb) -> Verb:
        hints = get_type_hints(verb, include_extras=True)
        parameters = []
        for parameter in inspect.signature(verb).parameters.values():
            if parameter.name == "given":
                parameters += [_parameter(one, placed[one.name][1]) for part in groups for one in part.settings]
            else:
                parameters.append(parameter.replace(annotation=hints[parameter.name]))
        distinct = {parameter.name: parameter for parameter in reversed(parameters)}
        ordered = list(reversed(distinct.values()))

        @wraps(verb)
        def call(**values: Any) -> Any:
            settings = {name: values.pop(name) for name in placed}
            return verb(**values, given=dict(_given(placed[name][0], value) for name, value in _named(settings)))

        by_keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in ordered]
        call.__signature__ = inspect.Signature(by_keyword)  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in by_keyword}
        return call  # type: ignore[return-value]

    return decorate


def _named(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in settings.items() if value not in (None, [], ()))


def _given(one: Described, value: Any) -> tuple[str, Any]:
    """A setting's name and its value, from what was typed."""
    if one.setting.read is not None:
        return one.name, one.setting.read(value)
    if one.setting.sweep:
        return one.name, read_numbers(one.flag, value, one.kind)
    return one.name, tuple(value) if one.many else value


def _parameter(one: Described, title: str) -> inspect.Parameter:
    """A setting as typer takes it: None where it is not given, whatever its default."""
    required = one.default is MISSING
    kind = _typed(one)
    flags = [f"{one.flag}/{one.off}" if one.off else one.flag]
    told = typer.Option(
        *flags,
        help=_help(one),
        metavar=one.setting.metavar,
        rich_help_panel=title,
        autocompletion=of_setting(one),
    )
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[kind if required else kind | None, told],
    )


def _typed(one: Described) -> Any:
    if one.many or one.kind is dict or one.setting.sweep:
        return list[str]
    return str if one.setting.read is not None else one.kind


def split(given: Given, names: Iterable[str]) -> tuple[Given, Given]:
    """What was given of some settings, and all else."""
    wanted = set(names)
    return (
        {name: value for name, value in given.items() if name in wanted},
        {name: value for name, value in given.items() if name not in wanted},
    )
