"""A kink within the step is told from a wrong score: by functions whose slopes are known, and by ReLU models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch

from edgewise.engine.check import check_model
from edgewise.engine.check import edges as module
from edgewise.engine.check.slopes import Edge, Sides, kinks
from edgewise.models import Model, load_model
from tiny import gpt2
from tiny_families import tiny

STEP, ALLOWED = 3e-3, 3e-3
Curve = Callable[[float], float]


class Known:
    """A probe of functions of the share instead of a model."""

    def __init__(self, *curves: Curve, noise: float = 0.0) -> None:
        self._curves, self._noise = curves, noise

    def sides(self, edges: Sequence[Edge], step: float) -> list[Sides]:
        return [Sides(*(self._slopes(self._curves[row], side * step) for side in (1, -1))) for row, _ in edges]

    def _slopes(self, curve: Curve, step: float) -> tuple[float, float]:
        values = [curve(share) + self._noise * math.sin(1e9 * share) for share in (step, 2 * step, 0.0)]
        return (values[0] - values[2]) / step, (values[1] - values[2]) / (2 * step)


def bent(at: float, by: float = 5.0) -> Curve:
    """Slope 1 at zero, and `by` more above some share."""
    return lambda h: h + by * max(h - at, 0.0) + 0.3 * h**2


def stepped(at: float) -> Curve:
    """Slope 1 at zero, and another expert's value above some share."""
    return lambda h: h + (0.2 if h > at else 0.0)


def smooth(h: float) -> float:
    return math.sin(h) + 0.5 * h**2


@pytest.mark.parametrize(
    ("curve", "score", "excused"),
    [
        (bent(2e-3), 1.0, True),
        (bent(5e-5), 1.0, True),
        (bent(-1e-3, -4.0), -3.0, True),  # below zero the slope is 1, at zero it is 1 - 4
        (stepped(1e-3), 1.0, True),
        (bent(2e-3), 1.01, False),
        (bent(5e-5), 0.99, False),
        (stepped(1e-3), 1.01, False),
        (bent(0.0), 1.0, True),  # in the clean run itself: there is no slope
        (abs, 0.0, True),
        (smooth, 1.01, False),
        (smooth, 0.0, False),
        (lambda h: h * math.nan, 1.0, False),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_kinks_of_known_functions(curve: Curve, score: float, excused: bool, noise: float) -> None:
    assert kinks(Known(curve, noise=noise), [(0, 0)], [score], [ALLOWED], STEP) == [excused]  # type: ignore[arg-type]


def test_every_edge_is_told_by_itself_and_none_costs_nothing() -> None:
    probe = Known(smooth, bent(1e-3))
    assert kinks(probe, [(0, 0), (1, 0)], [1.01, 1.0], [ALLOWED] * 2, STEP) == [False, True]  # type: ignore[arg-type]
    assert kinks(Known(), [], [], [], STEP) == []  # type: ignore[arg-type]


def sharp(dtype: torch.dtype, seed: int = 0) -> Model:
    """A ReLU model whose units open and close within the smallest of changes."""
    net = gpt2(dtype=dtype, seed=seed, n_layer=2, activation_function="relu")
    with torch.no_grad():
        for block in net.transformer.h:
            block.mlp.c_fc.weight *= 60
            block.mlp.c_fc.bias.normal_(generator=torch.Generator().manual_seed(seed))
            block.mlp.c_proj.weight *= 10
    return load_model(net)


def failed(model: Model) -> list[str]:
    return [row.name for row in check_model(model) if not row.passed]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_units_that_open_within_the_step_are_no_wrong_scores(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = check_model(sharp(dtype))
    assert all(row.passed for row in rows), [row for row in rows if not row.passed]
    assert any("a kink lies within the step" in row.detail for row in rows)
    monkeypatch.setattr(module, "kinks", lambda probe, edges, *_: [False] * len(edges))
    assert failed(sharp(dtype))  # without smaller steps it would be called wrong


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [sharp, lambda dtype: load_model(gpt2(dtype=dtype, n_layer=2))], ids=["ReLU", "GELU"])
def test_a_rule_broken_by_a_hundredth_fails(
    make: Callable[[torch.dtype], Model], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.scores_of
    monkeypatch.setattr(module, "scores_of", lambda model, batch: 1.01 * real(model, batch))
    slopes = [name for name in failed(make(dtype)) if name.startswith("EAP = exact slope")]
    assert len(slopes) == 5


@pytest.mark.slow
@pytest.mark.parametrize("case", ["OPTForCausalLM", "MixtralForCausalLM", "GptOssForCausalLM", "Qwen2MoeForCausalLM"])
def test_models_with_kinks_and_experts_pass_in_float32(case: str) -> None:
    model = load_model(tiny(case, dtype=torch.float32))
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    assert failed(model) == []
    assert model.dtype == torch.float32
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("program", ["two-back", "two-hops", "successor"])
def test_compiled_models_pass_in_float32(program: str) -> None:
    """Their attention is saturated, so that rounding does more to the logits than most of their edges."""
    assert failed(load_model(f"compiled:{program}")) == []
