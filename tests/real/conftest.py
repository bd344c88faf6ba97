"""Real models, where they are installed or fetched: `make real`, scripts/real_models.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from real_models import MODELS, installed  # noqa: E402


def file_of(name: str) -> Path:
    """A model's file; the test skips where there is none."""
    found = installed(MODELS[name]) or ROOT / "models" / MODELS[name].file
    if not found.is_file():
        pytest.skip(f"{name} is not here: python scripts/real_models.py {name}")
    return found
