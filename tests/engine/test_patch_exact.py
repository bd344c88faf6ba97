"""Runs with any set of edges patched equal the brute-force transformer's."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask
from bruteforce.transformer import Patch, Transformer, run
from edgewise.engine.answers import Answers
from edgewise.engine.patch import patched_logits, recorded_outputs
from edgewise.models import Model, load_model
from tiny import EXACT_FAMILIES, FAMILIES, VOCABULARY
from traces import leaves_no_trace

ROWS, LENGTH = 3, 8
POSITIONS = torch.tensor([[7, 7], [2, 7], [5, 0]])
ANSWERS = Answers(POSITIONS, torch.ones_like(POSITIONS, dtype=torch.bool))


@cache
def model_and_twin(family: str) -> tuple[Model, Transformer]:
    module = FAMILIES[family]()
    return load_model(module), from_hf(module)


def tokens(seed: int) -> Tensor:
    return torch.randint(VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(seed))


def tolerance(family: str) -> float:
    return 1e-12 if family in EXACT_FAMILIES else 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_outputs_are_the_sources(family: str) -> None:
    model, twin = model_and_twin(family)
    with torch.no_grad():
        expected = torch.stack(list(run(twin, tokens(1)).outputs.values()))
    assert (recorded_outputs(model, tokens(1)) - expected).abs().max() <= tolerance(family)


@pytest.mark.parametrize("replacement", ["corrupted", "zero", "given"])
@pytest.mark.parametrize("share", ["some edges", "fractions", "all edges"])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_of_a_patched_run(family: str, share: str, replacement: str) -> None:
    model, twin = model_and_twin(family)
    draw = torch.Generator().manual_seed(7)
    chance = torch.rand(len(twin.sources), len(twin.destinations), generator=draw, dtype=torch.float64)
    shares = {"some edges": chance < 0.3, "fractions": chance, "all edges": torch.ones_like(chance)}
    mask = edge_mask(twin) * shares[share]
    with torch.no_grad():
        outputs = torch.stack(list(run(twin, tokens(2)).outputs.values()))
        noise = torch.randn(outputs.shape, generator=draw, dtype=torch.float64)
        given = {"corrupted": outputs, "zero": torch.zeros_like(outputs), "given": noise}[replacement]
        patch = Patch(mask.double(), dict(zip(twin.sources, given, strict=True)))
        expected = run(twin, tokens(1), patch).logits[torch.arange(ROWS)[:, None], POSITIONS]
    with leaves_no_trace(model.module):
        ours = patched_logits(model, tokens(1), ANSWERS, mask.double(), given)
    assert (ours - expected).abs().max() <= tolerance(family)
