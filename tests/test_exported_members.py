"""The names that users import are pinned here: one more or less is a decision, not an accident."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edgewise

EXPORTED = [
    "Circuit",
    "Conditions",
    "EdgeScores",
    "EdgewiseError",
    "Evaluation",
    "Execution",
    "Graph",
    "GraphSpec",
    "Metric",
    "MetricBatch",
    "Model",
    "NodeScores",
    "PromptPair",
    "PromptSet",
    "Run",
    "RunConfig",
    "Selection",
    "TextEncoder",
    "__version__",
    "agreement",
    "check_model",
    "discover",
    "draw_circuit",
    "evaluate_circuit",
    "get_metric",
    "greedy",
    "load_model",
    "load_run",
    "make_task",
    "patch_edges",
    "prune",
    "read_circuit",
    "read_prompts",
    "read_scores",
    "refine",
    "score_edges",
    "show",
    "threshold",
    "threshold_nodes",
    "top_fraction",
    "top_n",
    "top_nodes",
    "write_circuit",
    "write_scores",
]


def test_the_exported_names() -> None:
    assert sorted(edgewise.__all__) == sorted(EXPORTED)
    assert dir(edgewise) == sorted(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_name_can_be_imported_and_knows_its_purpose(name: str) -> None:
    value = getattr(edgewise, name)
    assert isinstance(value, str) or value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'edgewise' has no attribute 'scores'"):
        edgewise.scores  # noqa: B018


def test_type_checkers_and_the_lazy_import_agree() -> None:
    """The imports under TYPE_CHECKING are those that `__getattr__` makes."""
    tree = ast.parse(Path(edgewise.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    static = {
        (alias.name, node.module)
        for node in imports
        if (node.module or "").startswith("edgewise.")
        for alias in node.names
    }
    assert static == set(edgewise._HOME_OF.items())
