"""What was measured of a run, for its page: faithfulness by size, exact effects, and how large scores are.

A file that is damaged is passed over: the verb that wrote it refuses it, and a page must not be in its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edgewise.errors import FormatError
from edgewise.evaluation.result import Point
from edgewise.evaluation.smallest.target import SizePoint
from edgewise.report.contest.found import found_of_known
from edgewise.report.numbers import share
from edgewise.report.page.columns import Named
from edgewise.report.page.measured_values import Bins, CurvePoint, FaithfulnessCurve, Verified
from edgewise.report.page.numbers import known, short
from edgewise.report.page.ranked import Order
from edgewise.report.text import faithfulness
from edgewise.runs.contest.against import against
from edgewise.runs.contest.published import published_of
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.sized import Sized
from edgewise.runs.store.analysis import Analysis, StoredResults, stored, stored_with_question
from edgewise.runs.store.either import AnyRun
from edgewise.runs.store.folder import SIZES, Run
from edgewise.runs.verification import NAME, Verification

Found = TypeVar("Found")
# Of more pairs of score and exact effect than this, the most wrong are listed, and as many of the others, evenly.
MOST_EFFECTS = 1500
_BIN = 0.1
# The files of an evaluation by MIB's protocol, and what each is ranked by, in words.
MIB_FILES = {"mib-signed": "by sign", "mib-sizes": "by size"}
# By these a circuit of some size is not the head of the ranking.
_OTHER_ORDERS = ("greedy", "prune", "stable")


def undamaged(reading: Callable[..., Found | None], *given: Any) -> Found | None:
    """What `reading` returns; None where the file that it reads is damaged."""
    try:
        return reading(*given)
    except FormatError:
        return None


def evaluations(folder: Path) -> Iterator[tuple[str, Evaluated]]:
    """The run's evaluations by their files' names."""
    return ((name, found.results) for name, found in _analyses(folder, "evaluation-*", Evaluated))


def _analyses(folder: Path, pattern: str, kind: type[Found]) -> Iterator[tuple[str, StoredResults[Found]]]:
    for path in sorted(folder.glob(f"{pattern}.json")):
        found = undamaged(stored_with_question, Analysis(folder, path.stem), kind)
        if found is not None:
            yield path.stem, found


def _words(name: str) -> str:
    """A file's name as words, such as ``"evaluation, resample"``."""
    return name.replace("-", ", ", 1)


def _verification(folder: Path) -> Verification | None:
    return undamaged(stored, Analysis(folder, NAME), Verification)


def curves(run: Run, order: Order) -> tuple[FaithfulnessCurve, ...]:
    """Faithfulness by size: as it was measured to choose one, by evaluations, and that of the circuit itself."""
    return (*_sizes(run, order), *_evaluated(run, order), *_of_circuit(run, order))


def _sizes(run: Run, order: Order) -> Iterator[FaithfulnessCurve]:
    """Those of the run's own rule, and of other rules."""
    for name, one in _analyses(run.folder, f"{SIZES}*", Sized):
        found = one.results
        rule = one.asked.get("selection", one.asked)
        own = order.of_ranking and rule.get("by") == run.config.selection.by and not any(map(rule.get, _OTHER_ORDERS))
        yield size_curve(_words(name), own, found)


def size_curve(name: str, own: bool, found: Sized) -> FaithfulnessCurve:
    """The curve that was measured to choose a size.

    Args:
        name: where it comes from.
        own: whether its circuits are the heads of the page's list.
        found: what was measured.
    """
    target = found.target.value if found.target.measure == "faithfulness" else None
    return FaithfulnessCurve(name, own, found.counted, tuple(map(_size_point, found.points)), target)


def _size_point(one: SizePoint) -> CurvePoint:
    return CurvePoint(
        size=one.size,
        edges=one.edges,
        faithfulness=short(one.faithfulness),
        stderr=short(one.faithfulness_stderr),
        kl=short(one.kl),
        kl_stderr=short(one.kl_stderr),
        random=None,
    )


def _by_mib(folder: Path) -> Iterator[tuple[str, Evaluated]]:
    """The evaluations by MIB's protocol, by what they are ranked by."""
    found = dict(_analyses(folder, "mib-*", Evaluated))
    return ((words, found[name].results) for name, words in MIB_FILES.items() if name in found)


