"""Fixtures every room may use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch  # noqa: F401
import transformers.modeling_utils  # noqa: F401

from shapes import CALLS, check_shapes

# Shapes are checked in every test of the rooms that handle tensors, and cost nothing outside the tests. The rooms that
# take users' input are left out: there our own message must come before a type checker's.
# Torch and transformers come first: what is imported under the hook is compiled anew, whatever is stored of it.
check_shapes(("edgewise.engine", "edgewise.metrics", "edgewise.models"))

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(autouse=True)
def shapes_of_this_test() -> None:
    """Every test checks shapes from its first call on."""
    CALLS.clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published facts to check against; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published facts is not here")
    return SHARED
