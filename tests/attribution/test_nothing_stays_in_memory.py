"""Fifty calls that fail leave nothing behind: no tensor that Python sees, and no graph of autograd that it does not."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from edgewise.errors import EdgewiseError
from edgewise.metrics import MetricBatch
from edgewise.models import Model, load_model
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from tiny import FAMILIES, prompts

# One at a time is what memory allows at least, so that running out of it is an error.
PROMPTS = prompts(1, seed=3)
CALLS = 50
MESSAGE = "the test stops here"
# What one run of these prompts keeps for its backward pass is more than ten times this.
ALLOWED_A_CALL = 20_000


def raises(logits: Tensor, batch: MetricBatch) -> Tensor:
    raise RuntimeError(MESSAGE)


def wrong_shape(logits: Tensor, batch: MetricBatch) -> Tensor:
    return logits.sum()


def not_finite(logits: Tensor, batch: MetricBatch) -> Tensor:
    return logits[:, 0, 0] * float("nan")


def out_of_memory(logits: Tensor, batch: MetricBatch) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory")


def tensors() -> int:
    gc.collect()
    return sum(type(one) is torch.Tensor for one in gc.get_objects())


class _Allocated(ctypes.Structure):
    """What glibc's ``mallinfo2`` returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def allocated() -> int:
    """Bytes that are in use of what was allocated outside Python's own pools; 0 where the system does not say."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return 0
    library.mallinfo2.restype = _Allocated
    found = library.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def kept(call: Callable[[], object]) -> tuple[int, float]:
    """Tensors that ``CALLS`` calls leave, and bytes a call."""
    for _ in range(10):  # what is made once is there, and the allocator has its pages
        call()
    before, used = tensors(), allocated()
    for _ in range(CALLS):
        call()
    return tensors() - before, (allocated() - used) / CALLS


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(FAMILIES["gpt2"]())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["eap", "secant", "eap-secant", "gim", "atp-star", "eap-ig-activations"])
def test_after_calls_whose_metric_fails(model: Model, method: str) -> None:
    ways, failed = cycle([raises, wrong_shape, not_finite, out_of_memory]), list[str]()

    def call() -> None:
        try:
            score_edges(model, PROMPTS, method=method, metric=next(ways))
        except (EdgewiseError, RuntimeError) as error:
            failed.append(str(error))

    left, size = kept(call)
    assert len(failed) == CALLS + 10
    assert left == 0
    assert size < ALLOWED_A_CALL


def test_after_a_backward_pass_that_is_interrupted(model: Model) -> None:
    mlp = next(module for name, module in model.module.named_modules() if name.endswith(".mlp"))

    def interrupt(_: nn.Module, *gradients: object) -> None:
        raise KeyboardInterrupt(MESSAGE)

    def call() -> None:
        handle = mlp.register_full_backward_hook(interrupt)
        with suppress(KeyboardInterrupt):
            score_edges(model, PROMPTS, method="eap", metric="logit-diff")
            pytest.fail("the backward pass was not interrupted")
        handle.remove()

    left, size = kept(call)
    assert left == 0
    assert size < ALLOWED_A_CALL


@pytest.mark.parametrize("method", ["eap", "secant"])
def test_what_a_failed_batch_left_in_circles_is_gone_before_half_of_it_begins(model: Model, method: str) -> None:
    """Memory runs out in the full batch, and a circle holds what it made; Python does not look by itself here."""
    found: list[tuple[int, bool]] = []
    made: list[ref[Tensor]] = []

    def watch(_: nn.Module, args: tuple[Tensor, ...], output: object) -> None:
        found.append((len(args[0]), bool(made) and made[0]() is None))
        if not made:
            big = torch.ones(3)
            circle: list[object] = [big]
            circle.append(circle)
            made.append(ref(big))
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.wiring.blocks[-1].module.register_forward_hook(watch)
    gc.disable()
    try:
        with pytest.warns(UserWarning, match="out of memory with 4 prompts at a time; going on with 2"):
            score_edges(model, prompts(4, seed=3), method=method, metric="logit-diff", conditions=Conditions(4))
    finally:
        gc.enable()
        handle.remove()
    assert found[0] == (4, False)
    assert found[1] == (2, True)
