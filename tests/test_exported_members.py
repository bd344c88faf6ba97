"""The names that users import are pinned here: one more or less is a decision, not an accident."""

from __future__ import annotations

import ast
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest

import edgewise
from edgewise.errors import EdgewiseError

EXPORTED = [
    "Circuit",
    "Clusters",
    "Comparison",
    "Conditions",
    "EdgeScores",
    "EdgewiseError",
    "Evaluated",
    "Evaluation",
    "Graph",
    "GraphSpec",
    "Metric",
    "MetricBatch",
    "Model",
    "NeuronCircuit",
    "NeuronEvaluation",
    "NeuronRun",
    "NeuronScores",
    "NodeScores",
    "Plan",
    "PromptPair",
    "PromptSet",
    "Run",
    "RunConfig",
    "Shared",
    "Specificity",
    "TextEncoder",
    "Verification",
    "__version__",
    "agreement",
    "check_model",
    "clusters",
    "compare",
    "discover",
    "discover_neurons",
    "draw_circuit",
    "evaluate",
    "evaluate_circuit",
    "evaluate_neurons",
    "get_metric",
    "greedy",
    "hook_names",
    "load_model",
    "load_neuron_run",
    "load_run",
    "make_task",
    "patch_edges",
    "patch_neurons",
    "plan",
    "prune",
    "read_circuit",
    "read_prompts",
    "read_scores",
    "refine",
    "score_edges",
    "score_neuron_edges",
    "score_neurons",
    "shared",
    "show",
    "specificity",
    "threshold",
    "threshold_nodes",
    "top_fraction",
    "top_n",
    "top_nodes",
    "verify",
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


def test_a_notebook_without_widgets_hears_no_warning_of_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """tqdm warns when it is first imported where IPython runs without widgets; warnings are errors here."""
    for name in [name for name in sys.modules if name.split(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setattr("IPython.get_ipython", lambda: Kernel(), raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.delitem(edgewise.__dict__, "EdgewiseError", raising=False)
    assert edgewise.EdgewiseError is EdgewiseError
    assert "tqdm.auto" in sys.modules


class Kernel:
    """What tqdm takes for a notebook."""

    config: ClassVar = {"IPKernelApp": {}}
