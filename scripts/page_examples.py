"""Say which printed lines on pages of the documentation are no longer what the commands above them print.

    python scripts/page_examples.py docs/start.md docs/trust.md      # in an empty folder of its own; takes minutes

Commands are run as they stand, at full size, but for blocks that are marked as not run. A block of text right below a
block of commands is what the last of them prints; ``...`` stands for any lines. Seconds may differ.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\d+\.\d+ s\b")


def examples(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of `edgewise`, and the lines that stand below it."""
    commands: list[tuple[str, list[str]]] = []
    for marked, language, text in ((one[1], one[2], one[3]) for one in BLOCK.finditer(page)):
        if language == "text" and commands and not commands[-1][1]:
            commands[-1][1].extend(text.splitlines())
        if marked or language not in ("bash", "console", ""):
            continue
        for line in text.splitlines():
            if line.startswith(("edgewise ", "$ edgewise ")):
                commands.append((line.removeprefix("$ "), []))
            elif line == "make demo" or line.startswith("make demo "):
                commands.append(("edgewise discover --model demo --task ioi --top 100 --out runs/demo", []))
            elif language == "console" and commands:
                commands[-1][1].append(line)
    yield from commands


def missing(printed: list[str], said: str) -> list[str]:
    """The lines that were not said, in this order."""
    rest, gone = plain(said), []
    for line in printed:
        found = rest.find(plain(line))
        if line.strip() != "..." and found < 0:
            gone.append(line)
        elif line.strip() != "...":
            rest = rest[found + len(plain(line)) :]
    return gone


def plain(text: str) -> str:
    """A text without seconds, on one line: a page breaks lines where a terminal does."""
    return SECONDS.sub("s", " ".join(text.split()))


def main(pages: list[str]) -> int:
    """Run the pages and count the lines that are missing."""
    root, wrong = Path(__file__).resolve().parent.parent, 0
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "200"}
    with tempfile.TemporaryDirectory() as folder:
        for page in ("README.md", *pages):
            all_of_it = examples((root / page).read_text(encoding="utf-8"))
            # What other pages begin with: the run of `make demo`.
            for command, printed in all_of_it if page in pages else itertools.islice(all_of_it, 1):
                words = [sys.executable, "-m", *shlex.split(command, comments=True)]
                done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
                gone = missing(printed, done.stdout) if done.returncode == 0 else [done.stderr.strip()]
                wrong += len(gone)
                print(f"{page}: {command}\n" + "".join(f"    {line}\n" for line in gone), end="", flush=True)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
