"""Templates: prompts from sentences with slots, for any tokenizer. `docs/prompts.md` is the guide to their files.

- `patterns`: a sentence with slots in braces;
- `template`: what a template says, as values; `lists`, `read`: from its file to these;
- `fit`: which fillers a tokenizer allows, and why others are left out;
- `draw`: prompts as text, then as token ids;
- `shipped`: the tasks that are templates; their files are in `library`.
"""

from __future__ import annotations

ENDINGS = (".toml", ".yaml", ".yml")
"""Of a template's file."""


def is_template(name: str) -> bool:
    """Whether the name of a task is that of a template's file."""
    return name.lower().endswith(ENDINGS)
