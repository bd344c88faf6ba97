"""The figures of "Attribution Patching Outperforms Automated Circuit Discovery" (Syed, Rager and Conmy, 2023).

One module a figure, one row in `FIGURES`. A figure is a `Figure`: from a `Request` it makes a `Made`, which `store`
writes as PNG, SVG, JSON, CSV and markdown. Figures take their runs from one folder (`material`), so that none is made
twice.
"""

from __future__ import annotations

from edgewise.registry import Registry

__all__ = ["FIGURES"]

FIGURES = Registry(
    "figure",
    {
        "fig3": "edgewise.paper.fig3:FIGURE",
        "fig4": "edgewise.paper.fig4:FIGURE",
        "fig5a": "edgewise.paper.fig5a:FIGURE",
        "fig5b": "edgewise.paper.fig5b:FIGURE",
        "fig6": "edgewise.paper.fig6:FIGURE",
        "fig7": "edgewise.paper.fig7:FIGURE",
        "fig8": "edgewise.paper.fig8:FIGURE",
        "fig9": "edgewise.paper.fig9:FIGURE",
        "fig10": "edgewise.paper.fig10:FIGURE",
        "fig11": "edgewise.paper.fig11:FIGURE",
    },
)
