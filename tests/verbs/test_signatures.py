"""The functions of Python and the verbs of the command line have the same names, defaults and values."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import edgewise
from edgewise.cli import clusters, compare, discover, evaluate, plan, shared, specificity, verify
from edgewise.cli.groups import METHOD_SETTINGS
from edgewise.runs.config import RunConfig
from edgewise.settings import Described, described
from edgewise.settings.conditions import MemorySettings, ProcessSettings
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection
from edgewise.verbs.asked import method_settings

VERBS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "clusters": (edgewise.clusters, clusters.clusters),
    "compare": (edgewise.compare, compare.compare),
    "discover": (edgewise.discover, discover.discover),
    "evaluate": (edgewise.evaluate, evaluate.evaluate),
    "plan": (edgewise.plan, plan.plan),
    "shared": (edgewise.shared, shared.shared),
    "specificity": (edgewise.specificity, specificity.specificity),
    "verify": (edgewise.verify, verify.verify),
}
# What a run or a circuit is called here, and what only one of the two can mean.
OTHER_NAMES = {
    "folder": "run",
    "folders": "runs",
    "no_pictures": "pictures",
    "no_evaluate": "evaluate",
    "number": "clusters",
}
# Of several sets of prompts `discover` is called for each.
OF_COMMANDS, OF_PYTHON = {"as_json", "processes", "protocol"}, {"progress", "settings", "tokenizer"}
OF_ONE_COMMAND = {"discover": {"together"}}
# What is as in the run where it is not given has no default of its own.
AS_IN_THE_RUN = {
    "evaluate": {"n", "seed", "dtype", "device", "device_map", "kv_heads", "model"},
    "compare": {"n", "seed", "model"},
    "verify": {"model"},
    "discover": set(),
    "plan": set(),
    "clusters": set(),
    "shared": {"metric"},
    "specificity": set(),
}
SETTINGS = {
    one.name: one
    for kind in (RunConfig, Selection, EvaluationRequest, MemorySettings, ProcessSettings)
    for one in described(kind)
}
OWN = {one.name: one for kind in method_settings() for one in described(kind)}


def keywords(verb: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(VERBS[verb][0]).parameters)


def cases() -> Iterator[tuple[str, str]]:
    for verb in VERBS:
        yield from ((verb, name) for name in keywords(verb) if name in SETTINGS or name in OWN)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_a_keyword_and_no_other(verb: str) -> None:
    options = set(inspect.signature(VERBS[verb][1]).parameters) - OF_COMMANDS - OF_ONE_COMMAND.get(verb, set())
    # A plan is of so many processes; a call is of one.
    assert {OTHER_NAMES.get(name, name) for name in options} == set(keywords(verb)) - OF_PYTHON - {"processes"}
    assert ("processes" in keywords(verb)) == (verb == "plan")


def test_the_settings_of_methods_that_come_with_edgewise_are_all_there() -> None:
    assert set(METHOD_SETTINGS.names) == set(OWN)
    assert not set(OWN) & set(SETTINGS)


@pytest.mark.parametrize(("verb", "name"), list(cases()))
def test_a_default_is_that_of_the_setting(verb: str, name: str) -> None:
    default = keywords(verb)[name].default
    if name in OWN:
        assert default in (None, False)  # as the method has it
    elif name in AS_IN_THE_RUN[verb]:
        assert default is None
    elif name == "model":
        assert default is inspect.Parameter.empty
    else:
        wanted = SETTINGS[name].default
        assert default == wanted or (wanted == {} and default is None)


@pytest.mark.parametrize(("verb", "name"), list(cases()))
def test_a_type_is_that_of_the_setting(verb: str, name: str) -> None:
    one = SETTINGS.get(name) or OWN[name]
    hint = get_type_hints(VERBS[verb][0])[name]
    options = set(get_args(hint)) if get_origin(hint) in (types.UnionType, typing.Union) else {hint}
    choices = {word for option in options if get_origin(option) is Literal for word in get_args(option)}
    assert choices - ({"auto"} - set(one.choices)) == set(one.choices)
    if not one.choices:
        assert expected(one) <= options


def expected(one: Described) -> set[Any]:
    if one.kind is dict:
        return {typing.get_type_hints(RunConfig)["options"]}
    return {one.kind}


@pytest.mark.parametrize("verb", VERBS)
def test_editors_see_every_keyword(verb: str) -> None:
    """The signature is written out: nothing behind ``**``, no type left open."""
    kinds = {one.kind for one in keywords(verb).values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    hints = get_type_hints(VERBS[verb][0])
    assert not [name for name, hint in hints.items() if hint is Any]


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, and every method of a public class that is edgewise's own."""
    for name in edgewise.__all__:
        value = getattr(edgewise, name)
        if inspect.isfunction(value):
            yield name, value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if not method.startswith("_") and function.__module__.startswith("edgewise."):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize(("name", "function"), [pytest.param(*one, id=one[0]) for one in public()])
def test_no_public_function_hides_its_keywords(name: str, function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    assert not [one for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD], name
    assert not [one for one in parameters if one.name != "self" and one.annotation is inspect.Parameter.empty], name
    assert function.__doc__, name
