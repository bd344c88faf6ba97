"""edgewise: the edges of a transformer's computational graph that carry a behaviour.

Five lines, from a model to a circuit:

    from edgewise import load_model, make_task, score_edges, show, top_n
    model = load_model("demo")
    prompts = make_task("ioi", model)
    scores = score_edges(model, prompts)
    print(show(top_n(scores, 20), scores))

Every name below is imported when it is first used, so that `import edgewise` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgewise.engine.check import check_model
    from edgewise.errors import EdgewiseError
    from edgewise.evaluation.agreement import agreement
    from edgewise.evaluation.evaluate import evaluate_circuit
    from edgewise.evaluation.result import Evaluation
    from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
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
    from edgewise.report.pictures import draw_circuit
    from edgewise.report.text import show
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import discover
    from edgewise.runs.prompts import make_task, read_prompts
    from edgewise.runs.steps import Execution
    from edgewise.runs.store.files import write_circuit, write_scores
    from edgewise.runs.store.folder import Run, load_run
    from edgewise.runs.store.read import read_circuit, read_scores
    from edgewise.search import patch_edges, refine, score_edges
    from edgewise.settings.conditions import Conditions
    from edgewise.settings.selection import Selection
    from edgewise.tasks import PromptPair, PromptSet, TextEncoder

    __version__: str

_HOMES = {
    "edgewise.engine.check": ("check_model",),
    "edgewise.errors": ("EdgewiseError",),
    "edgewise.evaluation.agreement": ("agreement",),
    "edgewise.evaluation.evaluate": ("evaluate_circuit",),
    "edgewise.evaluation.result": ("Evaluation",),
    "edgewise.graph": ("Circuit", "EdgeScores", "Graph", "GraphSpec", "NodeScores"),
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
    "edgewise.report.pictures": ("draw_circuit",),
    "edgewise.report.text": ("show",),
    "edgewise.runs.config": ("RunConfig",),
    "edgewise.runs.discover": ("discover",),
    "edgewise.runs.steps": ("Execution",),
    "edgewise.runs.store.files": ("write_circuit", "write_scores"),
    "edgewise.runs.store.folder": ("Run", "load_run"),
    "edgewise.runs.store.read": ("read_circuit", "read_scores"),
    "edgewise.runs.prompts": ("make_task", "read_prompts"),
    "edgewise.settings.conditions": ("Conditions",),
    "edgewise.settings.selection": ("Selection",),
    "edgewise.search": ("patch_edges", "refine", "score_edges"),
    "edgewise.tasks": ("PromptPair", "PromptSet", "TextEncoder"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
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


def __getattr__(name: str) -> Any:
    """Import an exported name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("edgewise")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'edgewise' has no attribute '{name}'")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names that tab completion offers."""
    return sorted(__all__)
