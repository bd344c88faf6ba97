"""Generators are run to their end with their own arguments, and no state is kept that is not needed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

import edgewise
from edgewise.attribution import attribute
from edgewise.errors import SettingError
from edgewise.generators import at_the_end_of, last_of
from edgewise.search import patching
from edgewise.settings.conditions import Conditions


def counting(upto: int, *, step: int = 1) -> Iterator[int]:
    """Count.

    Yields every number.

    Args:
        upto: where it ends.
        step: from one number to the next.

    Raises:
        ValueError: never.
    """
    yield from range(0, upto + 1, step)


@at_the_end_of(counting)
def shown(last: int) -> str:
    """The last number, in words."""
    return f"it is {last}"


def test_the_last_state_is_what_is_left() -> None:
    assert last_of(counting(4)) == 4
    assert shown(9, step=2) == "it is 8"
    with pytest.raises(TypeError, match="stride"):
        shown(9, stride=2)  # type: ignore[call-arg]


def test_help_is_its_own_and_the_arguments_are_those_of_the_generator() -> None:
    assert inspect.signature(shown) == inspect.signature(counting).replace(return_annotation="str")
    assert shown.__name__ == "shown"
    words = inspect.getdoc(shown) or ""
    assert words.startswith("The last number, in words.\n\nArgs:\n    upto: where it ends.\n")
    assert "Yields" not in words
    assert words.endswith("ValueError: never.")


def test_an_exported_function_has_its_method_s_arguments() -> None:
    assert list(inspect.signature(edgewise.patch_edges).parameters) == list(inspect.signature(patching).parameters)
    assert edgewise.patch_edges.__qualname__ == "patch_edges"


def test_scores_by_name_take_what_their_pass_takes_and_by_default_the_same() -> None:
    own, of_pass = (inspect.signature(one).parameters for one in (edgewise.score_edges, attribute))
    assert set(of_pass) - {"state", "largest"} <= set(own)
    for name in set(own) & set(of_pass) - {"method"}:
        assert own[name].default == of_pass[name].default, name


@pytest.mark.parametrize("given", [{"batch_size": 0}, {"batch_size": 1.5}, {"max_memory": -3}])
def test_conditions_that_cannot_be(given: dict[str, int]) -> None:
    option = "--" + next(iter(given)).replace("_", "-")
    with pytest.raises(SettingError, match=f"^{option} is .*; give "):
        Conditions(**given)
