"""Whether a loaded model obeys what every score rests on, and whether it knows the language it is asked in."""

from edgewise.engine.check.language import Language, language
from edgewise.engine.check.model import check_model
from edgewise.engine.check.rows import CheckRow

__all__ = ["CheckRow", "Language", "check_model", "language"]
