"""Planted: the task of the models whose circuit is known by construction, such as `planted:3`.

    " reed HORN lute BELL" -> " loud", not " quiet"

1. Draw 4 to 8 different instruments.
2. The last is loud, in capitals, and each of the others with a chance of one half; the answer is " loud".
3. Corrupt by making all of them quiet, in small letters.

The prompts are the same for every planted model; which edges carry the answer is not. Default metric: logit of
" loud" minus logit of " quiet".
"""

from __future__ import annotations

from functools import partial
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens, some_of
from edgewise.tasks.split import draw_companions

RIGHT, WRONG = "loud", "quiet"
# The same words as in models.planted.language, which this room may not import; a test compares the two.
INSTRUMENTS = tuple(
    """bagpipe banjo bassoon bell bugle carillon celesta cello cembalo chime clarinet clavichord cornet cymbal
    drum dulcimer fiddle fife flute glockenspiel gong guitar harmonium harp horn kazoo lute lyre mandolin maraca
    marimba oboe ocarina organ piano piccolo psaltery recorder reed sackbut shawm sitar spinet tabla tambourine
    timpani tuba ukulele viol viola vuvuzela xylophone zither""".split()
)
SHORTEST, LONGEST = 4, 8


def make(encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
    """Say that loud words are loud, for planted models (metric logit-diff; corruption: all words quiet).

    Args:
        encoder: the tokenizer of a planted model, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery": no two instruments of a prompt are a held-out pair; "held-out": the last two are.

    Raises:
        DataError: the tokenizer of another model.
    """
    words = _words(encoder)
    rng = random_source("planted", seed, split)
    draw = partial(_draw, rng, words, split == "held-out")
    pairs = encode_drafts("planted", encoder, draw_distinct(draw, n, "planted"))
    return assemble("planted", encoder, pairs, metric="logit-diff", lists=(words,), info={})


def _words(encoder: TextEncoder) -> Singles:
    wanted = (RIGHT, WRONG, *INSTRUMENTS, *(word.upper() for word in INSTRUMENTS))
    words = single_tokens(encoder, wanted, kind="words", least=0, contexts=(" drum",))
    if words.left_out:
        raise DataError(
            f"task 'planted' is for planted models: only {len(words.ids)} of {len(wanted)} words are single tokens "
            f"of this tokenizer, and the task needs {len(wanted)}; use such a model (--model planted:3) or another "
            f"task. Not single tokens: {some_of(words.left_out)}"
        )
    return words


def _draw(rng: Random, words: Singles, held_out: bool) -> Draft:
    length = rng.randint(SHORTEST, LONGEST)
    quiet = _draw_instruments(rng, length, held_out)
    raised = [*(rng.random() < 0.5 for _ in quiet[1:]), True]
    loud = [word.upper() if up else word for word, up in zip(quiet, raised, strict=True)]
    return Draft(
        "".join(" " + word for word in loud),
        "".join(" " + word for word in quiet),
        answers=(words.ids[RIGHT],),
        wrong_answers=(words.ids[WRONG],),
    )


def _draw_instruments(rng: Random, length: int, held_out: bool) -> list[str]:
    if not held_out:
        return draw_companions(rng, INSTRUMENTS, length, held_out=False)
    pair = draw_companions(rng, INSTRUMENTS, 2, held_out=True)
    return [*rng.sample([word for word in INSTRUMENTS if word not in pair], length - 2), *pair]
