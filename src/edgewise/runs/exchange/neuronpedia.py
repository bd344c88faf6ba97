"""Neuronpedia's graph JSON (its ``graph-schema.json``, draft 07; metadata as circuit-tracer's, schema version 1).

Nodes are the circuit's heads and MLPs, ``input`` and ``logits``. Scores are sums over positions: every node stands at
the last position that is read of the first prompt, ``input`` with them. A link is the sum of the edges between two
nodes (a head's q, k and v), with minus our score, so that positive helps; without scores each edge counts 1. A node's
influence is its share of the sizes of all links. Classes of a published circuit become supernodes, and their nodes are
pinned.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgewise.graph import Circuit
from edgewise.graph.scores import EdgeScores
from edgewise.runs.exchange.format import About, Exchanged, Format

Links = Mapping[tuple[str, str], float]


def write(result: Exchanged) -> bytes:
    """The file."""
    circuit, about = result.whole_circuit(), result.about
    links = links_of(circuit, result.edge_scores("Neuronpedia's graph"))
    names = circuit.nodes()
    last = circuit.graph.spec.n_layers
    ids = {name: _node_id(name, last, about.read_at) for name in names}
    influence = _influence(names, links)
    document = {
        "metadata": _metadata(about),
        "qParams": _view(about, ids),
        "nodes": [_node(name, ids[name], last, about.read_at, influence[name]) for name in names],
        "links": [{"source": ids[a], "target": ids[b], "weight": weight} for (a, b), weight in links.items()],
    }
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def links_of(circuit: Circuit, scores: EdgeScores | None) -> Links:
    """Weight of every pair of nodes that some edge of the circuit joins; a shared key or value joins all its heads."""
    graph, weights = circuit.graph, defaultdict[tuple[str, str], float](float)
    for i, j in np.argwhere(circuit.mask).tolist():
        score = -1.0 if scores is None or math.isnan(scores.values[i, j]) else float(scores.values[i, j])
        readers = [graph.sources[row] for row in np.flatnonzero(graph.reads[:, j])] or [graph.destinations[j]]
        for reader in readers:
            weights[graph.sources[i], reader] -= score / len(readers)
    return dict(weights)


def _metadata(about: About) -> dict[str, Any]:
    return {
        "slug": re.sub(r"[^a-z0-9]+", "-", about.name.lower()).strip("-") or "edgewise",
        "scan": about.model,
        "prompt_tokens": list(about.tokens),
        "prompt": "".join(about.tokens),
        "schema_version": 1,
        "info": {
            "description": "a circuit of heads and MLPs; links are edges of the residual stream, positive helps",
            "creator_name": "edgewise",
            "creator_url": "",
            "source_urls": [],
            "generator": {"name": "edgewise"},
        },
    }


def _view(about: About, ids: Mapping[str, str]) -> dict[str, Any]:
    groups: dict[str, list[str]] = defaultdict(list)
    for node, label in about.classes.items():
        if node in ids:
            groups[label].append(ids[node])
    return {
        "pinnedIds": [one for members in groups.values() for one in members],
        "supernodes": [[label, *members] for label, members in groups.items()],
        "linkType": "both",
        "clickedId": "",
        "sg_pos": "",
    }


def _node(name: str, node_id: str, last: int, position: int, influence: float) -> dict[str, Any]:
    layer, kind, label = _described(name, last)
    return {
        "node_id": node_id,
        "feature": None,
        "layer": layer,
        "ctx_idx": position,
        "feature_type": kind,
        "jsNodeId": node_id,
        "clerp": label,
        "influence": influence,
        "activation": None,
    }


def _described(name: str, last: int) -> tuple[str, str, str]:
    """Layer, kind and label of a node; `last` is the layer behind the blocks."""
    if name == "input":
        return "E", "embedding", "input"
    if name == "logits":
        return str(last), "logit", "logits"
    if name.startswith("m"):
        return name[1:], "mlp", f"MLP {name[1:]}"
    layer, _, head = name[1:].partition(".h")
    return layer, "attention head", f"head {layer}.{head}"


def _node_id(name: str, last: int, position: int) -> str:
    return f"{_described(name, last)[0]}_{name}_{position}"


def _influence(names: tuple[str, ...], links: Links) -> dict[str, float]:
    total = sum(map(abs, links.values())) or 1.0
    of = dict.fromkeys(names, 0.0)
    for ends, weight in links.items():
        for end in ends:
            of[end] += abs(weight) / total
    return of


FORMAT = Format(
    "Neuronpedia's graph, with heads and MLPs as nodes",
    ".json",
    "-",
    "minus ours",
    "at which input of a head an edge ends; scores outside the circuit; spreads; positions, over which scores are sums",
    write,
)
