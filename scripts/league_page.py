"""Write the tables of real models into docs/league.md, and their picture, from benchmarks/effects/results.json.

    python scripts/league_page.py          # after `python benchmarks/judge.py --json benchmarks/effects/results.json`

What stands between two marks of the page is made anew; all else of it is left as it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from effects_files import SETTLED, short  # noqa: E402

from edgewise.evaluation.ranking import CIRCUITS, EFFECTS, PURPOSES, Standing, worth_their_cost  # noqa: E402
from edgewise.report.charts.chart import Chart  # noqa: E402
from edgewise.report.charts.league import Panel, league_chart  # noqa: E402
from edgewise.report.cost import times_words  # noqa: E402
from edgewise.report.files import picture_files  # noqa: E402
from edgewise.report.picture.circuit import Heading  # noqa: E402
from edgewise.report.table import fixed, table  # noqa: E402

PAGE, PICTURE = ROOT / "docs/league.md", ROOT / "docs/images/league-real.svg"
RESULTS = ROOT / "benchmarks/effects/results.json"
# Column of the results -> measure of the ranking, and heading.
MEASURES = {
    "pearson": ("pearson", "Pearson"),
    "spearman_of_sizes": ("spearman_of_sizes", "Spearman |.|"),
    "sign_agreement_of_top": ("sign_of_top", "sign 100"),
    "recall": ("top", "top 100"),
    "cmd": ("cmd", "CMD"),
}
EFFECT_MEASURES = ("pearson", "spearman_of_sizes")
Row = Mapping[str, Any]


def main() -> None:
    """Write the page and the picture."""
    rows = rows_of(RESULTS)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    PICTURE.write_bytes(picture_files(PICTURE.stem, picture(rows))[PICTURE.name])


def rows_of(path: Path) -> list[Row]:
    """The rows of the results, one a method and pair."""
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if "refused" not in row]


def filled(page: str, rows: Sequence[Row]) -> str:
    """The page with every part between marks made of these rows."""
    for name, make in PARTS.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        page, found = re.subn(pattern, lambda match, make=make: match[1] + make(rows) + match[2], page, flags=re.DOTALL)
        if found != 1:
            sys.exit(f"the page has {found} parts '<!-- {name} -->' to '<!-- end of {name} -->'; it needs one")
    return page


def pair(row: Row) -> str:
    """Such as ``"gemma3-ioi"``."""
    return f"{short(row['model'])}-{row['task']}"


def settled(rows: Sequence[Row]) -> list[Row]:
    """Those of the pairs that settings are settled on."""
    return [row for row in rows if pair(row) in SETTLED]


def reported(rows: Sequence[Row]) -> list[Row]:
    """The others."""
    return [row for row in rows if pair(row) not in SETTLED]


def standings(rows: Sequence[Row]) -> list[Standing]:
    """Every method over the pairs; its cost is its time by EAP's, the median over them."""
    pairs, found = list(dict.fromkeys(map(pair, rows))), []
    for method in dict.fromkeys(row["method"] for row in rows):
        of = {pair(row): row for row in rows if row["method"] == method}
        times = sorted(row["time"] for row in of.values())
        values = {
            measure: tuple(of[name].get(column) if name in of else None for name in pairs)
            for column, (measure, _) in MEASURES.items()
        }
        found.append(Standing(method, times[len(times) // 2], values))
    return found


def together(rows: Sequence[Row]) -> str:
    """Mean and worst over pairs, those that settings were settled on apart."""
    return "\n".join(
        f"{words}: {', '.join(dict.fromkeys(map(pair, of)))}.\n\n```\n{_together(of)}\n```\n"
        for words, of in (("Settled on", settled(rows)), ("Reported on", reported(rows)))
        if of
    )


def _together(rows: Sequence[Row]) -> str:
    every = standings(rows)
    shown = {name: words for name, words in MEASURES.values() if any(one.known(name) for one in every)}
    lines = [
        (
            one.name,
            times_words(one.cost),
            *(f"{fixed(one.mean(name), 3)} {fixed(one.worst(name), 3)}" for name in shown),
        )
        for one in sorted(every, key=lambda one: one.cost or 0)
    ]
    return table(("method", "time", *shown.values()), lines, right=range(1, 2 + len(shown)))


def each(rows: Sequence[Row]) -> str:
    """Pearson and Spearman of sizes, pair by pair."""
    pairs = [*dict.fromkeys(map(pair, settled(rows))), *dict.fromkeys(map(pair, reported(rows)))]
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        of = {pair(row): row for row in rows if row["method"] == method}
        lines.append((method, *(_two(of.get(name)) for name in pairs)))
    return f"```\n{table(('method', *pairs), lines, right=range(1, 1 + len(pairs)))}\n```\n"


def _two(row: Row | None) -> str:
    return "-" if row is None else " ".join(fixed(row[name], 3).replace("0.", ".") for name in EFFECT_MEASURES)


def advice(rows: Sequence[Row]) -> str:
    """What is worth its time, for effects and for circuits, over all pairs."""
    asked = (
        (EFFECTS, "For effects (the least of Pearson and Spearman |.| over all pairs)", EFFECT_MEASURES),
        (CIRCUITS, "For circuits made of the best edges (the mean CMD over all pairs, less is better)", ("cmd",)),
    )
    every = standings(rows)
    parts = [(words, worth_their_cost(every, PURPOSES[purpose]), names) for purpose, words, names in asked]
    text = "\n\n".join(f"{words}:\n{_advised(worth, names)}" for words, worth, names in parts if worth)
    return f"```\n{text}\n```\n"


def _advised(worth: Sequence[Standing], names: Sequence[str]) -> str:
    headings = [word for name, word in MEASURES.values() if name in names]
    header = ("time", "take", *(word for heading in headings for word in (heading, "worst")))
    lines = [
        (
            times_words(one.cost),
            one.name,
            *(fixed(number, 3) for name in names for number in (one.mean(name), one.worst(name))),
        )
        for one in worth
    ]
    return table(header, lines, right=(0, *range(2, len(header))))


def picture(rows: Sequence[Row]) -> Chart:
    """Time against quality of every method over all pairs."""
    every = standings(rows)
    panels = [
        Panel(title, words, measure, every)
        for measure, words, title in (
            ("pearson", "Pearson", "Pearson correlation with exact effects"),
            ("spearman_of_sizes", "Spearman of sizes", "Spearman correlation of sizes"),
        )
    ]
    pairs = dict.fromkeys(map(pair, rows))
    heading = Heading("Time and quality of methods on real models", (f"{len(pairs)} pairs of model and task",))
    advised = [one.name for one in worth_their_cost(every, PURPOSES[EFFECTS])]
    return league_chart(panels, advised, heading, "time, by EAP's")


PARTS: Mapping[str, Callable[[Sequence[Row]], str]] = {"advice": advice, "all pairs": together, "pair by pair": each}


if __name__ == "__main__":
    main()
