"""`python -m edgewise` is the command `edgewise`."""

from __future__ import annotations

import sys

from edgewise.cli.launch import leave
from edgewise.cli.main import run
from edgewise.processes import launched

if __name__ == "__main__":
    code = run()
    if launched():
        leave(code)
    sys.exit(code)
