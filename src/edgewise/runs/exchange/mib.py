"""Submissions to the circuit track of the MIB benchmark: a folder ``task_model`` in EAP-IG's graph JSON.

1. ``importances.json``: minus our score of every edge (or node); the benchmark ranks them.
2. Nine circuits, ``0.1.json`` to ``50.json``: the best edges by size, that many per cent of all, rounded down, without
   those on no path, and without scores; they are read back as EAP-IG's JSON.
"""

from __future__ import annotations

import re

from edgewise.errors import FormatError
from edgewise.graph import eapig, prune, query_head_view, top_n
from edgewise.runs.exchange import eap_ig_json
from edgewise.runs.exchange.format import About, Exchanged, Files, Format

PERCENT = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
# Its names of tasks and models that have others here.
TASKS = {"addition": "arithmetic-addition"}
MODELS = {
    "openai-community/gpt2": "gpt2",
    "Qwen/Qwen2.5-0.5B": "qwen2.5",
    "google/gemma-2-2b": "gemma2",
    "meta-llama/Llama-3.1-8B": "llama3",
}


def write(result: Exchanged) -> Files:
    """The folder with importances."""
    _require_scores(result)
    return {f"{folder_name(result.about)}/importances.json": eap_ig_json.write(result)}


def write_circuits(result: Exchanged) -> Files:
    """The folder with nine circuits."""
    scores = result.edge_scores("MIB's circuits")
    _require_scores(result)
    if scores is None:
        return {}
    by_query, files = query_head_view(scores), {}
    for percent in PERCENT:
        circuit = prune(top_n(by_query, int(percent * by_query.graph.n_edges / 100)))
        edges, columns = eapig.edge_columns(circuit)
        text = eap_ig_json.document(eapig.without_edges(circuit), edges, {"in_graph": columns["in_graph"]})
        files[f"{folder_name(result.about)}/{percent}.json"] = text
    return files


def folder_name(about: About) -> str:
    """``task_model`` as the benchmark calls them; other tasks and models by their own names, in plain letters."""
    task = TASKS.get(about.task or "", about.task or about.name)
    model = MODELS.get(about.model, about.model.rsplit("/", 1)[-1] or "model")
    return f"{_plain(task)}_{_plain(model)}"


def _require_scores(result: Exchanged) -> None:
    scores, graph = result.scores, result.graph
    if scores is None or len(scores) < (graph.n_edges if scores.what == "edge" else graph.n_sources):
        raise FormatError("MIB takes a score of every edge (or node), and some have none; score them all")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


FORMAT = Format(
    "a submission to MIB's circuit track, importances",
    "",
    "-",
    "minus ours",
    f"the circuit is not asked for; {eap_ig_json.LOST}; read it as eap-ig-json",
    write,
)
CIRCUITS = Format(
    "the same as nine circuits",
    "",
    "-",
    "minus ours",
    "all scores; the run's own circuit; read each as eap-ig-json",
    write_circuits,
)
