"""Kill every long command at random moments, many times, and compare what it ends with.

python scripts/kill_runs.py              # 200 kills
python scripts/kill_runs.py --times 50 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from killing import COMMANDS, Killed, finished_run, same_bytes

# Kills within one life of a command: more would leave no time to get anywhere.
AT_ONCE = 5


def main() -> None:
    """Print one line a command, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = Random(options.seed)
    found: dict[str, list[Killed]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        finished = finished_run(Path(home) / "finished")
        turn = 0
        while sum(killed.kills for many in found.values() for killed in many) < options.times:
            name = list(COMMANDS)[turn % len(COMMANDS)]
            folder = Path(home) / str(turn)
            folder.mkdir()
            found[name].append(same_bytes(name, finished, folder, AT_ONCE, rng))
            turn += 1
    for name, many in found.items():
        kills, went_on, lost = (sum(getattr(one, key) for one in many) for key in ("kills", "went_on", "lost"))
        print(f"{name}: {kills} kills in {len(many)} runs, {went_on} with a state on the disk, {lost} behind the last")
    print("every run ended with the bytes of one that was left alone")


if __name__ == "__main__":
    main()
