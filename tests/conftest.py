"""Fixtures every room may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published facts to check against; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published facts is not here")
    return SHARED
