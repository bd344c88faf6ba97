'''Docstring: after ":param", name the argument that the definition lists next.

    def index(self, width, cache, depth, queue, owner, label):
        """river glass door

        :param depth: ship bread
        :param queue: clock wind
        :param                                     -> " owner"

1. Draw fifteen argument names: the method's, two before the matching ones, three matching, one after, the
   five that replace matching ones in the corrupted prompt, and three that only serve as wrong answers.
   (`before` and `after` change how many stand around the matching ones.)
2. Draw three words for the description, and two for each of the two documented arguments.
3. Corrupt, as ACDC's "random_random" did: the three matching arguments of the definition and the two
   documented ones are replaced by different names, so that nothing tells which name comes next.

The task is from Heimersheim and Janiak (2023), "A circuit for Python docstrings in a 4-layer attention-only
transformer", as Conmy et al. (2023) ran it: 41 tokens with BOS for that model's tokenizer, five of them
replaced; the words are our own. Default metric: logit of the answer minus the largest logit of the thirteen
other names drawn.
'''

from __future__ import annotations

from functools import partial
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens
from edgewise.tasks.split import draw_companions
from edgewise.tasks.words import ARGUMENTS, THINGS

TEMPLATE = '''
def {method}(self, {arguments}):
    """{description}

    :param {first}: {first_words}
    :param {second}: {second_words}
    :param'''

_N_MATCHING = 3
_N_NEVER_SHOWN = 8  # three and two for the corrupted prompt, and three that are only wrong answers
_MOST_AROUND = 8
_FEWEST_OPENERS = 5


def make(encoder: TextEncoder, *, n: int, seed: int, split: str, before: int = 2, after: int = 1) -> PromptSet:
    """Name the next argument to document (metric logit-diff-max; corruption: five names replaced).

    The answer is the third matching argument; all other arguments drawn are wrong answers.

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery": no two names of the clean prompt are a held-out pair; "held-out": every two of the
            three matching arguments are.
        before: how many arguments the definition has before the matching ones.
        after: how many it has after them.

    Raises:
        DataError: an option out of range, or too few argument names or description words are single tokens.
    """
    for option, count in (("before", before), ("after", after)):
        if not 0 <= count <= _MOST_AROUND:
            raise DataError(f"task 'docstring', {option}: {count} arguments; choose 0 to {_MOST_AROUND}")
    name_contexts = ("\ndef", "\ndef run(self,", "\n    :param")
    names = single_tokens(encoder, ARGUMENTS, kind="argument names", least=60, contexts=name_contexts)
    things = single_tokens(encoder, THINGS, kind="description words", least=10, contexts=("x: the",))
    rng = random_source("docstring", seed, split)
    openers = _openers(encoder, things)
    draw = partial(_draw, rng, names, things.words, openers, (before, after), split == "held-out")
    pairs = encode_drafts("docstring", encoder, draw_distinct(draw, n, "docstring"))
    lists = (names, things)
    info = {"corruption": "random-random", "before": before, "after": after}
    return assemble("docstring", encoder, pairs, metric="logit-diff-max", lists=lists, info=info)


def _openers(encoder: TextEncoder, things: Singles) -> tuple[str, ...]:
    """Words that are one token right after the quotes, so that prompts are equally long; all, if few are."""
    try:
        quotes = ('\ndef run(self):\n    """',)
        kind = "description words"
        return single_tokens(encoder, things.words, kind=kind, least=_FEWEST_OPENERS, contexts=quotes, space="").words
    except DataError:
        return things.words


def _draw(
    rng: Random,
    names: Singles,
    things: tuple[str, ...],
    openers: tuple[str, ...],
    around: tuple[int, int],
    held_out: bool,
) -> Draft:
    matching, (method, *others) = _draw_names(rng, names.words, sum(around), held_out)
    before, after, others = others[: around[0]], others[around[0] : sum(around)], others[sum(around) :]
    other_matching, other_documented = others[:_N_MATCHING], others[_N_MATCHING : 2 * _N_MATCHING - 1]
    opener = rng.choice(openers)
    words = [opener, *rng.sample([word for word in things if word != opener], 6)]
    wrong = (*before, *matching[:-1], *after, *others)
    return Draft(
        _text(method, [*before, *matching, *after], matching[:2], words),
        _text(method, [*before, *other_matching, *after], other_documented, words),
        answers=(names.ids[matching[-1]],),
        wrong_answers=tuple(names.ids[name] for name in wrong),
    )


def _draw_names(rng: Random, names: tuple[str, ...], n_around: int, held_out: bool) -> tuple[list[str], list[str]]:
    """Draw the matching arguments; and the method, those around them, those not in the clean prompt."""
    n_shown = 1 + n_around
    if held_out:
        matching = draw_companions(rng, names, _N_MATCHING, held_out=True)
        unused = [name for name in names if name not in matching]
        return matching, rng.sample(unused, n_shown + _N_NEVER_SHOWN)
    shown = draw_companions(rng, names, _N_MATCHING + n_shown, held_out=False)
    unused = [name for name in names if name not in shown]
    return shown[:_N_MATCHING], [*shown[_N_MATCHING:], *rng.sample(unused, _N_NEVER_SHOWN)]


def _text(method: str, arguments: list[str], documented: list[str], words: list[str]) -> str:
    return TEMPLATE.format(
        method=method,
        arguments=", ".join(arguments),
        description=" ".join(words[:3]),
        first=documented[0],
        first_words=" ".join(words[3:5]),
        second=documented[1],
        second_words=" ".join(words[5:7]),
    )
