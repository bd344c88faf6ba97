"""The language of planted models: names of instruments, quiet in small letters and loud in capitals.

    " reed HORN lute BELL" -> " loud"        corrupted: " reed horn lute bell"

The words are the same for every seed. A prompt has 4 to 8 different instruments; the last one is loud, and so are
some of the others. In its corrupted counterpart all are quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerFast

from edgewise.models.word_tokenizer import PADDING, UNKNOWN, word_tokenizer

INSTRUMENTS = tuple(
    """bagpipe banjo bassoon bell bugle carillon celesta cello cembalo chime clarinet clavichord cornet cymbal
    drum dulcimer fiddle fife flute glockenspiel gong guitar harmonium harp horn kazoo lute lyre mandolin maraca
    marimba oboe ocarina organ piano piccolo psaltery recorder reed sackbut shawm sitar spinet tabla tambourine
    timpani tuba ukulele viol viola vuvuzela xylophone zither""".split()
)
RIGHT, WRONG = "loud", "quiet"
VOCABULARY = (UNKNOWN, PADDING, RIGHT, WRONG, *INSTRUMENTS, *(word.upper() for word in INSTRUMENTS))
ID = {word: index for index, word in enumerate(VOCABULARY)}
SHORTEST, LONGEST = 4, 8
CONTEXT = 16


@dataclass(frozen=True)
class Sentence:
    """Token ids of one clean prompt and of its corrupted counterpart."""

    clean: tuple[int, ...]
    corrupted: tuple[int, ...]


def draw_sentence(rng: Random) -> Sentence:
    """A prompt: different instruments, the last one loud, each of the others with a chance of one half."""
    words = rng.sample(INSTRUMENTS, rng.randint(SHORTEST, LONGEST))
    loud = [*(rng.random() < 0.5 for _ in words[1:]), True]
    spoken = (word.upper() if raised else word for word, raised in zip(words, loud, strict=True))
    return Sentence(tuple(ID[word] for word in spoken), tuple(ID[word] for word in words))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of every planted model: one token a word, no BOS; words it does not know become ``<unk>``."""
    return word_tokenizer(VOCABULARY, CONTEXT)
