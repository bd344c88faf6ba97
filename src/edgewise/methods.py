"""Every method by name: where it is, and where its settings are described. One row a method.

Packages of other people add rows by entry points: ``edgewise.estimates`` for an `attribution.Method`, an estimate of
all edges from a few passes, and ``edgewise.methods`` for a `runs.methods.RunMethod`, anything else.
"""

from __future__ import annotations

from typing import Any

from edgewise.registry import Registry
from edgewise.settings import NoSettings
from edgewise.settings.scoring import DEFAULT_METHOD, WITH_EXACT

_S = "edgewise.settings.methods"

ESTIMATES = Registry(
    "method",
    {
        "eap": "edgewise.attribution.eap:EAP",
        "eap-ig-inputs": ("edgewise.attribution.eap_ig_inputs:EAP_IG_INPUTS", f"{_S}:InputPathSettings"),
        "eap-ig-activations": (
            "edgewise.attribution.eap_ig_activations:EAP_IG_ACTIVATIONS",
            f"{_S}:ActivationPathSettings",
        ),
        "clean-corrupted": "edgewise.attribution.clean_corrupted:CLEAN_CORRUPTED",
        "midpoint": "edgewise.attribution.midpoint:MIDPOINT",
        "secant": "edgewise.attribution.secant:SECANT",
        "secant-mid": "edgewise.attribution.secant_mid:SECANT_MID",
        "secant-avg": "edgewise.attribution.secant_avg:SECANT_AVG",
        "eap-secant": "edgewise.attribution.eap_secant:EAP_SECANT",
        "relp": "edgewise.attribution.relp:RELP",
        "gim": "edgewise.attribution.gim:GIM",
        "atp-star": ("edgewise.attribution.atp_star:ATP_STAR", f"{_S}:GradDropSettings"),
        "ifr": "edgewise.attribution.ifr:IFR",
    },
    plugins="edgewise.estimates",
)
SEARCHES = Registry(
    "method",
    {
        "activation-patching": ("edgewise.runs.methods.patching:METHOD", f"{_S}:PatchingSettings"),
        "acdc": ("edgewise.runs.methods.acdc:METHOD", f"{_S}:AcdcSettings"),
        "eap-acdc": ("edgewise.runs.methods.eap_acdc:METHOD", f"{_S}:EapAcdcSettings"),
        "subnetwork-probing": ("edgewise.runs.methods.probing:METHOD", f"{_S}:ProbingSettings"),
        "fading": ("edgewise.runs.methods.fading:METHOD", f"{_S}:FadingSettings"),
        "hisp": "edgewise.runs.methods.hisp:METHOD",
        "random": ("edgewise.runs.methods.random:METHOD", f"{_S}:RandomSettings"),
    },
    plugins="edgewise.methods",
)
# How scores came about that `discover` did not make; no method of its own, and in no list.
IMPORTED = "imported"
OTHERS = Registry("method", {IMPORTED: ("edgewise.runs.methods.imported:METHOD", f"{_S}:ImportSettings")})


def method_names() -> tuple[str, ...]:
    """The names of all methods; what ends in ``+exact`` may stand for any that estimates, and the default does here."""
    return (DEFAULT_METHOD, *ESTIMATES, *SEARCHES)


def estimate_of(name: str) -> str:
    """The method that estimates, of one whose estimates are followed by exact effects; any other is itself."""
    return name.removesuffix(WITH_EXACT)


def settings_class(name: str) -> type[Any]:
    """The class of a method's settings, had without importing the method where its row says so.

    Raises:
        UnknownNameError: no such method.
    """
    name = estimate_of(name)
    registry = next((rows for rows in (ESTIMATES, OTHERS) if name in rows), SEARCHES)
    return registry.settings(name) or NoSettings
