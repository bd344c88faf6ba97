"""The words that prompts are made of: lists of our own, common enough to be one token in most vocabularies.

Every word is one token of GPT-2's vocabulary after a space. A task asks the tokenizer at hand which of them
are, and leaves the others out. The bundled demo model's vocabulary is these lists, the two-digit numbers and
the words of the templates.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    """
    Adam Alex Alice Amy Andrew Angela Anna Anne Anthony Arthur Ben Bill Bob Carl Carol Charles Charlie
    Charlotte Chris Claire Clara Daniel David Diana Edward Elizabeth Ellen Emily Emma Eva Frank Fred Gary
    George Grace Greg Hannah Harry Helen Henry Howard Ian Jack Jake James Jane Jeff Jill Jim Joan Joe John
    Julia Julie Karen Kate Keith Ken Laura Leo Linda Louis Lucas Lucy Luke Maria Mark Martha Martin Mary
    Matt Mike Nancy Nick Oliver Oscar Paul Peter Rachel Rebecca Robert Roger Ruth Ryan Sally Sam Sarah
    Scott Simon Sophie Stephen Steve Susan Thomas Tim Tom Tony Victoria Vincent Walter
    """
)
"""First names, for `ioi`."""

PLACES = _words(
    """
    airport bank beach castle church factory farm gym hotel kitchen library market museum park store
    theater
    """
)
"""Where people go, for `ioi`: "went to the PLACE"."""

OBJECTS = _words(
    """
    bag ball book bottle cake camera coat coin flower hat knife lamp letter map phone ticket
    """
)
"""What people give, for `ioi`: "gave a OBJECT to"."""

EVENTS = _words(
    """
    administration advance age alliance appeal assembly audit ban battle blockade boom boycott campaign
    career colony combat concert conference conflict congress contest correspondence crisis crusade curfew
    cycle debate depression dialogue dictatorship drought education election embargo empire epoch era
    excavation exhibition exile exodus expansion experiment exploration famine federation festival feud
    fight flood friendship generation government harvest hearing holiday hunt inflation inquiry lawsuit
    league lecture marriage migration ministry mission monarchy movement occupation opera panic parade
    partnership pause peace phase pilgrimage presidency protest quarrel race rebellion recession
    reconstruction regime renaissance renovation republic research resistance restoration retreat review
    revolt revolution search season series session settlement shortage silence stay struggle surplus
    survey tenure tournament training transition truce union uprising vacation visit war
    """
)
"""What lasts for years, for `greater-than`: "The NOUN lasted from the year"."""

ARGUMENTS = _words(
    """
    account address amount angle axis batch block budget buffer button byte cache callback caption center
    channel char chunk city color column cost count currency date degree delay depth dict digit edge email
    event factor filter flag font frame graph handler height hour icon index kernel label layer length
    level limit list loss mask matrix menu month offset origin owner panel password path pattern pixel
    port prefix pressure price query queue radius rank rate ratio record region sample scale schema score
    screen seed signal socket source speed stack status step stream style suffix target template threshold
    timeout total tree tuple unit vector vendor voltage volume week weight width window zone
    """
)
"""Names of arguments in Python code, for `docstring`; disjoint from `THINGS`."""

THINGS = _words(
    """
    arm bed bird boat box bread bridge cat chair clock cloud cup dog door engine eye fire fish floor foot
    forest glass gold grass hand head hill horse ice iron leaf metal moon oil paper rain ring river road
    rock sand ship silver sky star steel stone street sun tool tower town train wall wheel wind wine wire
    wood
    """
)
"""Nouns for the descriptions in `docstring`; one token with and without a space before them."""
