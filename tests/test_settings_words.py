"""A setting's words are what the command line reads as the same setting."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edgewise.errors import SettingError
from edgewise.methods import ESTIMATES, SEARCHES, estimate_of, method_names, settings_class
from edgewise.settings import described, setting
from edgewise.settings.read import check
from edgewise.settings.texts import read_columns, read_numbers, read_options, read_size, write_options
from edgewise.settings.words import words


@dataclass(frozen=True)
class Bounded:
    """One field of every kind of range."""

    least: int = setting(3, help="", least=2)
    above: float | None = setting(None, help="", above=0, most=1)
    on: bool = setting(True, help="")

    def __post_init__(self) -> None:
        check(self)


def test_values_out_of_range_are_refused_by_their_option() -> None:
    assert Bounded(above=1).above == 1.0
    assert isinstance(Bounded(above=1).above, float)
    for values, message in (
        ({"least": 1}, "--least is 1; give at least 2"),
        ({"above": 0.0}, "--above is 0.0; give a number above 0 and at most 1"),
        ({"above": 1.5}, "--above is 1.5; give a number above 0"),
        ({"above": float("inf")}, "--above is inf; give a finite number"),
        ({"least": 2.5}, "--least is 2.5; give a whole number"),
        ({"on": 1}, "--on is 1; give true or false"),
    ):
        with pytest.raises(SettingError, match=message):
            Bounded(**values)


def test_only_what_is_not_by_default_has_words() -> None:
    assert list(words(Bounded())) == []
    assert list(words(Bounded(4, 0.25, on=False))) == ["--least", "4", "--above", "0.25", "--no-on"]


def test_a_value_that_begins_like_an_option_is_joined_to_its_own() -> None:
    assert list(words(settings_class("acdc")(tau=-0.5))) == ["--tau=-0.5"]


@pytest.mark.parametrize("options", [{"a": 1}, {"a": "b"}, {"a": "1"}, {"a": True, "b": [1, "x"]}, {"a": None}])
def test_options_of_a_task_are_written_as_they_are_read(options: dict[str, object]) -> None:
    assert read_options(write_options(options)) == options


def test_a_slip_is_told_with_its_own_option() -> None:
    for read, flag, such in ((read_options, "--option", "template=3"), (read_columns, "--map", "clean=question")):
        with pytest.raises(SettingError, match=f"{flag} 'clean' is not .*; write for example {flag} {such}"):
            read(["clean"])
        with pytest.raises(SettingError, match=f"{flag} a is given twice"):
            read(["a=1", "a=2"])


def test_sizes_and_numbers() -> None:
    assert [read_size(text) for text in ("8GB", "1.5 GiB", "500M", "7")] == [8 * 10**9, 3 * 2**29, 5 * 10**8, 7]
    assert read_numbers("--tau", ["0.1,2", "3"]) == (0.1, 2.0, 3.0)
    assert read_numbers("--eap-top", ["10"], int) == (10,)
    for text in ("", "0", "GB", "-1GB"):
        with pytest.raises(SettingError, match="--max-memory"):
            read_size(text)
    with pytest.raises(SettingError, match="--tau: 'x' is not a finite number"):
        read_numbers("--tau", ["1,x"])


@pytest.mark.parametrize("name", method_names())
def test_the_row_of_a_method_names_the_settings_that_it_has(name: str) -> None:
    method = (SEARCHES if name in SEARCHES else ESTIMATES).load(estimate_of(name))
    assert settings_class(name) is method.settings
    assert all(one.setting.help for one in described(method.settings))
