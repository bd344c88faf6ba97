from __future__ import annotations

import inspect

import edgewise.errors as errors
from edgewise.errors import did_you_mean, in_words

TREE = {
    "EdgewiseError": "Exception",
    "UnknownNameError": "EdgewiseError",
    "ModelError": "EdgewiseError",
    "UnsupportedModelError": "ModelError",
    "DataError": "EdgewiseError",
    "MetricError": "EdgewiseError",
    "VanishingGradientError": "MetricError",
    "SelectionError": "EdgewiseError",
    "SettingError": "EdgewiseError",
    "FormatError": "EdgewiseError",
    "ScoreError": "EdgewiseError",
    "MemoryLimitError": "EdgewiseError",
    "ProcessError": "EdgewiseError",
    "LostProcessError": "ProcessError",
    "RunError": "EdgewiseError",
    "RunConflictError": "RunError",
    "EdgewiseWarning": "UserWarning",
}


def test_the_tree_is_what_users_catch() -> None:
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    found = {name: c.__bases__[0].__name__ for name, c in classes.items() if issubclass(c, Exception)}
    assert found == TREE
    assert set(errors.__all__) == {*TREE, "did_you_mean", "in_words"}


def test_the_docstring_shows_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    for name, parent in TREE.items():
        (line,) = [line for line in errors.__doc__.splitlines() if name in line.split()]
        depth = line.index(name)
        if parent in TREE:
            (above,) = [line for line in errors.__doc__.splitlines() if parent in line.split()]
            assert depth == above.index(parent) + 4


def test_near_names_are_suggested_in_their_own_spelling() -> None:
    assert did_you_mean("logit-dif", ["logit-diff", "kl"]) == "; did you mean 'logit-diff'?"
    assert did_you_mean("IOI", ["ioi", "docstring"]) == "; did you mean 'ioi'?"
    assert did_you_mean("zzz", ["ioi", "docstring"]) == ""


def test_what_another_library_says_is_one_line_that_ends_with_a_whole_word() -> None:
    assert in_words(ValueError("a file\n  is cut")) == "a file is cut"
    assert in_words(ValueError("one two three"), 9) == "one two ..."
    assert in_words(ValueError("unbroken"), 4) == "unbr ..."
    assert in_words(KeyError()) == "KeyError"
