from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgewise.errors import EdgewiseError, UnknownNameError
from edgewise.registry import Registry

METRICS = {"logit-diff": "json:dumps", "kl": "json.decoder:JSONDecoder.decode", "accuracy": "json:loads"}


def test_names_in_order_of_registration() -> None:
    registry = Registry("metric", METRICS)
    registry.register("another", "json:dump")
    assert registry.names() == tuple(registry) == ("logit-diff", "kl", "accuracy", "another")
    assert "kl" in registry
    assert "KL" not in registry
    assert len(registry) == 4


def test_loading_gives_the_attribute_also_a_nested_one() -> None:
    import json

    registry = Registry("metric", METRICS)
    assert registry.load("logit-diff") is json.dumps
    assert registry.load("kl") is json.JSONDecoder.decode


def test_nothing_is_imported_before_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lazy_probe.py").write_text('"""."""\ndef thing():\n    """Do a thing.\n\n    At length.\n    """\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry("task", {"probe": "lazy_probe:thing"})
    assert registry.names() == ("probe",)
    assert "lazy_probe" not in sys.modules
    assert registry.describe("probe") == "Do a thing."
    assert "lazy_probe" in sys.modules
    monkeypatch.delitem(sys.modules, "lazy_probe")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("logit-dif", r"unknown metric 'logit-dif'; did you mean 'logit-diff'\?"),
        ("zzzz", r"unknown metric 'zzzz'\."),
    ],
)
def test_unknown_names_suggest_and_list(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"^{message} Known metrics: logit-diff, kl, accuracy\\.$"):
        Registry("metric", METRICS).load(name)


def test_plural_in_messages() -> None:
    with pytest.raises(UnknownNameError, match="Known families: none"):
        Registry("family", {}).load("gpt")


def test_a_name_cannot_be_taken_twice() -> None:
    registry = Registry("metric", METRICS)
    with pytest.raises(EdgewiseError, match=r"metric 'kl' is already registered as 'json\.decoder"):
        registry.register("kl", "json:load")
    assert registry.names() == tuple(METRICS)


@pytest.mark.parametrize("target", ["json", "json:", ":dumps", ""])
def test_targets_must_name_module_and_attribute(target: str) -> None:
    with pytest.raises(EdgewiseError, match="is not 'module:attribute'"):
        Registry("metric", {"x": target})


def test_a_target_without_its_attribute_is_named() -> None:
    with pytest.raises(EdgewiseError, match="metric 'x': module 'json' has no 'dumbs'"):
        Registry("metric", {"x": "json:dumbs"}).load("x")


def test_a_defect_inside_the_module_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_probe.py").write_text("import json\njson.no_such_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AttributeError, match="no_such_name"):
        Registry("task", {"broken": "broken_probe:thing"}).load("broken")


def test_a_summary_comes_before_the_docstring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = 'class Thing:\n    """Docstring."""\n    summary = "One line.\\nMore."\nclass Bare:\n    pass\n'
    (tmp_path / "summary_probe.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry("metric", {"thing": "summary_probe:Thing", "bare": "summary_probe:Bare"})
    assert registry.describe("thing") == "One line."
    assert registry.describe("bare") == ""
    monkeypatch.delitem(sys.modules, "summary_probe")
