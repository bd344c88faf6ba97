"""The league as text and as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from edgewise.evaluation.ranking import CIRCUITS, EFFECTS, MEASURES, Standing, by_mean, worth_their_cost
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.league import Column, Measure, league_chart
from edgewise.report.cost import passes_words, seconds_words, times_words
from edgewise.report.picture.circuit import Heading
from edgewise.report.table import fixed, table
from edgewise.runs.contest.league_result import Cell, Entry, League

_COLUMNS = ("pearson", "spearman_of_sizes", "spearman", "top", "sign", "sign_of_top", "cmd", "auroc")
# Most edges of a model built by hand do nothing, and their ranks and signs are those of rounding.
_OF_BUILT = ("pearson", "cmd", "auroc")
_RIGHT = range(1, 12)


def show_league(league: League) -> str:
    """Return what `edgewise league` prints: a table a task, all tasks together, and the advice."""
    parts = [_task(league, cells) for cells in _by_task(league.trained)]
    if league.trained:
        parts.append(_together(league, league.trained, f"All tasks of trained models: {_tasks(league.trained)}"))
    parts += [
        _together(league, cells, f"{kind.capitalize()} models: {_tasks(cells)}") for kind, cells in league.built.items()
    ]
    refused = _refused(league)
    if refused:
        parts.append("\n".join(("Refused:", *refused)))
    advice = (
        "For effects (the least of Pearson and Spearman |.| over all tasks):\n" + _advised(league, EFFECTS),
        "For circuits (the mean CMD over all tasks, less is better):\n" + _advised(league, CIRCUITS),
    )
    return "\n\n".join((*parts, _explained(league), *advice))


def league_picture(league: League) -> Chart:
    """Return the picture of the league."""
    judged = league.standings(league.judged)
    known = [one for one in judged[:-1] if one.cost]
    advised = {one.name for one in league.advice(EFFECTS)}
    columns = [Column(one.name, one.cost or 1.0, one.name in advised) for one in known]
    where = f"mean over {_models(league.judged)}"
    measures = [
        _quality(known, "pearson", f"Pearson correlation with exact effects: {where}", "Pearson"),
        _quality(known, "spearman_of_sizes", f"Spearman correlation of sizes: {where}", "Spearman of sizes"),
        _quality(known, "cmd", f"CMD, less is better: {where}", "CMD", judged[-1]),
    ]
    with_truth = [cell for cell in league.cells if cell.truth_edges is not None]
    if with_truth:
        every = {one.name: one for one in league.standings(with_truth)}
        same, exact = [every[one.name] for one in known], every[league.reference]
        title = f"Area under the ROC curve against the known circuit: {_models(with_truth)}"
        measures.append(_quality(same, "auroc", title, "AUROC", exact))
    n = league.cells[0].n
    heading = Heading(
        "Cost and quality of methods",
        (
            f"{n:,} prompts a task{_draws(league.cells)} · exact effects of all edges by activation patching"
            f" · CMD on {n:,} held-out prompts",
        ),
    )
    return league_chart(columns, measures, heading)


def _quality(
    methods: Sequence[Standing], measure: str, title: str, label: str, exact: Standing | None = None
) -> Measure:
    worth = {one.name for one in worth_their_cost(methods, partial(by_mean, measure=measure))}
    values = [one.known(measure) for one in methods]
    every = [value for of in values for value in of]
    reached = None if exact is None else exact.mean(measure)
    rising = MEASURES[measure][1]
    low = 0.4 if measure == "auroc" else 0.0
    high = 1.02 if rising else 1.05 * max([*every, reached or 0.0], default=1.0)
    return Measure(title, label, values, [one.name in worth for one in methods], reached, low, high)


def _by_task(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The draws of each model and task together."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.model, cell.task), []).append(cell)
    return list(found.values())


def _task(league: League, cells: Sequence[Cell]) -> str:
    """One model on one task: all there is of a single draw, mean and worst of several."""
    first = cells[0]
    truth = "" if first.truth is None else f"; known: {first.truth}, {first.truth_edges:,} edges"
    draws = "" if len(cells) == 1 else f"{len(cells)} draws of "
    head = f"{first.model} on {first.task}: {draws}{first.n:,} prompts, {first.metric}, {first.edges:,} edges{truth}"
    return _cell(league, first, head) if len(cells) == 1 else _together(league, cells, head)


def _cell(league: League, cell: Cell, head: str) -> str:
    eap = next((entry for entry in cell.entries if entry.name == "eap"), None)
    base = None if eap is None else eap.seconds
    shown = [name for name in _COLUMNS if name != "auroc" or cell.truth_edges is not None]
    rows = [
        (
            _name(entry),
            passes_words(entry.passes),
            times_words(entry.cost),
            _seconds(entry, base),
            *(fixed(entry.number(name), 3) for name in shown),
        )
        for entry in cell.entries
        if not entry.refused
    ]
    time = "seconds" if base is None else "time"
    header = ("method", "passes", "cost", time, *_headings(league, shown))
    return f"{head}\n{table(header, rows, right=_RIGHT)}"


def _together(league: League, cells: Sequence[Cell], head: str) -> str:
    """Mean over tasks and draws, and the worst of them."""
    every = league.standings(cells)
    columns = _OF_BUILT if all(cell.built for cell in cells) else _COLUMNS
    shown = [name for name in columns if name != "auroc" or any(one.known(name) for one in every)]
    rows = []
    for one in every:
        reference = " (reference)" if one.name == league.reference else ""
        numbers = (f"{fixed(one.mean(name), 2)} {fixed(one.worst(name), 2)}" for name in shown)
        rows.append((one.name + reference, times_words(one.cost), *numbers))
    header = ("method", "cost", *_headings(league, shown))
    return f"{head}; mean, and the worst\n{table(header, rows, right=_RIGHT)}"


def _refused(league: League) -> list[str]:
    """Each reason once, with who gave it where."""
    found: dict[str, dict[str, list[str]]] = {}
    for cell in league.cells:
        for entry in cell.entries:
            if entry.refused:
                where = found.setdefault(entry.refused, {})
                places = where.setdefault(entry.name, [])
                if (place := f"{cell.model} on {cell.task}") not in places:
                    places.append(place)
    return [
        f"{'; '.join(f'{name}, {_listed(where)}' for name, where in every.items())}: {reason}"
        for reason, every in found.items()
    ]


def _listed(words: Sequence[str]) -> str:
    """The first two, and how many more."""
    more = f" and {len(words) - 2} more" if len(words) > 2 else ""
    return ", ".join(words[:2]) + more


def _headings(league: League, shown: Sequence[str]) -> tuple[str, ...]:
    words = {
        "pearson": "Pearson",
        "spearman_of_sizes": "Spearman |.|",
        "spearman": "Spearman",
        "top": f"top {league.top}",
        "sign": "sign",
        "sign_of_top": f"sign {league.top}",
        "cmd": "CMD",
        "auroc": "AUROC",
    }
    return tuple(words[name] for name in shown)


def _advised(league: League, purpose: str) -> str:
    shown = ("pearson", "spearman_of_sizes") if purpose == EFFECTS else ("cmd",)
    rows = [
        (
            times_words(one.cost),
            one.name,
            *(word for name in shown for word in (fixed(one.mean(name), 3), fixed(one.worst(name), 3))),
        )
        for one in league.advice(purpose)
    ]
    header = ("from", "take", *(word for name in _headings(league, shown) for word in (name, "worst")))
    return table(header, rows, right=(0, *range(2, 2 + 2 * len(shown)))) if rows else "no method is known on every task"


def _explained(league: League) -> str:
    top = league.top
    return (
        "passes: forward (F) and backward (B) passes of the whole model. cost: these by EAP's, a B counted as two F.\n"
        "time: by EAP's in the same run, rough. Pearson, Spearman (|.|: of sizes), sign: of all edges against their\n"
        f"exact effects. top {top}: share of the largest exact effects among the largest scores. sign {top}: of\n"
        "the largest scores. CMD: area between 1 and the faithfulness of the best edges, on held-out prompts; less is\n"
        "better. AUROC: against the known circuit."
    )


def _tasks(cells: Sequence[Cell]) -> str:
    return _models(cells) + _draws(cells, "; ")


def _draws(cells: Sequence[Cell], before: str = ", ") -> str:
    draws = len({cell.seed for cell in cells})
    return f"{before}{draws} draws of prompts each" if draws > 1 else ""


def _models(cells: Sequence[Cell]) -> str:
    built = {cell.model: cell.built for cell in cells if cell.built}
    models = dict.fromkeys(cell.model for cell in cells if not cell.built)
    words = [
        f"{model} on {', '.join(dict.fromkeys(cell.task for cell in cells if cell.model == model))}" for model in models
    ]
    for kind, n in Counter(built.values()).items():
        words.append(f"{n} {kind} model{'' if n == 1 else 's'}")
    return "; ".join(words)


def _name(entry: Entry) -> str:
    return f"{entry.name} (reference)" if entry.reference else entry.name


def _seconds(entry: Entry, base: float | None) -> str:
    if base and entry.seconds is not None:
        return times_words(round(entry.seconds / base, 1))
    return seconds_words(entry.seconds)
