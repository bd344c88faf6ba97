"""What is said of metrics where torch is not loaded is what the metrics say of themselves."""

from __future__ import annotations

import pytest

from edgewise.metric_names import LOWER_IS_BETTER, METRICS
from edgewise.metrics import get_metric


@pytest.mark.parametrize("name", list(METRICS))
def test_which_are_distances(name: str) -> None:
    assert get_metric(name).higher_is_better == (name not in LOWER_IS_BETTER)
