"""Whether a loaded model obeys what every score rests on."""

from edgewise.engine.check.model import check_model
from edgewise.engine.check.rows import CheckRow

__all__ = ["CheckRow", "check_model"]
