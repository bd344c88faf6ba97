"""Neuronpedia's graph: what its schema requires, and links against a sum over edges."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.runs.exchange.format import About, Exchanged
from edgewise.runs.exchange.neuronpedia import write
from graph.strategies import results

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
# What is required of a file by its fields (draft 07): names, kinds, and no field of another name.
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["metadata", "qParams", "nodes", "links"],
    "additionalProperties": False,
    "properties": {
        "metadata": {
            "type": "object",
            "required": ["slug", "scan", "prompt_tokens", "prompt"],
            "additionalProperties": False,
            "properties": {
                "slug": TEXT,
                "scan": TEXT,
                "prompt_tokens": {"type": "array", "items": TEXT},
                "prompt": TEXT,
                "schema_version": {"const": 1},
                "info": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "description": TEXT,
                        "creator_name": TEXT,
                        "creator_url": TEXT,
                        "source_urls": {"type": "array", "items": TEXT},
                        "generator": {"type": "object"},
                    },
                },
            },
        },
        "qParams": {
            "type": "object",
            "required": ["pinnedIds", "supernodes", "linkType", "clickedId", "sg_pos"],
            "additionalProperties": False,
            "properties": {
                "pinnedIds": {"type": "array", "items": TEXT},
                "supernodes": {"type": "array", "items": {"type": "array", "items": TEXT, "minItems": 2}},
                "linkType": TEXT,
                "clickedId": TEXT,
                "sg_pos": TEXT,
            },
        },
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["node_id", "feature", "layer", "ctx_idx", "feature_type", "jsNodeId", "clerp"],
                "additionalProperties": False,
                "properties": {
                    "node_id": TEXT,
                    "feature": {"type": ["integer", "null"]},
                    "layer": TEXT,
                    "ctx_idx": {"type": "integer", "minimum": 0},
                    "feature_type": TEXT,
                    "jsNodeId": TEXT,
                    "clerp": TEXT,
                    "influence": {"type": ["number", "null"]},
                    "activation": {"type": ["number", "null"]},
                },
            },
        },
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["source", "target", "weight"],
                "additionalProperties": False,
                "properties": {"source": TEXT, "target": TEXT, "weight": NUMBER},
            },
        },
    },
}
ABOUT = About("Runs / Demo", "demo", "ioi", ("When", " Mary", " and"), 2, {"a0.h0": "mover", "a9.h9": "elsewhere"})


def document(circuit: Circuit, scores: EdgeScores | NodeScores | None) -> dict[str, Any]:
    content = write(Exchanged(circuit.graph, circuit, scores, ABOUT))
    assert isinstance(content, bytes)
    found: dict[str, Any] = json.loads(content)
    return found


@settings(max_examples=30)
@given(results())
def test_files_keep_to_the_schema(result: tuple[Circuit, EdgeScores | NodeScores | None]) -> None:
    circuit, scores = result
    if isinstance(scores, NodeScores):
        return
    found = document(circuit, scores)
    import_module("jsonschema").Draft7Validator(SCHEMA).validate(found)
    ids = [node["node_id"] for node in found["nodes"]]
    assert len(ids) == len(set(ids)) == len(circuit.nodes())
    assert {end for link in found["links"] for end in (link["source"], link["target"])} <= set(ids)
    assert set(found["qParams"]["pinnedIds"]) <= set(ids)


def test_nodes_stand_at_the_places_that_scores_have() -> None:
    """Worked out by hand: a value crosses to the place of its reader, all else stays."""
    graph = Graph(GraphSpec(1, 2, 4)).at_places(("S", "END"), readers=True)
    values = {
        "input->a0.h0<v>@S->END": -2.0,
        "input->a0.h0<k>@S->S": 1.0,
        "input->a0.h0<q>@END": -1.0,
        "a0.h0->m0@END": 0.5,
        "m0->logits@END": -4.0,
    }
    array = graph.mask * 0.0
    for name, score in values.items():
        array[graph.edge(name)] = score
    found = document(Circuit.from_edges(graph, values), EdgeScores(graph, array))
    assert {(link["source"], link["target"]): link["weight"] for link in found["links"]} == {
        ("E_input_0", "0_a0.h0_1"): 2.0,
        ("E_input_0", "0_a0.h0_0"): -1.0,
        ("E_input_1", "0_a0.h0_1"): 1.0,
        ("0_a0.h0_1", "0_m0_1"): -0.5,
        ("0_m0_1", "1_logits_1"): 4.0,
    }
    assert [(node["node_id"], node["ctx_idx"]) for node in found["nodes"]] == [
        ("E_input_0", 0), ("E_input_1", 1), ("0_a0.h0_0", 0), ("0_a0.h0_1", 1), ("0_m0_1", 1), ("1_logits_1", 1),
    ]  # fmt: skip
    assert found["metadata"]["prompt_tokens"] == ["S", "END"]
    assert found["qParams"]["supernodes"] == [["mover", "0_a0.h0_0", "0_a0.h0_1"]]
    import_module("jsonschema").Draft7Validator(SCHEMA).validate(found)
    every = document(Circuit.full(Graph(GraphSpec(1, 2, 4)).at_places(("0", "1", "2"))), None)
    assert every["metadata"]["prompt_tokens"] == ["When", " Mary", " and"]
    assert {node["ctx_idx"] for node in every["nodes"]} == {0, 1, 2}


@settings(max_examples=20)
@given(results())
def test_links_at_places_sum_to_those_without(result: tuple[Circuit, EdgeScores | NodeScores | None]) -> None:
    circuit, _ = result
    graph = circuit.graph.at_places(("S", "END"))
    draw = np.random.default_rng(0)
    array = draw.normal(size=graph.mask.shape)
    placed = Circuit(graph, graph.mask & circuit.mask[..., None])
    summed = EdgeScores(circuit.graph, np.where(circuit.graph.mask, array.sum(-1), np.nan))

    def links(found: dict[str, Any]) -> dict[tuple[str, str], float]:
        totals: dict[tuple[str, str], float] = {}
        for link in found["links"]:
            ends = tuple(link[end].split("_")[1] for end in ("source", "target"))
            totals[ends] = totals.get(ends, 0.0) + link["weight"]  # type: ignore[index,arg-type]
        return totals

    plain = links(document(circuit, summed))
    assert links(document(placed, EdgeScores(graph, array))) == pytest.approx(plain)


def test_a_link_is_minus_the_sum_of_its_edges_and_a_shared_key_is_split() -> None:
    graph = Graph(GraphSpec(1, 2, 4, n_kv_heads=1))
    values = {"input->a0.h0<q>": -2.0, "input->a0.kv0<k>": -1.0, "a0.h0->m0": 0.5, "m0->logits": -4.0}
    circuit = Circuit.from_edges(graph, values)
    array = graph.mask * 0.0
    for name, score in values.items():
        array[graph.edge(name)] = score
    found = document(circuit, EdgeScores(graph, array))
    assert {(link["source"], link["target"]): link["weight"] for link in found["links"]} == {
        ("E_input_2", "0_a0.h0_2"): 2.5,
        ("E_input_2", "0_a0.h1_2"): 0.5,
        ("0_a0.h0_2", "0_m0_2"): -0.5,
        ("0_m0_2", "1_logits_2"): 4.0,
    }
    influence = {node["node_id"]: node["influence"] for node in found["nodes"]}
    assert influence["E_input_2"] == pytest.approx(3 / 7.5)
    assert found["qParams"]["supernodes"] == [["mover", "0_a0.h0_2"]]
    assert found["metadata"]["prompt"] == "When Mary and"
    assert found["metadata"]["slug"] == "runs-demo"
