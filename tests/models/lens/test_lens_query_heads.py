"""A key and a value for every query head of a checkpoint in TransformerLens's format, as where each has its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgewise.engine.check import check_model
from edgewise.errors import UnsupportedModelError
from edgewise.models import load_model, open_model
from edgewise.search import patch_edges, score_edges
from tiny import prompts
from tiny_lens import CONFIGS, LensCheckpoint, checkpoint, dump
from traces import leaves_no_trace

GROUPED = CONFIGS["lens-rotary-gated-grouped"]
PROMPTS = prompts(3, seed=2, min_length=5, max_length=6)


def written_out(given: LensCheckpoint) -> LensCheckpoint:
    """The same with as many key/value heads as heads, those of a group with the same weights."""
    heads, groups = given.config["n_heads"], given.config["n_key_value_heads"]
    shared = {name: name.replace("._", ".") for name in given.tensors if name.split(".")[-1][0] == "_"}
    assert len(shared) == 4 * given.config["n_layers"]
    tensors = {
        shared.get(name, name): x.repeat_interleave(heads // groups, 0) if name in shared else x
        for name, x in given.tensors.items()
    }
    return LensCheckpoint({**given.config, "n_key_value_heads": None}, tensors)


def test_scores_and_effects_are_those_of_the_model_with_every_heads_weights_written_out(tmp_path: Path) -> None:
    given = checkpoint(GROUPED)
    model = load_model(given.write(tmp_path / "grouped"), kv_heads="query", dtype=torch.float64)
    apart = load_model(written_out(given).write(tmp_path / "apart"), dtype=torch.float64)
    own = load_model(tmp_path / "grouped", dtype=torch.float64)
    assert own.graph.spec.is_grouped
    assert model.graph.spec == apart.graph.spec != own.graph.spec
    assert open_model(tmp_path / "grouped", kv_heads="query").outline(None).graph == model.graph
    ids = torch.arange(6)[None]
    with leaves_no_trace(model.module), torch.no_grad():
        torch.testing.assert_close(model.module(input_ids=ids).logits, own.module(input_ids=ids).logits)
        assert [row for row in check_model(model) if not row.passed] == []
        for method in (score_edges, patch_edges):
            ours, theirs = (method(one, PROMPTS, metric="logit-diff").values for one in (model, apart))
            exists = model.graph.mask
            assert np.abs(ours - theirs)[exists].max() < 1e-9 * np.abs(theirs[exists]).max()


def test_heads_that_share_nothing_stay_what_they_are(tmp_path: Path) -> None:
    folder = checkpoint(dump()).write(tmp_path)
    assert load_model(folder, kv_heads="query").graph == load_model(folder).graph


def test_positions_added_to_shared_keys_are_refused_by_name(tmp_path: Path) -> None:
    given = checkpoint(dump(n_key_value_heads=2, positional_embedding_type="shortformer"))
    with pytest.raises(UnsupportedModelError, match=r"adds positions to the keys .*; use kv_heads='native'"):
        load_model(given.write(tmp_path), kv_heads="query")
