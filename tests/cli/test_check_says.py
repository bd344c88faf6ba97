"""`edgewise check` of models whose weights are random, or know the words."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from cli.conftest import Cli
from edgewise.models.word_tokenizer import word_tokenizer
from engine.test_language import VOCABULARY, trained


def test_the_verb_warns_of_random_weights_and_not_of_a_model_that_knows_the_words(cli: Cli, tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=len(VOCABULARY), n_embd=32, n_layer=2, n_head=4, n_positions=64)
    torch.manual_seed(0)
    for name, module in (("random", GPT2LMHeadModel(config)), ("trained", trained())):
        module.save_pretrained(tmp_path / name)
        word_tokenizer(VOCABULARY, 64).save_pretrained(tmp_path / name)
    result = cli("check", tmp_path / "random")
    assert result.code == 0
    assert "can be trusted" not in result.out
    assert result.err.count("warning: the loss on plain English is") == 1
    said = json.loads(cli("check", tmp_path / "random", "--json").out)
    assert (said["passed"], len(said["warnings"])) == (True, 1)
    known = cli("check", tmp_path / "trained")
    assert "'Paris'" in known.out
    assert "warning" not in known.err
