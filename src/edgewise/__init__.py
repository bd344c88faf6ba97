"""edgewise: the edges of a transformer's computational graph that carry a behaviour.

From a model and prompts to a run folder, as the command line does it:

    import edgewise
    run = edgewise.discover(model="demo", task="ioi", top=100, out="runs/demo")
    run.scores.top(20)
    edgewise.evaluate(run).faithfulness

And with values in memory:

    model = edgewise.load_model("demo")
    prompts = edgewise.make_task("ioi", model)
    scores = edgewise.score_edges(model, prompts)
    circuit = edgewise.top_n(scores, 100)
    edgewise.evaluate_circuit(model, prompts, circuit)

Every name below is imported when it is first used, so that `import edgewise` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgewise.engine.check import check_model
    from edgewise.errors import EdgewiseError
    from edgewise.evaluation.agreement import agreement
    from edgewise.evaluation.evaluate import evaluate_circuit
    from edgewise.evaluation.neuron_result import NeuronEvaluation
    from edgewise.evaluation.neurons import evaluate_neurons
    from edgewise.evaluation.result import Evaluation
    from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
    from edgewise.graph.neurons import NeuronCircuit, NeuronScores
    from edgewise.graph.selection import (
        greedy,
        prune,
        threshold,
        threshold_nodes,
        top_fraction,
        top_n,
        top_nodes,
    )
    from edgewise.metrics import Metric, MetricBatch, get_metric
    from edgewise.models import Model, load_model
    from edgewise.models.hook_names import hook_names
    from edgewise.report.pictures import draw_circuit
    from edgewise.report.text import show
    from edgewise.runs.clusters import Clusters
    from edgewise.runs.config import RunConfig
    from edgewise.runs.contest.comparison_result import Comparison
    from edgewise.runs.contest.shared_result import Shared
    from edgewise.runs.evaluated import Evaluated
    from edgewise.runs.plan import Plan
    from edgewise.runs.prompts import make_task, read_prompts
    from edgewise.runs.specificity import Specificity
    from edgewise.runs.store.files import write_circuit, write_scores
    from edgewise.runs.store.folder import Run, load_run
    from edgewise.runs.store.neurons import NeuronRun, load_neuron_run
    from edgewise.runs.store.read import read_circuit, read_scores
    from edgewise.runs.verification import Verification
    from edgewise.search import patch_edges, patch_neurons, refine, score_edges, score_neuron_edges, score_neurons
    from edgewise.settings.conditions import Conditions
    from edgewise.tasks import PromptPair, PromptSet, TextEncoder
    from edgewise.verbs.clusters import clusters
    from edgewise.verbs.compare import compare
    from edgewise.verbs.discover import discover
    from edgewise.verbs.evaluate import evaluate
    from edgewise.verbs.neurons import discover_neurons
    from edgewise.verbs.plan import plan
    from edgewise.verbs.shared import shared
    from edgewise.verbs.specificity import specificity
    from edgewise.verbs.verify import verify

    __version__: str

_HOMES = {
    "edgewise.engine.check": ("check_model",),
    "edgewise.errors": ("EdgewiseError",),
    "edgewise.evaluation.agreement": ("agreement",),
    "edgewise.evaluation.evaluate": ("evaluate_circuit",),
    "edgewise.evaluation.neuron_result": ("NeuronEvaluation",),
    "edgewise.evaluation.neurons": ("evaluate_neurons",),
    "edgewise.evaluation.result": ("Evaluation",),
    "edgewise.graph": ("Circuit", "EdgeScores", "Graph", "GraphSpec", "NodeScores"),
    "edgewise.graph.neurons": ("NeuronCircuit", "NeuronScores"),
    "edgewise.graph.selection": (
        "greedy",
        "prune",
        "threshold",
        "threshold_nodes",
        "top_fraction",
        "top_n",
        "top_nodes",
    ),
    "edgewise.metrics": ("Metric", "MetricBatch", "get_metric"),
    "edgewise.models": ("Model", "load_model"),
    "edgewise.models.hook_names": ("hook_names",),
    "edgewise.report.pictures": ("draw_circuit",),
    "edgewise.report.text": ("show",),
    "edgewise.runs.clusters": ("Clusters",),
    "edgewise.runs.config": ("RunConfig",),
    "edgewise.runs.contest.comparison_result": ("Comparison",),
    "edgewise.runs.contest.shared_result": ("Shared",),
    "edgewise.runs.evaluated": ("Evaluated",),
    "edgewise.runs.plan": ("Plan",),
    "edgewise.runs.specificity": ("Specificity",),
    "edgewise.runs.store.files": ("write_circuit", "write_scores"),
    "edgewise.runs.store.folder": ("Run", "load_run"),
    "edgewise.runs.store.neurons": ("NeuronRun", "load_neuron_run"),
    "edgewise.runs.store.read": ("read_circuit", "read_scores"),
    "edgewise.runs.prompts": ("make_task", "read_prompts"),
    "edgewise.runs.verification": ("Verification",),
    "edgewise.settings.conditions": ("Conditions",),
    "edgewise.search": (
        "patch_edges",
        "patch_neurons",
        "refine",
        "score_edges",
        "score_neuron_edges",
        "score_neurons",
    ),
    "edgewise.tasks": ("PromptPair", "PromptSet", "TextEncoder"),
    "edgewise.verbs.clusters": ("clusters",),
    "edgewise.verbs.compare": ("compare",),
    "edgewise.verbs.discover": ("discover",),
    "edgewise.verbs.evaluate": ("evaluate",),
    "edgewise.verbs.neurons": ("discover_neurons",),
    "edgewise.verbs.plan": ("plan",),
    "edgewise.verbs.shared": ("shared",),
    "edgewise.verbs.specificity": ("specificity",),
    "edgewise.verbs.verify": ("verify",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
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


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("edgewise")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'edgewise' has no attribute '{name}'")
    if "ipykernel" in sys.modules:
        import_module("edgewise.notebook").quiet_bars()
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names that tab completion offers."""
    return sorted(__all__)
