"""Neuronpedia's graph JSON (its ``graph-schema.json``, draft 07; metadata as circuit-tracer's, schema version 1).

Nodes are the circuit's heads and MLPs, ``input`` and ``logits``.

1. Scores without places are sums over positions: every node stands at the last position that is read of the first
   prompt, ``input`` with them.
2. Scores of edges by place: a node stands at each place where it writes or reads; places are the prompt's tokens
   where all positions are kept apart, else the named spans, which then stand for tokens. An edge stays at its place,
   but where keys and values are kept apart by reader it leads from the place of what writes to that of the head.
3. A link is the sum of the edges between two nodes (a head's q, k and v), with minus our score, so that positive
   helps; without scores each edge counts 1. A node's influence is its share of the sizes of all links.
4. Classes of a published circuit become supernodes, and their nodes are pinned.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgewise.graph import Circuit, Graph
from edgewise.graph.scores import EdgeScores
from edgewise.runs.exchange.format import About, Exchanged, Format

# A node's name and its position.
Place = tuple[str, int]
Links = Mapping[tuple[Place, Place], float]


def write(result: Exchanged) -> bytes:
    """The file."""
    circuit, about = result.whole_circuit(), result.about
    links = links_of(circuit, result.edge_scores("Neuronpedia's graph"), about.read_at)
    last = circuit.graph.spec.n_layers
    ids = {place: _node_id(place, last) for place in _places(circuit, links, about.read_at)}
    influence = _influence(ids, links)
    document = {
        "metadata": _metadata(about, _tokens(circuit.graph, about)),
        "qParams": _view(about, ids),
        "nodes": [_node(place, node_id, last, influence[place]) for place, node_id in ids.items()],
        "links": [{"source": ids[a], "target": ids[b], "weight": weight} for (a, b), weight in links.items()],
    }
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def links_of(circuit: Circuit, scores: EdgeScores | None, read_at: int) -> Links:
    """Weight of every pair of nodes that some edge of the circuit joins; a shared key or value joins all its heads.

    Args:
        circuit: the edges.
        scores: theirs; None counts each as 1.
        read_at: the position of all nodes where edges have no places.
    """
    graph, weights = circuit.graph, defaultdict[tuple[Place, Place], float](float)
    for at in map(tuple, np.argwhere(circuit.mask).tolist()):
        i, j, *where = at
        score = -1.0 if scores is None or math.isnan(scores.values[at]) else float(scores.values[at])
        start, end = (where[0], where[-1]) if where else (read_at, read_at)
        readers = [graph.sources[row] for row in np.flatnonzero(graph.reads[:, j])] or [graph.destinations[j]]
        for reader in readers:
            weights[(graph.sources[i], start), (reader, end)] -= score / len(readers)
    return dict(weights)


def _places(circuit: Circuit, links: Links, read_at: int) -> list[Place]:
    """The nodes in the graph's order, each at its positions."""
    if not circuit.graph.places:
        return [(name, read_at) for name in circuit.nodes()]
    order = {name: number for number, name in enumerate((*circuit.graph.sources, "logits"))}
    return sorted({place for ends in links for place in ends}, key=lambda place: (order[place[0]], place[1]))


def _tokens(graph: Graph, about: About) -> tuple[str, ...]:
    """What stands at the positions of nodes."""
    by_token = [str(at) for at in range(len(about.tokens))] == list(graph.places)
    return about.tokens if by_token or not graph.places else graph.places


def _metadata(about: About, tokens: tuple[str, ...]) -> dict[str, Any]:
    return {
        "slug": re.sub(r"[^a-z0-9]+", "-", about.name.lower()).strip("-") or "edgewise",
        "scan": about.model,
        "prompt_tokens": list(tokens),
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


def _view(about: About, ids: Mapping[Place, str]) -> dict[str, Any]:
    groups: dict[str, list[str]] = {label: [] for label in about.classes.values()}
    for (name, _), node_id in ids.items():
        if name in about.classes:
            groups[about.classes[name]].append(node_id)
    groups = {label: members for label, members in groups.items() if members}
    return {
        "pinnedIds": [one for members in groups.values() for one in members],
        "supernodes": [[label, *members] for label, members in groups.items()],
        "linkType": "both",
        "clickedId": "",
        "sg_pos": "",
    }


def _node(place: Place, node_id: str, last: int, influence: float) -> dict[str, Any]:
    name, position = place
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


def _node_id(place: Place, last: int) -> str:
    name, position = place
    return f"{_described(name, last)[0]}_{name}_{position}"


def _influence(nodes: Iterable[Place], links: Links) -> dict[Place, float]:
    total = sum(map(abs, links.values())) or 1.0
    of = dict.fromkeys(nodes, 0.0)
    for ends, weight in links.items():
        for end in ends:
            of[end] += abs(weight) / total
    return of


FORMAT = Format(
    "Neuronpedia's graph, with heads and MLPs as nodes",
    ".json",
    "-",
    "minus ours",
    "at which input of a head an edge ends; scores outside the circuit; spreads; positions where scores are sums",
    write,
    by_place=True,
)
