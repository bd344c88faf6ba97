"""How values look in a notebook: each kind names what draws it, which is imported when one is shown.

The drawing stands high in the house, in `edgewise.report`, and values low; so a value knows it by name alone.
"""

from __future__ import annotations

import warnings
from importlib import import_module

from edgewise.registry import Registry

_R = "edgewise.report.notebook"

VIEWS = Registry(
    "view",
    {
        "RankedScores": f"{_R}.scores:ranked_html",
        "EdgeScores": f"{_R}.scores:scores_html",
        "NodeScores": f"{_R}.scores:scores_html",
        "NeuronScores": f"{_R}.neurons:neuron_scores_html",
        "NeuronRun": f"{_R}.neurons:neuron_run_html",
        "Circuit": f"{_R}.circuit:circuit_html",
        "Drawing": f"{_R}.drawing:drawing_html",
        "PromptSet": f"{_R}.prompts:prompts_html",
        "Evaluation": f"{_R}.evaluation:evaluation_html",
        "Evaluated": f"{_R}.evaluation:evaluated_html",
        "Plan": f"{_R}.plan:plan_html",
        "Verification": f"{_R}.verification:verification_html",
        "Comparison": f"{_R}.comparison:comparison_html",
        "Sized": f"{_R}.sizes:sized_html",
        "Run": f"{_R}.run:run_html",
    },
)


class ShownInNotebook:
    """A value that a notebook shows by the view of its class's name."""

    def _repr_html_(self) -> str:
        """Return HTML, as IPython asks for it."""
        html: str = VIEWS.load(type(self).__name__)(self)
        return html


def quiet_bars() -> None:
    """Import the bars of the libraries below, which warn where a notebook has no widgets: edgewise needs none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("tqdm.auto")
