"""Known classes of nodes: as published, and only for the model they were published for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewise.graph import Graph, GraphSpec
from edgewise.tasks import TASKS
from edgewise.tasks.classes import NODE_CLASSES, head_classes

GPT2 = GraphSpec(12, 12, 768)
ATTENTION_ONLY = GraphSpec(4, 8, 512, has_mlp=False)


def published(shared: Path, name: str) -> dict[str, set[str]]:
    content = json.loads((shared / "circuits" / f"{name}.json").read_text())
    return {of: set(nodes) for of, nodes in content.items()}


def members(task: str) -> dict[str, set[str]]:
    return {of: set(nodes) for of, nodes in NODE_CLASSES[task].members.items()}


def test_ioi_as_published(shared: Path) -> None:
    assert members("ioi") == published(shared, "ioi_head_classes")


def test_greater_than_as_published(shared: Path) -> None:
    ours = {frozenset(nodes) for nodes in members("greater-than").values()}
    assert ours == {frozenset(nodes) for nodes in published(shared, "greater_than_node_classes").values()}


def test_docstring_as_published(shared: Path) -> None:
    edges = json.loads((shared / "circuits" / "docstring.json").read_text())
    ends = {end.partition("<")[0] for edge in edges for end in edge.split("->")}
    assert set(head_classes("docstring", "attn-only-4l", ATTENTION_ONLY)) == ends - {"input", "logits"}


@pytest.mark.parametrize(("task", "spec"), [("ioi", GPT2), ("greater-than", GPT2), ("docstring", ATTENTION_ONLY)])
def test_every_member_is_a_node_of_one_class(task: str, spec: GraphSpec) -> None:
    assert task in TASKS.names()
    listed = [node for nodes in NODE_CLASSES[task].members.values() for node in nodes]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(Graph(spec).sources)


def test_classes_of_a_node() -> None:
    classes = head_classes("ioi", "openai-community/gpt2", GPT2)
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
    assert head_classes(task, model, spec) == {}
