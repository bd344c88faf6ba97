"""Known circuits and classes of nodes: as published, and only for the model they were published for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import Graph, GraphSpec
from edgewise.tasks import TASKS
from edgewise.tasks.known import KNOWN, KnownCircuit, find_known, known_from_json, node_classes
from edgewise.tasks.known.rules import EdgeRule, edges_of, heads, mlps

GPT2 = GraphSpec(12, 12, 768)
ATTENTION_ONLY = GraphSpec(4, 8, 512, has_mlp=False)


REFERENCE = {"ioi/gpt2": "ioi", "greater-than/gpt2": "greater_than", "docstring/attn-only-4l": "docstring"}
COUNTS = {"ioi/gpt2": 963, "greater-than/gpt2": 235, "docstring/attn-only-4l": 24}


def of_task(task: str) -> KnownCircuit:
    return next(KNOWN.load(name) for name in KNOWN if name.startswith(f"{task}/"))


def published(shared: Path, name: str) -> dict[str, set[str]]:
    content = json.loads((shared / "circuits" / f"{name}.json").read_text())
    return {of: set(nodes) for of, nodes in content.items()}


def members(task: str) -> dict[str, set[str]]:
    return {of: set(nodes) for of, nodes in of_task(task).classes.items()}


def test_ioi_as_published(shared: Path) -> None:
    assert members("ioi") == published(shared, "ioi_head_classes")


def test_greater_than_as_published(shared: Path) -> None:
    ours = {frozenset(nodes) for nodes in members("greater-than").values()}
    assert ours == {frozenset(nodes) for nodes in published(shared, "greater_than_node_classes").values()}


def test_docstring_as_published(shared: Path) -> None:
    edges = json.loads((shared / "circuits" / "docstring.json").read_text())
    ends = {end.partition("<")[0] for edge in edges for end in edge.split("->")}
    assert set(node_classes("docstring", "attn-only-4l", ATTENTION_ONLY)) == ends - {"input", "logits"}


@pytest.mark.parametrize(("task", "spec"), [("ioi", GPT2), ("greater-than", GPT2), ("docstring", ATTENTION_ONLY)])
def test_every_member_is_a_node_of_one_class(task: str, spec: GraphSpec) -> None:
    assert task in TASKS.names()
    listed = [node for nodes in of_task(task).classes.values() for node in nodes]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(Graph(spec).sources)


def test_classes_of_a_node() -> None:
    classes = node_classes("ioi", "openai-community/gpt2", GPT2)
    assert len(classes) == 26
    assert classes["a9.h9"] == "name mover"
    assert classes["a10.h7"] == "negative name mover"
    assert "a9.h8" not in classes
    assert next(iter(classes.values())) == "name mover"


@pytest.mark.parametrize(
    ("task", "model", "spec"),
    [
        (None, "gpt2", GPT2),
        ("induction", "gpt2", GPT2),
        ("ioi", "gpt2-medium", GPT2),
        ("ioi", "demo", GPT2),
        ("ioi", "gpt2", replace(GPT2, n_layers=6)),
        ("ioi", "gpt2", replace(GPT2, n_kv_heads=4)),
        ("ioi", "gpt2", replace(GPT2, parallel=True)),
        ("docstring", "attn-only-4l", replace(ATTENTION_ONLY, has_mlp=True)),
    ],
)
def test_nothing_is_known_of_another_task_or_model(task: str | None, model: str, spec: GraphSpec) -> None:
    assert node_classes(task, model, spec) == {}


@pytest.mark.parametrize("name", REFERENCE)
def test_edges_as_published(shared: Path, name: str) -> None:
    listed = json.loads((shared / "circuits" / f"{REFERENCE[name]}.json").read_text())
    assert set(KNOWN.load(name).edges) == set(listed)


@pytest.mark.parametrize("name", KNOWN)
def test_every_row_is_a_circuit_of_its_model(name: str) -> None:
    """One test for all rows, those to come too: names, shape, each edge once, classes within the circuit's nodes."""
    known = KNOWN.load(name)
    task, _, model = name.partition("/")
    assert task in TASKS
    assert all(find_known(task, alias) is known for alias in (model, *known.models))
    circuit = known.on(Graph(known.spec))
    assert circuit.n_edges == len(known.edges) == COUNTS.get(name, circuit.n_edges)
    assert set(known.class_of) <= set(known.nodes) <= set(Graph(known.spec).sources)
    assert not known.edges or {*known.nodes, "input", "logits"} == set(circuit.nodes())
    assert known.summary


def test_ioi_by_hand() -> None:
    """What can be counted by hand: 12 MLPs, 26 heads."""
    edges = KNOWN.load("ioi/gpt2").edges
    ends = [edge.split("->") for edge in edges]
    mlp_pairs = [end for end in ends if end[0][0] == "m" and end[1][0] == "m"]
    assert len(mlp_pairs) == 12 * 11 // 2
    assert sum(end[1] == "logits" for end in ends) == 1 + 12 + 13  # input, MLPs, movers of three classes
    assert sum(end[0] == "input" and end[1][0] == "m" for end in ends) == 12
    # S-inhibition heads are read by the 13 movers' queries and by later MLPs only.
    of_inhibition = [end[1] for end in ends if end[0] == "a7.h3"]
    assert sum(place.endswith("<q>") for place in of_inhibition) == 13
    assert {place for place in of_inhibition if place[0] == "m"} == {f"m{layer}" for layer in range(7, 12)}
    assert not any(place.endswith(("<k>", "<v>")) for place in of_inhibition)


