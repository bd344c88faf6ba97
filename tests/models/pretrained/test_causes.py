"""Causes are read from names alone: what was put into them, which layers are there, what a report leaves to judge."""

from __future__ import annotations

import pytest

from edgewise.models.pretrained.causes import DEFAULT, Facts, cause
from edgewise.models.pretrained.loading_report import Report, needing_a_home
from edgewise.models.weight_names import inserted, listed

BLOCK = ("attn.q.weight", "attn.o.weight", "mlp.up.weight", "norm.weight")


def names(layers: int, head: bool = True) -> frozenset[str]:
    blocks = {f"model.layers.{layer}.{part}" for layer in range(layers) for part in BLOCK}
    return frozenset(blocks | {"model.embed.weight", "model.norm.weight"} | ({"lm_head.weight"} if head else set()))


@pytest.mark.parametrize("extra", ["module", "_orig_mod", "a.b", "base_model.model"])
def test_what_was_put_before_names_is_found(extra: str) -> None:
    assert inserted([f"{extra}.{name}" for name in names(2)], names(2)) == extra


def test_what_was_put_inside_names_is_found_and_nothing_else() -> None:
    inside = {name.replace(".q.", ".q.base_layer.") for name in names(3)}
    assert inserted(inside, names(3) - inside) == "base_layer"
    assert inserted({"other.names", "than.these"}, names(3)) is None
    assert inserted({"module.lm_head.weight"}, names(3)) is None  # one of many explains nothing


def test_layers_are_listed_by_number() -> None:
    assert listed([f"h.{layer}.w" for layer in (10, 2, 1, 0)]) == "'h.0.w', 'h.1.w', 'h.2.w' and 1 more"


@pytest.mark.parametrize(("held", "expected"), [(2, 3), (3, 2), (2, 5)])
def test_another_number_of_layers(held: int, expected: int) -> None:
    report = Report(names(expected) - names(held), names(held) - names(expected))
    found = cause(Facts(report, names(held), names(expected), depth="n_layer"))
    assert found.startswith(f"config.json says n_layer {expected}, and the file has {held} layers")


def test_one_weight_that_is_missing_has_no_cause() -> None:
    missing = frozenset({"model.layers.1.mlp.up.weight"})
    assert cause(Facts(Report(missing), names(3) - missing, names(3))) == DEFAULT


def test_biases_of_blocks_are_the_switchs_and_that_of_the_head_is_not() -> None:
    config = {"attention_bias": False, "tie_word_embeddings": True}

    def found(*unexpected: str) -> str:
        report = Report(unexpected=frozenset(unexpected))
        return cause(Facts(report, names(2) | set(unexpected), names(2), config=config))

    assert "mend attention_bias" in found("model.layers.0.attn.q.bias", "model.layers.1.attn.q.bias")
    assert "attention_bias" not in found("lm_head.bias")


def test_a_head_that_is_missing_from_an_untied_model() -> None:
    facts = Facts(
        Report(frozenset({"lm_head.weight"})), names(2, head=False), names(2), head="lm_head.weight", config={}
    )
    assert cause(facts) == DEFAULT
    untied = Facts(**{**vars(facts), "config": {"tie_word_embeddings": False}})
    assert cause(untied).startswith("tie_word_embeddings is false")


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("model.layers.0.attn.q.bias", True),
        ("model.layers.7.norm.weight", True),
        ("model.embed.bias", True),
        ("lm_head.bias", True),
        ("layers.9.mlp.up.weight", True),
        ("other.layers.0.mlp.up.weight", True),
        ("adapters.0.lora_A.weight", True),
        ("x.q.base_layer.weight", True),
        ("score.weight", False),
        ("classifier.out_proj.weight", False),
        ("qa_outputs.bias", False),
        ("v_head.summary.weight", False),
        ("medusa.0.0.linear.weight", False),
        ("model.layers.0.attn.rotary_emb.inv_freq", False),
        ("model.layers.0.attn.masked_bias", False),
        ("model.layers.0.attn.bias", False),
        ("embeddings.position_ids", False),
    ],
)
def test_which_tensors_need_a_home(name: str, needs: bool) -> None:
    assert needing_a_home([name], names(3), "model") == ({name} if needs else set())
