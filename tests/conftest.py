"""Fixtures every room may use."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import torch  # noqa: F401
import transformers.modeling_utils  # noqa: F401
from hypothesis import HealthCheck, settings

from shapes import CALLS, check_shapes

# Shapes are checked in every test of the rooms that handle tensors, and cost nothing outside the tests. The rooms that
# take users' input are left out: there our own message must come before a type checker's.
# Torch and transformers come first: what is imported under the hook is compiled anew, whatever is stored of it.
check_shapes(("edgewise.engine", "edgewise.metrics", "edgewise.models"))

# The one profile of all property tests: a busy machine fails none of them.
settings.register_profile("edgewise", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("edgewise")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that is slow as a whole is not even imported where slow tests are left out."""
    if "not slow" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    return "\npytestmark = pytest.mark.slow\n" in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_finish() -> None:
    """What was imported stays until the end, and garbage collection need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def shapes_of_this_test() -> None:
    """Every test checks shapes from its first call on."""
    CALLS.clear()


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised to the bit is the CPU's, so tests that name no device run there on every machine."""
    monkeypatch.setattr("edgewise.settings.device.best", lambda: "cpu")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published facts to check against; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published facts is not here")
    return SHARED