def test_roles() -> None:
    known = KNOWN.load("ioi/gpt2")
    assert known.role("a9.h9->logits") == "name mover"
    assert known.role("a7.h3->a9.h9<q>") == "s-inhibition"
    assert known.role("input->a9.h9<k>") == "input"
    assert known.role("m3->m4") == "MLP"
    assert known.role("a9.h8->logits") == "other head"


def test_rules_on_a_graph_that_can_be_seen_through() -> None:
    graph = Graph(GraphSpec(2, 2, 8))
    groups = {"early": heads("0.0 0.1"), "late": heads("1.1"), "MLP": mlps(range(2))}
    assert edges_of((EdgeRule("early", "late", "qv"),), groups, graph) == (
        "a0.h0->a1.h1<q>",
        "a0.h0->a1.h1<v>",
        "a0.h1->a1.h1<q>",
        "a0.h1->a1.h1<v>",
    )
    # a node of a rule may stand by itself; only MLPs that are computed later count; an edge of two rules counts once
    rules = (EdgeRule("a1.h1, early", "MLP"), EdgeRule("a0.h0", "m0"), EdgeRule("m1", "logits"))
    assert set(edges_of(rules, groups, graph)) == {
        "a0.h0->m0",
        "a0.h0->m1",
        "a0.h1->m0",
        "a0.h1->m1",
        "a1.h1->m1",
        "m1->logits",
    }


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (EdgeRule("late", "early", "q"), "rule 'late -> early' stands for no edge"),
        (EdgeRule("early", "late"), "rule 'early -> late' stands for no edge"),
        (EdgeRule("erly", "late", "q"), "unknown source 'erly'"),
    ],
)
def test_slips_in_rules_are_refused(rule: EdgeRule, message: str) -> None:
    groups = {"early": heads("0.0"), "late": heads("1.1")}
    with pytest.raises(SelectionError, match=message):
        edges_of((rule,), groups, Graph(GraphSpec(2, 2, 8)))


def test_an_edge_that_the_model_lacks() -> None:
    known = KNOWN.load("ioi/gpt2")
    with pytest.raises(SelectionError, match=r"IOI circuit of GPT-2 small.*unknown.*belongs to another model"):
        known.on(Graph(ATTENTION_ONLY))


def test_a_circuit_of_the_users_own() -> None:
    graph = Graph(GraphSpec(2, 2, 8))
    names = ["input->a0.h1<q>", "a0.h1->logits"]
    assert known_from_json(names, "mine.json").on(graph).edges() == tuple(names)
    whole = {"edges": names, "classes": {"mover": ["a0.h1"]}, "summary": "Mine"}
    known = known_from_json(whole, "mine.json")
    assert (known.summary, known.role("a0.h1->logits"), known.fits(ATTENTION_ONLY)) == ("Mine", "mover", True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a0.h1->logits", "mine.json: neither a list of edge names nor an object"),
        ({"classes": {}}, "mine.json: neither a list"),
        ([], "mine.json: edges is empty"),
        ([1], "mine.json: edges is not a list of names"),
        (["m0->logits", "m0->logits"], "mine.json: edges lists 'm0->logits' twice"),
        ({"edges": ["m0->logits"], "clases": {}}, "mine.json: field 'clases' is unknown"),
        ({"edges": ["m0->logits"], "classes": ["m0"]}, "mine.json: classes is not an object"),
        ({"edges": ["m0->logits"], "classes": {"x": "m0"}}, r"mine.json: classes\['x'\] is not a list"),
        ({"edges": ["m0->logits"], "classes": {"x": ["m0"], "y": ["m0"]}}, "mine.json: node 'm0' is listed twice"),
    ],
)
def test_files_that_are_no_circuit(content: object, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        known_from_json(content, "mine.json")


def test_a_circuit_may_be_known_by_its_heads_alone() -> None:
    known = KNOWN.load("acronyms/gpt2")
    assert known.edges == ()
    assert set(known.nodes) == {f"a{layer}.h{head}" for layer, head in ACRONYM_HEADS}
    assert known.class_of["a11.h4"] == "letter mover"


def test_induction_in_redwoods_model_is_on_a_graph_of_its_edges() -> None:
    known = KNOWN.load("induction/redwood_attn_2l")
    assert known.spec is not None
    graph = Graph(known.spec)
    assert graph.n_edges == 257  # 24 into layer 0, 9 * 24 into layer 1, 17 into the logits
    assert {graph.source_index(node) for node in known.nodes} == {1, 14, 15}
    assert find_known("induction", "redwood_attn_2l") is known


def test_what_is_published_of_pronouns_and_agreement_is_nodes_of_those_models() -> None:
    """Nodes as ACDC's Appendix K names them one after the other, and the one head of Gemma 2B."""
    pronouns = KNOWN.load("pronouns/gpt2")
    named = {"a0.h4", "m0", "a4.h3", "a6.h0", "a10.h9", "a9.h7", "m7", "m3", "m5", "m10", "m11"}
    assert (set(pronouns.nodes), pronouns.edges) == (named, ())
    assert named <= set(Graph(GPT2).sources)
    assert find_known("pronouns", "openai-community/gpt2") is pronouns
    agreement = find_known("agreement", "google/gemma-2b")
    assert agreement is not None
    assert agreement.nodes == ("a13.h7",)
    assert agreement.spec is not None
    assert "a13.kv0<k>" in Graph(agreement.spec).destinations


# Three that look back, one that carries on, four that say the letter.
ACRONYM_HEADS = ((1, 0), (2, 2), (4, 11), (5, 8), (8, 11), (9, 9), (10, 10), (11, 4))