def _evaluated(run: Run, order: Order) -> Iterator[FaithfulnessCurve]:
    for words, found in _by_mib(run.folder):
        if found.curve is not None:
            yield FaithfulnessCurve(
                f"MIB, {words}, pruned", False, found.counted, tuple(map(_point, found.curve)), None
            )
    for name, found in evaluations(run.folder):
        if found.curve is not None:
            own = order.of_ranking and found.ablation == "resample"
            yield FaithfulnessCurve(_words(name), own, found.counted, tuple(map(_point, found.curve)), None)


def _point(one: Point) -> CurvePoint:
    return CurvePoint(
        size=one.size,
        edges=one.edges,
        faithfulness=short(one.faithfulness),
        stderr=short(one.stderr),
        kl=None,
        kl_stderr=None,
        random=None if one.random is None else short(one.random.mean),
    )


def _of_circuit(run: Run, order: Order) -> Iterator[FaithfulnessCurve]:
    found = run.evaluated
    if found is not None:
        point = CurvePoint(
            size=int(order.kept.sum()),
            edges=found.edges.circuit,
            faithfulness=short(found.faithfulness),
            stderr=short(found.faithfulness_stderr),
            kl=short(found.circuit.kl),
            kl_stderr=None,
            random=None,
        )
        yield FaithfulnessCurve("the circuit", True, f"{run.config.level}s", (point,), None)


def verified(run: AnyRun) -> Verified | None:
    """Exact effects beside the scores."""
    found = _verification(run.folder)
    if found is None:
        return None
    said = found.agreement
    every = max(1, len(found.effects) // MOST_EFFECTS)
    effects = [one for place, one in enumerate(found.effects) if place < MOST_EFFECTS or place % every == 0]
    return Verified(
        total=len(found.effects),
        verdict=found.verdict,
        criteria=tuple(
            (one.name.replace("_", " "), share(getattr(said, one.name).value), one.outcome) for one in found.criteria
        ),
        names=tuple(one.name for one in effects),
        scores=known(one.score for one in effects),
        exact=known(one.exact for one in effects),
        stderrs=tuple(short(one.exact_stderr) for one in effects),
        chosen=tuple(one.chosen for one in effects),
        slope=short(said.slope.value),
        intercept=short(said.intercept.value),
    )


def bins(run: Run, order: Order) -> Bins:
    """How many scores are of which size."""
    values = run.scores.values[order.exists].astype(np.float64)
    there = np.isfinite(values) & (values != 0)
    sizes = np.floor(np.log10(np.abs(values[there])) / _BIN + 1e-9).astype(int)
    is_distance = run.record.metric.lower_is_better
    low, high = (int(sizes.min()), int(sizes.max())) if len(sizes) else (0, -1)

    def counts(which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, ...]:
        return tuple(np.bincount(sizes[which] - low, minlength=high - low + 1).tolist())

    return Bins(
        lows=tuple(known(np.arange(low, high + 1) * _BIN)),
        helping=counts((values[there] > 0) == is_distance),
        harming=counts((values[there] < 0) == is_distance),
        circuit=counts(order.kept[there]),
        zeros=int((values == 0).sum()),
        unscored=int(np.isnan(values).sum()),
    )


def since(run: Run) -> Iterator[Named]:
    """What was measured after the run was found, in words."""
    for name, found in evaluations(run.folder):
        areas = "" if found.cpr is None else f"; CPR {share(found.cpr)}, CMD {share(found.cmd)}"
        complete = f"; completeness {share(found.completeness)}"
        yield _words(name), f"faithfulness {faithfulness(found)}{complete}{areas}"
        yield from (("note", line) for line in found.notes)
    yield from _mib(run)
    checked = _verification(run.folder)
    if checked is not None:
        yield "verification", checked.verdict
    known = published_of(run.config, run.circuit.graph.plain)
    if known is not None:
        held = against([run], known)
        yield "published circuit", f"{found_of_known(held, held.runs[0])}: {held.circuit}"


def _mib(run: Run) -> Iterator[Named]:
    found = dict(_by_mib(run.folder))
    signed, sizes = (found.get(words) for words in MIB_FILES.values())
    if signed is not None and sizes is not None:
        what = f"{signed.prompts.n:,} prompts of {signed.prompts.what}, {signed.metric}, {signed.ablation}"
        yield "MIB's protocol", f"CPR {share(signed.cpr)} (by sign), CMD {share(sizes.cmd)} (by size); {what}"
