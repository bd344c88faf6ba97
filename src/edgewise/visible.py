"""Text of other people on a terminal or a page: what would move, colour or turn what is shown is shown as its escape.

Names of files, folders, columns and models, and every text of a stored file, may hold anything.
"""

from __future__ import annotations

import re

# Control characters (C0 but for tab and line feed, DEL, C1), what turns the direction of writing, line and paragraph
# separators, halves of characters, and the two that are none; XML and UTF-8 cannot hold some of them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def visible(text: str) -> str:
    r"""Return the text with every such character as its escape, such as ``\x1b`` or ``\u202e``."""
    return _UNSEEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
