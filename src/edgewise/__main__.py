"""`python -m edgewise` is the command `edgewise`."""

from __future__ import annotations

import sys

from edgewise.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
