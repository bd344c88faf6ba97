"""Files of other programs: how results leave, and how they come in.

Adding a format is one module with a `Format` and one row in `FORMATS`; tests, docs and the command line follow.
"""

from __future__ import annotations

from edgewise.registry import Registry

__all__ = ["FORMATS"]

_HERE = "edgewise.runs.exchange"
FORMATS = Registry(
    "format",
    {
        "csv": f"{_HERE}.comma_separated:FORMAT",
        "jsonl": f"{_HERE}.json_lines:FORMAT",
        "parquet": f"{_HERE}.columns:FORMAT",
        "graphml": f"{_HERE}.graphml:FORMAT",
        "dot": f"{_HERE}.dot:FORMAT",
        "eap-ig-json": f"{_HERE}.eap_ig_json:FORMAT",
        "eap-ig-pt": f"{_HERE}.eap_ig_pt:FORMAT",
        "auto-circuit": f"{_HERE}.auto_circuit:FORMAT",
        "acdc": f"{_HERE}.acdc:FORMAT",
        "mib": f"{_HERE}.mib:FORMAT",
        "mib-circuits": f"{_HERE}.mib:CIRCUITS",
        "interpbench": f"{_HERE}.interpbench:FORMAT",
        "neuronpedia": f"{_HERE}.neuronpedia:FORMAT",
    },
)
