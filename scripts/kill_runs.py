"""Kill every long command at random moments and just before changes of files, and let its disk fail; compare the ends.

python scripts/kill_runs.py                          # 1,000 kills, 300 failures
python scripts/kill_runs.py --times 50 --failures 0 --seed 1
python scripts/kill_runs.py --only sweep,league --log kills.jsonl    # goes on where the log ends
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from kill_cases import CASES
from killing import Moment, Ordeal, Stage, Trial

# What was done, to which command, and its number -> what came of it.
Trials: TypeAlias = dict[tuple[str, str, int], Trial]


def main() -> int:
    """Print one line a command, and one for all; exit code 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000, help="kills")
    parser.add_argument("--failures", type=int, default=300, help="disks that are full, read-only or broken")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="parts of names, parted by commas")
    parser.add_argument("--log", type=Path, help="takes one line a trial; trials that it holds are not made again")
    options = parser.parse_args()
    trials = logged(options.log)
    kinds = {"kills": (Ordeal.trial, options.times), "failures": (Ordeal.failing, options.failures)}
    with tempfile.TemporaryDirectory() as home:
        stage = Stage(Path(home))
        parts = options.only.split(",")
        ordeals = [Ordeal(case, stage) for case in CASES if any(part in case.name for part in parts)]
        for kind, (make, times) in kinds.items():
            for number, ordeal in rounds(ordeals):
                if count(trials)[kind] >= times:
                    break
                if (kind, ordeal.case.name, number) not in trials:
                    trials[kind, ordeal.case.name, number] = trial = make(ordeal, number, options.seed)
                    keep(options.log, kind, trial)
        for ordeal in ordeals:
            show(ordeal, {key: trial for key, trial in trials.items() if key[1] == ordeal.case.name})
    faults = [trial for trial in trials.values() if trial.fault]
    for trial in faults:
        print(f"FAULT {trial.case}, trial {trial.number}, {trial.moments}: {trial.fault}")
    what = " and ".join(f"{number:,} {kind}" for kind, number in count(trials).items())
    print(f"{what} in {len(ordeals)} commands; {len(faults)} of {len(trials)} folders were not as without them")
    return 1 if faults else 0


def rounds(ordeals: list[Ordeal]) -> Iterator[tuple[int, Ordeal]]:
    """Every command's first trial, then every command's second, and so on; long commands are left out of some."""
    for number in itertools.count():
        yield from ((number, ordeal) for ordeal in ordeals if number % ordeal.case.every == 0)


def count(trials: Trials) -> Counter[str]:
    """How often there was something of each kind."""
    counted = Counter({"kills": 0, "failures": 0})
    for (kind, _, _), trial in trials.items():
        counted[kind] += len(trial.moments)
    return counted


def show(ordeal: Ordeal, trials: Trials) -> None:
    """One line of one command."""
    events, counted = ordeal.events, count(trials)
    moments = Counter(moment.kind for key, trial in trials.items() if key[0] == "kills" for moment in trial.moments)
    at = ", ".join(f"{number} by {kind}" for kind, number in moments.items())
    print(
        f"{ordeal.case.name}: {counted['kills']} kills ({at}) and {counted['failures']} failures; left alone it makes"
        f" {len(events.changes)} changes of {len({path for _, path in events.changes})} paths and {events.modules}"
        f" calls, and leaves {len(ordeal.whole)} files and folders",
        flush=True,
    )


def keep(log: Path | None, kind: str, trial: Trial) -> None:
    """Put a trial at the end of the log."""
    if log is not None:
        with log.open("a") as file:
            file.write(json.dumps({"what": kind, **asdict(trial)}) + "\n")


def logged(log: Path | None) -> Trials:
    """The trials of a log."""
    lines = [] if log is None or not log.exists() else [json.loads(line) for line in log.read_text().splitlines()]
    made = [(line.pop("what"), line | {"moments": tuple(Moment(**one) for one in line["moments"])}) for line in lines]
    return {(what, line["case"], line["number"]): Trial(**line) for what, line in made}


if __name__ == "__main__":
    sys.exit(main())
