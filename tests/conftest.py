"""Fixtures every room may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Shapes are checked in every test of the rooms that handle tensors, and cost nothing outside the tests. The rooms that
# take users' input are left out: there our own message must come before a type checker's.
install_import_hook(("edgewise.engine", "edgewise.metrics", "edgewise.models"), "beartype.beartype")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published facts to check against; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published facts is not here")
    return SHARED
