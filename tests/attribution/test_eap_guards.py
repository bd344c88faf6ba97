"""What surrounds the scores: precision, whose value is whose, what is refused, what is let go."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from edgewise.attribution import attribute, eap
from edgewise.engine.gradients import edge_sums as tally
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.run import at_once, memory, sources
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.errors import DataError, ModelError, ScoreError, UnsupportedModelError
from edgewise.metrics import MetricBatch
from edgewise.models import load_model
from edgewise.out_of_memory import is_out_of_memory
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair
from tiny import FAMILIES, prompts

PROMPTS = prompts(7)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", ["gpt2", "llama-grouped", "gpt-neox-parallel"])
def test_half_precision_is_accumulated_in_float32(family, dtype):
    ours = score_edges(load_model(FAMILIES[family](dtype=dtype)), PROMPTS, per_prompt=True, method="eap")
    truth = score_edges(load_model(FAMILIES[family]()), PROMPTS, method="eap").values
    assert ours.per_prompt.dtype == np.float32
    allowed = {torch.bfloat16: 1e-1, torch.float16: 1e-2}[dtype]
    assert np.nanmax(np.abs(ours.values - truth)) <= allowed * np.nanmax(np.abs(truth))


def test_products_are_never_accumulated_in_half_precision():
    kinds = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    assert [accumulation_dtype(kind) for kind in kinds] == [torch.float64, *[torch.float32] * 3]


def test_every_metric_value_belongs_to_its_own_prompt():
    model = load_model(FAMILIES["gpt2"]())
    *_, together = attribute(model, PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=3), method="eap")
    for i, pair in enumerate(PROMPTS):
        *_, alone = attribute(model, [pair], metric="logit-diff", method="eap")
        assert together.clean_metric[i] == pytest.approx(alone.clean_metric[0], rel=1e-10)
        assert together.corrupted_metric[i] == pytest.approx(alone.corrupted_metric[0], rel=1e-10)


class Pair(nn.Module):
    def forward(self, hidden_states):
        return hidden_states + 1, "weights"


def test_hooks_see_keywords_and_the_first_of_a_tuple():
    module, seen = Pair(), []
    hooks = Hooks(nn.Identity())
    hooks.before(module, lambda x: x * 2)
    hooks.after(module, lambda x: seen.append(x.item()))
    hooks.after(module, lambda x: x * 10)
    assert module(hidden_states=torch.tensor(3.0)) == (torch.tensor(70.0), "weights")
    assert module(torch.tensor(3.0)) == (torch.tensor(70.0), "weights")
    assert seen == [7.0, 7.0]
    hooks.remove()
    assert module(torch.tensor(3.0))[0] == 4


def test_a_metric_is_flat_only_if_it_is_flat_on_every_prompt():
    """The last micro-batch alone, or one flat entry, does not make it flat."""
    model = load_model(FAMILIES["gpt2"]())
    calls: list[int] = []

    def first_only(logits, batch: MetricBatch):
        calls.append(1)
        return logits[:, 0, 1] * (1.0 if len(calls) == 1 else 0.0)

    assert (
        np.nanmax(
            np.abs(
                score_edges(model, PROMPTS, metric=first_only, conditions=Conditions(batch_size=3), method="eap").values
            )
        )
        > 0
    )


def test_a_state_of_other_prompts_is_refused():
    model = load_model(FAMILIES["gpt2"]())
    state = next(attribute(model, PROMPTS, conditions=Conditions(batch_size=2), method="eap"))
    with pytest.raises(DataError, match="stored state is of 7 prompts, but 6"):
        next(attribute(model, PROMPTS[:6], state=state, method="eap"))


def test_a_metric_that_is_not_finite_is_refused_at_once():
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(ScoreError, match="on a clean prompt"):
        next(
            attribute(
                model,
                PROMPTS,
                metric=lambda logits, batch: logits[:, 0, 0] / 0,
                conditions=Conditions(batch_size=2),
                method="eap",
            )
        )


def test_buffers_are_let_go_when_memory_runs_out(monkeypatch):
    """The halved micro-batch must not find the memory still held that it failed for."""
    seen: list[tuple[int, int]] = []

    def score(model, batch, logit_gradient, buffers):
        seen.append((batch.n_rows, len(buffers.blocks)))
        scored = edge_scores(model, batch, logit_gradient, buffers)
        if batch.n_rows > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return scored

    monkeypatch.setattr(eap, "EAP", eap.EAP.__class__("eap", "", score))
    with pytest.warns(UserWarning, match="out of memory"):
        score_edges(
            load_model(FAMILIES["gpt2"]()),
            PROMPTS,
            metric="logit-diff",
            conditions=Conditions(batch_size=7),
            method="eap",
        )
    assert [rows for rows, _ in seen] == [7, 4, 3]
    held = [blocks for _, blocks in seen]
    assert held[:2] == [0, 0]
    assert held[2] > 0


def test_recorded_outputs_are_let_go_before_the_backward_pass(monkeypatch):
    made: list[sources.SourceOutputs] = []
    record = sources.SourceOutputs.record
    monkeypatch.setattr(
        sources.SourceOutputs, "record", lambda self, *a, **k: (made.append(self), record(self, *a, **k))[1]
    )
    products = tally.edge_products

    def watched(*args):
        assert len(made) == 2
        assert not any(outputs.heads or outputs.mlps for outputs in made)
        return products(*args)

    monkeypatch.setattr(tally, "edge_products", watched)
    score_edges(
        load_model(FAMILIES["gpt2"]()), PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=7), method="eap"
    )


def test_which_errors_mean_that_memory_ran_out():
    ran_out = ("CUBLAS_STATUS_ALLOC_FAILED", "MPS backend out of memory", "DefaultCPUAllocator: can't allocate memory")
    errors = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), *map(RuntimeError, ran_out)]
    assert all(is_out_of_memory(error) for error in errors)
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_a_micro_batch_has_no_more_tokens_than_make_it_faster(monkeypatch):
    model = load_model(FAMILIES["gpt2"]())
    monkeypatch.setitem(at_once._MOST, "cpu", 2 * max(len(pair) for pair in PROMPTS))
    assert memory.micro_batch(model, PROMPTS.pairs, Conditions(max_memory=10**12)) == 2


def test_a_model_put_in_training_mode_after_loading_is_refused():
    model = load_model(FAMILIES["gpt2"]())
    model.module.train()
    with pytest.raises(ModelError, match="training mode"):
        score_edges(model, PROMPTS, method="eap")


def test_the_corrupted_metric_is_the_clean_one_of_the_swapped_pairs():
    model = load_model(FAMILIES["gpt2"]())
    swapped = [PromptPair(p.corrupted, p.clean, p.answers, p.wrong_answers, p.positions) for p in PROMPTS]
    *_, ours = attribute(model, PROMPTS, metric="logit-diff", conditions=Conditions(batch_size=3), method="eap")
    *_, theirs = attribute(model, swapped, metric="logit-diff", conditions=Conditions(batch_size=2), method="eap")
    np.testing.assert_allclose(ours.corrupted_metric, theirs.clean_metric, rtol=1e-10)
    assert not np.allclose(ours.corrupted_metric, ours.clean_metric)


def test_small_gradients_do_not_underflow_in_half_precision() -> None:
    """The gradient of a probability difference, a millionth of the logit difference's, in float16."""
    model = load_model(FAMILIES["gpt2"](dtype=torch.float16))

    def small(logits, batch):
        return 1e-7 * (logits[:, 0, 1] - logits[:, 0, 2])

    def large(logits, batch):
        return logits[:, 0, 1] - logits[:, 0, 2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgewise.attribution.loop.FLAT", 0.0)
        ours = score_edges(model, PROMPTS, metric=small, method="eap").values * 1e7
    truth = score_edges(model, PROMPTS, metric=large, method="eap").values
    assert np.nanmax(np.abs(ours - truth)) <= 1e-2 * np.nanmax(np.abs(truth))


def test_a_module_replaced_after_loading_is_noticed() -> None:
    module = FAMILIES["gpt2"]()
    model = load_model(module)
    module.transformer.h[1].ln_2 = copy.deepcopy(module.transformer.h[1].ln_2)
    with pytest.raises(ModelError, match="no gradient reached m1: modules of the model were replaced"):
        score_edges(model, PROMPTS, method="eap")


def test_an_adapter_is_refused() -> None:
    class Adapted(nn.Linear):
        pass

    module = FAMILIES["llama-grouped"]()
    module.model.layers[1].self_attn.q_proj.__class__ = Adapted
    with pytest.raises(UnsupportedModelError, match=r"layers.1.self_attn.q_proj is a Adapted.*merge adapters"):
        load_model(module)


def test_the_callers_context_changes_no_score() -> None:
    model = load_model(FAMILIES["gpt2"](dtype=torch.float32))
    truth = score_edges(model, PROMPTS, method="eap").values
    with torch.inference_mode():
        np.testing.assert_array_equal(score_edges(model, PROMPTS, method="eap").values, truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(score_edges(model, PROMPTS, method="eap").values, truth)


def test_a_gradient_that_is_not_finite_is_named() -> None:
    model = load_model(FAMILIES["gpt2"]())
    with pytest.raises(ScoreError, match="its gradient is not"):
        score_edges(
            model, PROMPTS, metric=lambda logits, batch: (logits[:, 0, 1] - logits[:, 0, 1]).sqrt(), method="eap"
        )
