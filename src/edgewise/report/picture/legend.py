"""The legend of a circuit: what colours, widths, line styles and shapes mean, in as many lines as it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgewise.report.picture.choice import Choice
from edgewise.report.picture.glyphs import DASHES, PALE, exact_mark, glyph
from edgewise.report.picture.palette import ON_TINT, score_tint
from edgewise.report.picture.scene import Shape, Text, box, moved, polyline, text_width
from edgewise.report.picture.skeleton import THICKEST, THINNEST, kind

SIZE = 11.0
LINE_HEIGHT = 21.0
_SPACE = 22.0


@dataclass(frozen=True)
class Entry:
    """A sample and its words: shapes around height 0, from 0 to `width` pixels."""

    items: tuple[Shape | Text, ...]
    width: float


def legend(
    choice: Choice, classes: Mapping[str, str], metric: str, distance: bool, room: float
) -> tuple[tuple[Shape | Text, ...], float]:
    """Return the legend's shapes from (0, 0) down, and its height in pixels.

    Args:
        choice: what the picture shows.
        classes: class -> colour, of the classes drawn.
        metric: its name; empty where there are no scores.
        distance: whether what raises it helps.
        room: pixels across.
    """
    groups = [
        _signs(choice, metric, distance),
        _exact(choice),
        [*_widths(choice, distance), *_kinds(choice)],
        _inputs(choice),
        _classes(classes),
    ]
    return _below_each_other(groups, room)


def legend_of_lines(
    largest: float, estimated: bool, metric: str, distance: bool, room: float
) -> tuple[tuple[Shape | Text, ...], float]:
    """Return what signs and widths of lines mean, and that they lead upwards; as `legend`.

    Args:
        largest: |score| of the widest line; 0 where there are no scores.
        estimated: whether scores are estimates.
        metric: its name.
        distance: whether what raises it helps.
        room: pixels across.
    """
    upwards = _worded([], 0, "edges lead upwards, from where a node writes to where the next one reads")
    signs = _signs_of_edges("estimated " if estimated else "", metric, distance) if largest else []
    return _below_each_other([signs, [*_widths_up_to(largest), upwards]], room)


def _below_each_other(groups: Sequence[Sequence[Entry]], room: float) -> tuple[tuple[Shape | Text, ...], float]:
    """Each group from a line of its own on."""
    items: list[Shape | Text] = []
    height = 0.0
    for group in groups:
        if group:
            lines = _flow(group, room)
            for line in lines:
                at = 0.0
                for entry in line:
                    items += moved(entry.items, at, height + LINE_HEIGHT / 2)
                    at += entry.width + _SPACE
                height += LINE_HEIGHT
    return tuple(items), height


def _flow(entries: Sequence[Entry], room: float) -> list[list[Entry]]:
    lines: list[list[Entry]] = [[]]
    used = 0.0
    for entry in entries:
        if lines[-1] and used + entry.width > room:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += entry.width + _SPACE
    return lines


def _worded(sample: Sequence[Shape | Text], at: float, text: str) -> Entry:
    words = Text(at, 4, text, SIZE)
    return Entry((*sample, words), at + text_width(text, SIZE))


def _stroke(width: float, colour: str, dash: tuple[float, ...] = (), length: float = 26.0) -> Shape:
    return Shape(polyline([(0, 0), (length, 0)]), stroke=colour, width=width, dash=dash)


def _signs(choice: Choice, metric: str, distance: bool) -> list[Entry]:
    estimated = "" if choice.tells_exact else "estimated "
    if choice.node_scores:
        return _signs_of("node", [_swatch(score_tint(-1)), _swatch(score_tint(1))], estimated, metric, distance)
    return _signs_of_edges(estimated, metric, distance) if choice.largest > 0 else []


def _signs_of_edges(estimated: str, metric: str, distance: bool) -> list[Entry]:
    return _signs_of("edge", [_stroke(4, "helps"), _stroke(4, "harms")], estimated, metric, distance)


def _signs_of(what: str, samples: Sequence[Shape], estimated: str, metric: str, distance: bool) -> list[Entry]:
    """What helps first: it is what one looks for."""
    helps, harms = ("positive", "negative") if distance else ("negative", "positive")
    meaning = f"score = {estimated}change of {metric or 'the metric'} when the {what} is patched"
    return [
        _worded([samples[0]], 34, f"{helps}: the {what} helps"),
        _worded([samples[1]], 34, f"{harms}: the {what} harms"),
        _worded([], 0, meaning),
    ]


def _exact(choice: Choice) -> list[Entry]:
    """How exact effects are told from estimates."""
    if not choice.tells_exact:
        return []
    if choice.verified_nodes is not None:
        samples = [(glyph("head", 13, 0, 26, 14, exact=True)), (glyph("head", 13, 0, 26, 14))]
        return [
            _worded(samples[0], 34, "heavy outline: score is exact, measured"),
            _worded(samples[1], 34, "score is an estimate"),
        ]
    return [
        _worded([_stroke(3, "plain"), exact_mark(13, 0, "plain")], 34, "score is exact, measured"),
        _worded([replace(_stroke(3, "plain"), opacity=PALE)], 34, "pale: score is an estimate"),
    ]


def _swatch(tint: str) -> Shape:
    return Shape(box(0, -7, 26, 14, 4), fill=tint, stroke="outline", width=0.8)


def _tints(largest: float) -> list[Entry]:
    shares = (-1.0, -0.5, 0.0, 0.5, 1.0)
    return [_worded([_swatch(score_tint(share))], 34, short(share * largest)) for share in shares]


def _widths(choice: Choice, distance: bool) -> list[Entry]:
    if choice.largest_node:
        return _tints(-choice.largest_node if distance else choice.largest_node)
    return _widths_up_to(choice.largest)


def _widths_up_to(largest: float) -> list[Entry]:
    if not largest:
        return []
    shares = (1.0, 0.5, 0.1)
    samples = [
        _worded([_stroke(THINNEST + (THICKEST - THINNEST) * share, "plain")], 34, short(largest * share))
        for share in shares
    ]
    return [_worded([], 0, "width: |score|"), *samples]


def _inputs(choice: Choice) -> list[Entry]:
    letters = {edge.letter for edge in choice.edges}
    if letters <= {""}:
        return []
    words = {"q": "into a query", "k": "into a key", "v": "into a value, an MLP or the logits"}
    shown = [(letter, text) for letter, text in words.items() if letter in letters or letter == "v"]
    return [_worded([_stroke(2, "plain", DASHES[letter], 34)], 42, text) for letter, text in shown]


def _kinds(choice: Choice) -> list[Entry]:
    ends = {kind(name) for edge in choice.edges for name in (edge.source, edge.node)}
    words = {"head": "attention head", "kv": "key/value head shared by a group of heads", "mlp": "MLP"}
    return [_worded(glyph(what, 15, 0, 30, 15), 38, text) for what, text in words.items() if what in ends]


def _classes(classes: Mapping[str, str]) -> list[Entry]:
    return [
        _worded([Shape(box(0, -7, 26, 14, 7), fill=tint, stroke=ON_TINT, width=0.7)], 34, name)
        for name, tint in classes.items()
    ]


def short(number: float) -> str:
    """Return a number with three digits that count, and no zeros behind them."""
    return f"{number:.3g}".replace("-", "\u2212", 1) if number else "0"
