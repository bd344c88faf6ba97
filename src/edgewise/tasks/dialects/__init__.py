"""Dialects of prompt files: how each library names and writes a pair and its answers.

A dialect is recognised by the fields of the file, never by its name. Adding one is one module and one row.
"""

from __future__ import annotations

from edgewise.tasks.dialects.autocircuit import AUTO_CIRCUIT
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt
from edgewise.tasks.dialects.eapig import EAP_IG_INDICES, EAP_IG_YEARS, EAP_IG_YEARS_AS_INDICES
from edgewise.tasks.dialects.edgepruning import EDGE_PRUNING
from edgewise.tasks.dialects.featurecircuits import FEATURE_CIRCUITS
from edgewise.tasks.dialects.mib import MIB_DIALECTS
from edgewise.tasks.dialects.own import OWN
from edgewise.tasks.tables import FileTable

__all__ = ["DIALECTS", "OWN", "Dialect", "RawPrompt", "recognise"]

DIALECTS = (
    AUTO_CIRCUIT,
    FEATURE_CIRCUITS,
    EAP_IG_INDICES,
    EAP_IG_YEARS,
    EAP_IG_YEARS_AS_INDICES,
    EDGE_PRUNING,
    *MIB_DIALECTS,
    OWN,
)
"""In the order they are tried; our own takes any file and comes last, so that messages name our fields."""


def recognise(table: FileTable) -> Dialect:
    """Return the first dialect whose fields the table has."""
    return next(dialect for dialect in DIALECTS if dialect.recognises(table))
