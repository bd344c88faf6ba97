"""What the code of a class reads from its config, found in its source.

From the class on, every class and function that its source names is searched in turn, as far as they compute: those of
the modelling file, of the positions, masks, caches and attentions that it shares with others, and of the config's own
properties. What counts as read errs on the safe side: an attribute of anything called a config, and any word that
stands there as a string, since attributes may be asked for by name.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from transformers import PretrainedConfig

# Where transformers computes. Its quantisers, trainers and generators read configs too, and of other things.
COMPUTING = (
    "transformers.models.",
    "transformers.modeling_",
    "transformers.masking_utils",
    "transformers.cache_utils",
    "transformers.activations",
    "transformers.pytorch_utils",
    "transformers.utils.generic",
    "transformers.utils.output_capturing",
    "transformers.integrations.moe",
    "transformers.integrations.sdpa_attention",
    "transformers.integrations.flex_attention",
    "transformers.integrations.flash_attention",
    "transformers.integrations.eager_paged",
)
NOT_COMPUTING = ("transformers.models.auto.", "transformers.modeling_gguf_pytorch_utils")
# Loads and saves: its words are names of files, options and devices.
LOADING = "transformers.modeling_utils"
# What a config does for its file.
FILING = frozenset({"to_dict", "to_diff_dict", "to_json_string", "to_json_file", "save_pretrained"})
LIBRARIES = frozenset({"transformers", "torch", "builtins", "typing", "abc"})

# Where the code of a method lies that `dataclasses` made, which assigns and compares fields and computes nothing.
_GENERATED = "<string>"
_NO_DEFAULT = object()  # ``config.name``: reached where the attribute is there, or known to be
_ASKED = object()  # ``hasattr``, or a word somewhere: whether it is there may matter


@dataclass
class Reads:
    """The names that code reads from a config.

    Args:
        defaults: of each name, what stands for it where the config lacks it, one a place that reads it.
        prefixes: how names begin that are put together as the code runs, and what stands for them.
        words: what may follow a prefix.
        unseen: there is code whose source cannot be had.
    """

    defaults: dict[str, list[Any]] = field(default_factory=dict)
    prefixes: dict[str, Any] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    unseen: bool = False

    def add(self, other: Reads) -> None:
        """Read what another reads too."""
        for name, defaults in other.defaults.items():
            self.defaults.setdefault(name, []).extend(defaults)
        self.prefixes.update(other.prefixes)
        self.words |= other.words
        self.unseen |= other.unseen

    def changes_nothing(self, name: str, value: Any) -> bool:
        """Whether the code computes the same with an attribute of this value as without the attribute."""
        defaults = list(self.defaults.get(name, ()))
        defaults += [x for begin, x in self.prefixes.items() if name.removeprefix(begin) in self.words - {name}]
        # A plain read of what may be missing stands behind one that says what is then in its place.
        told = [default for default in defaults if default is not _NO_DEFAULT]
        same = all(type(default) is type(value) and default == value for default in told)
        return not self.unseen and same and (bool(told) or not defaults)


@cache
def reads_of(kind: type) -> Reads:
    """What a class of ``transformers``, or of code that a checkpoint carries, reads from its config."""
    found = Reads()
    carried = frozenset(base.__module__.partition(".")[0] for base in kind.__mro__) - LIBRARIES
    waiting: list[Any] = list(kind.__mro__)
    seen: set[tuple[str, str]] = set()
    while waiting:
        place = _place(waiting.pop(), carried)
        if place is not None and place not in seen:
            seen.add(place)
            reads, named = _searched(*place, all_attributes=place[0].partition(".")[0] in carried)
            found.add(reads)
            waiting += named
    _add_own(found, getattr(kind, "config_class", None))
    return found


def _add_own(found: Reads, config_class: type | None) -> None:
    """Add what the config itself reads in properties and methods that are read, and the names behind other names."""
    waiting, seen = set(found.defaults) - FILING, FILING | found.defaults.keys()
    while waiting:
        own = inspect.getattr_static(config_class, waiting.pop(), None)
        own = inspect.unwrap(own.fget) if isinstance(own, property) and own.fget else own
        if inspect.isfunction(own) and inspect.unwrap(own).__code__.co_filename != _GENERATED:
            search = _Search({}, configs=("self",))
            search.visit(ast.parse(textwrap.dedent(inspect.getsource(own))))
            found.add(search.found)
            waiting |= search.found.defaults.keys() - seen
            seen |= search.found.defaults.keys()
    for alias, name in getattr(config_class, "attribute_map", {}).items():
        found.add(Reads({name: found.defaults[alias]} if alias in found.defaults else {}))
    # What the class declares is never missing: no value stands for it.
    found.add(Reads({name: [_ASKED] for name in found.defaults if hasattr(config_class, name)}))


def _place(thing: Any, carried: Collection[str]) -> tuple[str, str] | None:
    """Module and top-level name of a class or function that computes, or None."""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return None
    if inspect.isclass(thing) and issubclass(thing, PretrainedConfig):
        return None  # what of it is used stands in the code that uses it
    thing = inspect.unwrap(thing)
    module = thing.__module__
    computing = module.startswith(COMPUTING) and not module.startswith(NOT_COMPUTING)
    return (module, thing.__qualname__.partition(".")[0]) if computing or module.partition(".")[0] in carried else None


@cache
def _searched(module: str, name: str, all_attributes: bool) -> tuple[Reads, list[Any]]:
    """What one definition reads, and the values of the names in it."""
    search = _Search(vars(sys.modules[module]), module != LOADING, all_attributes)
    try:
        search.visit(_definitions(module)[name])
    except (OSError, KeyError, TypeError):
        search.found.unseen = True
    return search.found, search.named


@cache
def _definitions(module: str) -> Mapping[str, ast.AST]:
    """The classes and functions of a module, those that stand within an ``if`` or ``try`` too."""
    found: dict[str, ast.AST] = {}
    waiting: list[Any] = list(ast.parse(inspect.getsource(sys.modules[module])).body)
    for node in waiting:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        else:
            waiting += [*getattr(node, "body", ()), *getattr(node, "orelse", ()), *getattr(node, "handlers", ())]
    return found


class _Search(ast.NodeVisitor):
    """Goes through one definition.

    Args:
        names: what names stand for where it is.
        words: whether words that stand there as strings count as read.
        all_attributes: whether attributes of anything do, of a config or not.
        configs: names that stand for a config, beside those that say so.
    """

    def __init__(
        self,
        names: Mapping[str, Any],
        words: bool = True,
        all_attributes: bool = False,
        configs: Collection[str] = (),
    ) -> None:
        self.found = Reads()
        self.named: list[Any] = []
        self.names = names
        self.words = words
        self.all_attributes = all_attributes
        self.configs = configs

    def _read(self, name: str, default: Any = _ASKED) -> None:
        self.found.defaults.setdefault(name, []).append(default)

    def visit_Name(self, node: ast.Name) -> None:
        """What a name stands for, and of a table what is in it."""
        value = self.names.get(node.id)
        self.named += value.values() if isinstance(value, Mapping) else [value]

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``config.name``."""
        if self.all_attributes or self._is_config(node.value):
            self._read(node.attr, _NO_DEFAULT)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A word as a string."""
        if self.words and isinstance(node.value, str) and node.value.isidentifier():
            self._read(node.value)
            self.found.words.add(node.value)

    def visit_keyword(self, node: ast.keyword) -> None:
        """``name=...``."""
        self.found.words.add(node.arg or "")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """``getattr(config, "name", default)``, and names that are put together."""
        match node:
            case ast.Call(ast.Name("getattr"), [of, ast.Constant(str(name)), ast.Constant(default)]):
                self._read(name, default)
                self.visit(of)
            case ast.Call(ast.Name("getattr" | "hasattr"), [of, ast.Constant(str(name)), *_]):
                self._read(name)
                self.generic_visit(node)
            case ast.Call(ast.Name("getattr" | "hasattr"), [of, ast.JoinedStr([ast.Constant(str(begin)), *_]), *more]):
                if self._is_config(of):
                    self.found.prefixes[begin] = more[0].value if more and isinstance(more[0], ast.Constant) else _ASKED
                self.generic_visit(node)
            case _:
                self.generic_visit(node)

    def _is_config(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                return name in self.configs or "config" in name.lower()
            case ast.Call(func=inner) | ast.Subscript(value=inner):
                return self._is_config(inner)
            case _:
                return False
