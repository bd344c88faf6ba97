"""How well methods find a circuit that is known: ROC curves of scores, points of circuits, and the areas under them.

`area` has the formulas on plain numbers, `curve` the counts at every threshold, `front` points that are no curve,
`levels` what edges and nodes are ranked and judged by, `intervals` the bootstrap over prompts.
"""

from __future__ import annotations

from edgewise.evaluation.roc.area import pareto, pessimistic, trapezoid, youden
from edgewise.evaluation.roc.curve import RocCurve, curve
from edgewise.evaluation.roc.front import Front, front
from edgewise.evaluation.roc.intervals import RocIntervals, bootstrap
from edgewise.evaluation.roc.levels import circuit_roc, score_roc

__all__ = [
    "Front",
    "RocCurve",
    "RocIntervals",
    "bootstrap",
    "circuit_roc",
    "curve",
    "front",
    "pareto",
    "pessimistic",
    "score_roc",
    "trapezoid",
    "youden",
]
