"""Commands that are killed, in settings as small as each can be and still stores a state on the way."""

from __future__ import annotations

from dataclasses import dataclass

MODEL = ("--model", "demo", "--task", "ioi")
_PLAIN = ("--no-pictures", "--no-evaluate")


@dataclass(frozen=True)
class Case:
    """One command.

    Args:
        name: what is shown.
        arguments: its command line; paths in it are of the folder that it is run in.
        before: commands whose results it finds there.
        every: it is killed in every second, third, ... round alone; for long ones.
    """

    name: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    every: int = 1


def _discover(*given: str, out: str = "out") -> tuple[str, ...]:
    return ("discover", *MODEL, *given, "--out", out)


FIRST = _discover("--method", "eap", "--n", "4", "--top", "30", *_PLAIN, out="first")
SECOND = _discover("--method", "hisp", "--n", "4", "--top", "30", *_PLAIN, out="second")
SHOWN = _discover("--method", "eap", "--n", "4", "--top", "30")
MEASURED = ("verify", "out", "--edges", "40", "--largest", "10")

CASES = (
    Case("discover: eap", _discover("--method", "eap", "--n", "6", "--batch-size", "2", *_PLAIN)),
    Case("discover: pages", _discover("--method", "eap", "--n", "2")),
    Case("discover: nodes", _discover("--level", "node", "--method", "eap", "--n", "4", "--batch-size", "2", *_PLAIN)),
    Case(
        "discover: exact",
        _discover("--method", "eap-secant", "--exact", "6", "--n", "4", "--batch-size", "2", "--no-pictures"),
    ),
    Case(
        "discover: bootstrap",
        _discover("--method", "eap", "--bootstrap", "20", "--per-prompt", "--n", "6", "--batch-size", "2", *_PLAIN),
    ),
    Case("discover: activation-patching", _discover("--method", "activation-patching", "--n", "2", *_PLAIN)),
    Case("discover: acdc", _discover("--method", "acdc", "--tau", "0.2", "--n", "2", *_PLAIN)),
    Case(
        "discover: acdc by place",
        _discover("--method", "acdc", "--tau", "0.5", "--positions", "spans", "--n", "2", *_PLAIN),
        every=2,
    ),
    Case("discover: acdc sweep", _discover("--method", "acdc", "--tau", "0.05,0.2", "--n", "2")),
    Case(
        "discover: eap-acdc",
        _discover("--method", "eap-acdc", "--eap-top", "60", "--tau", "0.05", "--n", "2", *_PLAIN),
    ),
    Case(
        "discover: eap-acdc grid",
        _discover("--method", "eap-acdc", "--eap-top", "20,60", "--tau", "0.05,0.2", "--n", "2"),
        every=2,
    ),
    Case(
        "discover: subnetwork-probing",
        _discover(
            *("--method", "subnetwork-probing", "--lambda", "1", "--steps", "6", "--lr", "0.1"),
            *("--n", "4", "--minibatch", "2", *_PLAIN),
        ),
    ),
    Case(
        "discover: fading",
        _discover("--method", "fading", "--steps", "2", "--n", "4", "--minibatch", "2", *_PLAIN),
    ),
    Case("discover: hisp", _discover("--method", "hisp", "--n", "6", "--batch-size", "2", *_PLAIN)),
    Case("discover: random", _discover("--method", "random", "--n", "2", *_PLAIN)),
    Case(
        "discover: another run's place",
        _discover("--method", "hisp", "--n", "4", "--batch-size", "2", "--no-pictures", "--overwrite"),
        (SHOWN, MEASURED),
    ),
    Case(
        "discover: another selection",
        _discover("--method", "eap", "--n", "4", "--top", "9"),
        (SHOWN, MEASURED),
    ),
    Case("select", ("select", "first", "--top", "9", "--out", "other.json"), (FIRST,)),
    Case("draw", ("draw", "first"), (FIRST,)),
    Case("evaluate", ("evaluate", "first", "--n", "4", "--minimality", "--batch-size", "4"), (FIRST,)),
    Case(
        "evaluate: a file",
        ("evaluate", "--circuit", "first/circuit.json", *MODEL, "--n", "2", "--random", "1", "--out", "out"),
        (FIRST,),
    ),
    Case("verify", ("verify", "first", "--edges", "40", "--largest", "10"), (FIRST,)),
    Case(
        "roc",
        (
            *("roc", *MODEL, "--n", "2", "--methods", "eap,acdc:kl", "--taus", "0.05,0.2"),
            *("--truth", "exact:5%", "--bootstrap", "20", "--out", "out"),
        ),
        every=3,
    ),
    Case(
        "roc: exact",
        (
            *("roc", *MODEL, "--n", "2", "--methods", "eap,sp:steps=4", "--lambdas", "1"),
            *("--truth", "exact:5%", "--bootstrap", "20", "--out", "out"),
        ),
        every=2,
    ),
    Case(
        "league",
        ("league", "--models", "demo", "--tasks", "ioi", "--n", "2", "--methods", "eap,eap:exact=5", "--out", "out"),
        every=3,
    ),
    Case("compare", ("compare", "first", "second", "--n", "2", "--random", "1", "--out", "out"), (FIRST, SECOND)),
    Case("shared", ("shared", "first", "second", "--random", "1", "--out", "out"), (FIRST, SECOND)),
    Case("paper", ("paper", "fig4", "--model", "demo", "--fast", "--out", "out"), every=3),
)  # fmt: skip
