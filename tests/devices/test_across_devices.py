"""A model whose layers are on three devices, through accelerate's own hooks, gives what it gives on one.

The devices are pretended (`pretended.py`): every operation on tensors of two places is refused, as CUDA refuses it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from pieces import PIECES

pytest.importorskip("accelerate")
HERE = Path(__file__).parent
OFTEN = ["eap", "eap-secant", "evaluate resample", "places"]
QUICK = {
    "llama-grouped": [
        *OFTEN,
        "exact edges",
        "evaluate mean-positional",
        "hisp",
        "probing of nodes",
        "probing of edges",
        "neurons eap",
        "exact neurons",
        "edges of neurons",
        "evaluate neurons",
    ],
    "gpt2": [*OFTEN, "exact edges", "acdc logit-diff"],
    "gemma2": OFTEN,
}
FAMILIES = ("llama-grouped", "gpt2-scaled-by-layer", "gemma2", "olmo2", "gpt-neox-parallel")
# What only puts together what the other pieces do: on the first family alone.
SEARCHES = {"fading", "acdc kl", "acdc logit-diff", "probing of nodes", "probing of edges", "hisp", "check"}


@cache
def across(asked: str) -> dict[str, dict[str, tuple[float, str]]]:
    """What a process with pretended devices finds."""
    path = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
    command = [sys.executable, str(HERE / "across.py"), asked]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    assert not ran.returncode, ran.stderr
    found: dict[str, dict[str, tuple[float, str]]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(("family", "piece"), [(family, piece) for family in QUICK for piece in QUICK[family]])
def test_three_devices_give_what_one_gives(family: str, piece: str) -> None:
    difference, wrong = across(json.dumps(QUICK))[family][piece]
    assert difference < 1e-12, wrong


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_of_every_kind_of_family_does(family: str) -> None:
    pieces = [piece for piece in PIECES if family == FAMILIES[0] or piece not in SEARCHES]
    found = across(json.dumps({family: pieces}))[family]
    assert {piece: wrong for piece, (difference, wrong) in found.items() if not difference < 1e-12} == {}


def test_tensors_of_two_places_never_meet() -> None:
    """The pretended devices refuse what CUDA refuses; else nothing above would mean anything."""
    code = """
import pretended, torch
library = pretended.register()
one, other = (torch.ones(2, 2, device=f"pretended:{i}", requires_grad=True) for i in (0, 1))
whole = one.cpu()
refused = 0
for mixed in (
    lambda: one + other, lambda: one @ other, lambda: torch.cat([one, other]), lambda: one + whole,
    lambda: torch.where(one > 0, other, one), lambda: one.detach().add_(other), lambda: one[other.long()],
    lambda: torch.mm(one.detach(), one.detach(), out=other.detach()),
):
    try:
        mixed()
    except pretended.MixedPlacesError:
        refused += 1
moved = (one.to(other.device) * other).sum()
moved.backward()
assert moved.device == other.device and one.grad.device == one.device, one.grad
assert one.grad.cpu().tolist() == [[1.0, 1.0], [1.0, 1.0]]
print(refused)
"""
    path = os.pathsep.join([str(HERE), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ran.stdout.strip() == "8", ran.stderr
