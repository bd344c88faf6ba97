"""Names of TransformerLens and nnterp for what a graph has, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from edgewise import hook_names
from edgewise.errors import SelectionError, UnknownNameError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec

from .strategies import circuits

GRAPH = Graph(GraphSpec(6, 8, 16))
GROUPED = Graph(GraphSpec(2, 4, 8, n_kv_heads=2))

OURS_AND_LENS = [
    (GRAPH, "input", "blocks.0.hook_resid_pre"),
    (GRAPH, "a5.h7", "blocks.5.attn.hook_z[7]"),
    (GRAPH, "m3", "blocks.3.hook_mlp_out"),
    (GRAPH, "a5.h7<q>", "blocks.5.hook_q_input[7]"),
    (GRAPH, "a5.h7<v>", "blocks.5.hook_v_input[7]"),
    (GRAPH, "logits", "blocks.5.hook_resid_post"),
    (GRAPH, "a1.h0->m3", "blocks.1.attn.hook_z[0]->blocks.3.hook_mlp_in"),
    (GRAPH, "m3->a5.h7<k>", "blocks.3.hook_mlp_out->blocks.5.hook_k_input[7]"),
    (GRAPH, "m5->logits", "blocks.5.hook_mlp_out->blocks.5.hook_resid_post"),
    (GROUPED, "a1.kv1<k>", "blocks.1.hook_k_input[1]"),
]


@pytest.mark.parametrize(("graph", "ours", "theirs"), OURS_AND_LENS)
def test_names_of_transformer_lens_both_ways(graph: Graph, ours: str, theirs: str) -> None:
    names = hook_names(graph, "transformer-lens")
    assert (names.theirs(ours), names.ours(theirs)) == (theirs, ours)


@pytest.mark.parametrize(
    "spelling",
    ["blocks.5.attn.hook_z[:, :, 7]", "blocks.5.attn.hook_z[:, :, 7, :]", "blocks.5.attn.hook_result[7]",
     "blocks.5.attn.hook_result[:, :, 7]"],
)  # fmt: skip
def test_a_head_in_other_spellings(spelling: str) -> None:
    assert hook_names(GRAPH).ours(spelling) == "a5.h7"
    assert hook_names(GRAPH).ours("blocks.5.attn.hook_q_input[7]") == "a5.h7<q>"
    assert hook_names(GRAPH).ours(f"{spelling}->blocks.5.hook_mlp_in") == "a5.h7->m5"


@given(circuits())
def test_every_edge_has_a_name_that_comes_back(circuit: Circuit) -> None:
    names = hook_names(circuit.graph)
    theirs = [names.theirs(edge) for edge in circuit]
    assert [names.ours(edge) for edge in theirs] == list(circuit)
    assert len(set(theirs)) == len(theirs)
    assert Circuit.from_edges(circuit.graph, theirs) == circuit


def test_names_of_nnterp() -> None:
    names = hook_names(GRAPH, "nnterp")
    assert names.theirs("m3") == "mlps_output[3]"
    assert names.theirs("input->m3") == "layers_input[0]->mlps_input[3]"
    assert names.ours("mlps_output[3]->lm_head.input") == "m3->logits"
    with pytest.raises(SelectionError, match=r"nnterp: no name is known for 'a5.h7'"):
        names.theirs("a5.h7")


def test_they_stand_wherever_a_name_is_taken() -> None:
    scores = EdgeScores(GRAPH, np.where(GRAPH.mask, 0.5, np.nan))
    assert scores["blocks.5.attn.hook_z[7]->logits"] == scores["mlps_output[3]->logits"] == 0.5
    with pytest.raises(SelectionError, match=r"unknown source 'blocks\.9\.attn\.hook_z"):
        scores["blocks.9.attn.hook_z[7]->logits"]


def test_what_is_asked_wrongly() -> None:
    with pytest.raises(UnknownNameError, match=r"'transformerlens' is not known; did you mean 'transformer-lens'\?"):
        hook_names(GRAPH, "transformerlens")
    with pytest.raises(UnknownNameError, match="give the model"):
        hook_names(GRAPH, "nnsight")
    with pytest.raises(SelectionError, match=r"no name is known for 'a9\.h0'"):
        hook_names(GRAPH).theirs("a9.h0->m3")
