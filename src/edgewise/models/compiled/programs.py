"""The programs: each answers a question about its prompt's letters, as `edgewise.tasks.compiled` asks it.

``after x`` is the letter that follows x: a head of layer 0 gives every position the letter before it, and a later head
asks for the position whose letter before is x.
"""

from __future__ import annotations

from edgewise.models.compiled.language import LETTERS, NO, WORDS, YES
from edgewise.models.compiled.program import POSITION, TOKEN, CompiledProgram, Head, Lookup, with_idle

_VALUES = range(len(LETTERS))
_YES, _NO = WORDS.index(YES), WORDS.index(NO)

_BEFORE = Head("before", 0, 1, q=POSITION, k=POSITION, v=TOKEN, step=1)
_NEXT = Lookup("next", 0, (TOKEN,), {(one,): (one + 1) % len(LETTERS) for one in _VALUES})


def _after(out: str, layer: int, head: int, asked: str) -> Head:
    return Head(out, layer, head, q=asked, k="before", v=TOKEN)


PROGRAMS: dict[str, CompiledProgram] = {
    program.name: program
    for program in (
        with_idle(
            "two-back",
            2,
            (_BEFORE, Head("two back", 1, 2, q=POSITION, k=POSITION, v="before", step=1)),
            "two back",
        ),
        with_idle("induction", 2, (_BEFORE, _after("answer", 1, 2, TOKEN)), "answer"),
        with_idle("two-hops", 3, (_BEFORE, _after("hop", 1, 0, TOKEN), _after("answer", 2, 3, "hop")), "answer"),
        with_idle("successor", 2, (_BEFORE, _NEXT, _after("answer", 1, 1, "next")), "answer"),
        with_idle(
            "seen",
            2,
            (
                _BEFORE,
                Head("same", 1, 3, q=TOKEN, k="before", v="before"),
                Lookup("answer", 1, ("same",), {(one,): _YES for one in _VALUES}, otherwise=_NO),
            ),
            "answer",
        ),
        with_idle(
            "agreement",
            2,
            (
                _BEFORE,
                _NEXT,
                _after("one", 1, 0, TOKEN),
                _after("other", 1, 3, "next"),
                Lookup(
                    "answer",
                    1,
                    ("one", "other"),
                    {(a, b): _YES if a == b else _NO for a in _VALUES for b in _VALUES},
                ),
            ),
            "answer",
        ),
    )
}
