"""Configs as they were published load without a word, and compute what transformers computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config

from edgewise.models.load import load_model
from models.pretrained.published_configs import PUBLISHED

pytestmark = pytest.mark.slow

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "configs"
GIVEN = {path.parent.name: path for path in sorted(CASES.glob("*/config.json"))}
FILES = PUBLISHED | {f"given-{name}": json.loads(path.read_text()) for name, path in GIVEN.items()}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_published_config_loads_and_computes_what_transformers_does(name: str, tmp_path: Path) -> None:
    given = FILES[name]
    text = json.dumps(given)
    (tmp_path / "config.json").write_text(text)
    kind = AutoConfig if "model_type" in given else GPT2Config
    torch.manual_seed(0)
    plain = AutoModelForCausalLM.from_config(kind.from_pretrained(tmp_path), dtype=torch.float32).eval()
    plain.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    model = load_model(tmp_path)
    ids = torch.tensor([[5, 3, 9, 3, 7, 11, 4]])
    with torch.no_grad():
        assert torch.equal(model.module(ids).logits, plain(ids).logits)
    assert model.graph.n_edges > 0
