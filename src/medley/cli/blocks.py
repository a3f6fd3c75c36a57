"""`medley blocks`: the registered parts, or one of them with its fields and ranges."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

from medley.cli.tables import show_table
from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from medley.core.block import Block
    from medley.core.space import Space

_SECTION = re.compile(r"^(Args|Shape|Raises|Returns|Source|>>>).*", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


_EXAMPLES = """\
examples:
  medley blocks
  medley blocks image.conv
  medley blocks ConvBlock
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help='one part: "image.conv" or "ConvBlock"; all, if left out'
    )


def run(args: argparse.Namespace) -> None:
    """Prints all parts, or one.

    Raises:
        ConfigError: no part has that name.
    """
    from medley.core.block import Block
    from medley.core.registry import registered

    known = registered(Block)
    if args.name is None:
        rows = [(name, cls.__name__, _kind(cls), _first_line(cls)) for name, cls in known.items()]
        show_table(f"{len(rows)} parts", ("name", "class", "kind", "what it is"), rows)
    else:
        _show(*_find(args.name, known))


def _find(word: str, known: dict[str, type[Block]]) -> tuple[str, type[Block]]:
    for name, cls in known.items():
        if word.lower() in (name.lower(), cls.__name__.lower()):
            return name, cls
    options = [*known, *(cls.__name__ for cls in known.values())]
    raise ConfigError(f"No part is called {word!r}.{did_you_mean(word, options)}")


def _kind(cls: type[Block]) -> str:
    from medley.core.head import Head
    from medley.core.input import DerivedInput, Input, Preprocessing
    from medley.core.layer import Composite, Fusion, Layer

    kinds = (DerivedInput, Input, Preprocessing, Layer, Fusion, Composite, Head)
    return next((kind.__name__ for kind in kinds if issubclass(cls, kind)), "Block")


def _first_line(cls: type[Block]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _show(name: str, cls: type[Block]) -> None:
    from medley.core.space import space_of

    doc = inspect.getdoc(cls) or ""
    description = _SECTION.split(doc)[0].strip()
    meanings = {word: " ".join(text.split()) for word, text in _ARGUMENT.findall(doc)}
    print(f"{cls.__name__} ({name}), {_kind(cls)}\n\n{description}\n")
    own = [one for one in fields(cls) if one.name != "name"]
    rows = [(one.name, *_range(one, space_of(cls, one.name)), meanings.get(one.name)) for one in own]
    columns = ("field", "searched over, or type", "default", "what it is")
    show_table("fields (a set field is fixed, an unset one is searched)", columns, rows)


def _range(one: Field[Any], space: Space | None) -> tuple[str, str | None]:
    if space is None:
        return str(one.type).removesuffix(" | None"), None if one.default in (None, MISSING) else repr(one.default)
    return _told(space), _word(space.default)


def _told(space: Space) -> str:
    from medley.core.space import Float, Int, OneOf

    match space:
        case OneOf(choices=choices):
            return ", ".join(map(_word, choices))
        case Int(low=low, high=high, step=step, log=log):
            return f"{low} to {high}" + (f", step {step}" if step > 1 else "") + (", logarithmic" if log else "")
        case Float(low=low, high=high, log=log):
            return f"{low:g} to {high:g}" + (", logarithmic" if log else "")
    return repr(space)


def _word(choice: Any) -> str:
    return repr(choice)
