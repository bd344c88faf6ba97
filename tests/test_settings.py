"""Settings of methods: read from JSON values, refused by name, written out whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from edgewise.errors import SettingError
from edgewise.settings import NoSettings, read_settings, settings_json


@dataclass(frozen=True)
class Some:
    """One field of every kind."""

    tau: float | None = None
    steps: int = 5
    rule: str = "left"
    absolute: bool = False
    only: tuple[str, ...] = ()


def test_values_are_read_and_written_whole() -> None:
    found = read_settings(Some, {"tau": 1, "only": ["a", "b"], "absolute": True}, "m")
    assert found == Some(tau=1.0, absolute=True, only=("a", "b"))
    assert isinstance(found.tau, float)
    assert settings_json(found) == {"tau": 1.0, "steps": 5, "rule": "left", "absolute": True, "only": ["a", "b"]}
    assert read_settings(Some, settings_json(found), "m") == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"taus": 1.0}, "method 'm' has no setting --taus; did you mean 'tau'"),
        ({"direct_edges": True}, "no setting --direct-edges; it has --absolute, --only, --rule, --steps, --tau"),
        ({"steps": 2.5}, r"--steps is 2\.5; give a whole number"),
        ({"steps": True}, "--steps is True; give a whole number"),
        ({"tau": "big"}, "--tau is 'big'; give a number or nothing"),
        ({"tau": False}, "--tau is False"),
        ({"absolute": 1}, "--absolute is 1; give true or false"),
        ({"only": "a->b"}, "--only is 'a->b'; give a list"),
        ({"only": [1]}, "--only is 1; give a text"),
        ({"rule": None}, "--rule is None; give a text"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read_settings(Some, values, "m")


def test_a_method_without_settings_has_none() -> None:
    with pytest.raises(SettingError, match=r"method 'm' has no setting --tau; it has none"):
        read_settings(NoSettings, {"tau": 1.0}, "m")
