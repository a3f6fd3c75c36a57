"""`medley blocks`: list the registered blocks, or show one with its fields and search ranges."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
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
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help='a block, such as "image.conv" or "ConvBlock" (default: all)'
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print all blocks, or one.

    Raises:
        ConfigError: no block has that name.
    """
    from medley.core.block import Block
    from medley.core.registry import registered

    blocks = registered(Block)
    shown = blocks if args.name is None else dict([_find(args.name, blocks)])
    if args.json:
        print_json([_document(name, cls) for name, cls in shown.items()])
    elif args.name is None:
        rows = [(name, cls.__name__, _kind(cls), _first_line(cls)) for name, cls in blocks.items()]
        show_table(f"{len(rows)} blocks", ("name", "class", "kind", "description"), rows)
    else:
        _show_block(*shown.popitem())


def _find(query: str, blocks: dict[str, type[Block]]) -> tuple[str, type[Block]]:
    for name, cls in blocks.items():
        if query.lower() in (name.lower(), cls.__name__.lower()):
            return name, cls
    options = [*blocks, *(cls.__name__ for cls in blocks.values())]
    raise ConfigError(f"There is no block {query!r}.{did_you_mean(query, options)}")


def _kind(cls: type[Block]) -> str:
    from medley.core.head import Head
    from medley.core.input import DerivedInput, InputBlock, Preprocessing
    from medley.core.layer import Composite, Fusion, Layer

    kinds = (DerivedInput, InputBlock, Preprocessing, Layer, Fusion, Composite, Head)
    kind = next((kind for kind in kinds if issubclass(cls, kind)), None)
    return "Block" if kind is None else kind.__name__.removesuffix("Block")


def _first_line(cls: type[Block]) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _document(name: str, cls: type[Block]) -> dict[str, Any]:
    columns = ("field", "range", "default", "description")
    block_fields = [dict(zip(columns, row, strict=True)) for row in _rows(cls)]
    head = {"name": name, "class": cls.__name__, "kind": _kind(cls), "description": _first_line(cls)}
    return {**head, "fields": block_fields}


def _show_block(name: str, cls: type[Block]) -> None:
    description = _SECTION.split(inspect.getdoc(cls) or "")[0].strip()
    print(f"{cls.__name__} ({name}), {_kind(cls)}\n\n{description}\n")
    columns = ("field", "search range or type", "default", "description")
    show_table("fields (a set field is fixed, an unset one is searched)", columns, _rows(cls))


def _rows(cls: type[Block]) -> list[tuple[str, str, str | None, str | None]]:
    """Name, range, default and description of each field of a block."""
    from medley.core.space import space_of

    meanings = {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(inspect.getdoc(cls) or "")}
    block_fields = [field for field in fields(cls) if field.name != "name"]
    return [
        (field.name, *_range_and_default(field, space_of(cls, field.name)), meanings.get(field.name))
        for field in block_fields
    ]


def _range_and_default(field: Field[Any], space: Space | None) -> tuple[str, str | None]:
    if space is None:
        return str(field.type).removesuffix(" | None"), None if field.default in (None, MISSING) else repr(
            field.default
        )
    return _describe_space(space), _describe_choice(space.default)


def _describe_space(space: Space) -> str:
    from medley.core.space import Float, Int, OneOf

    match space:
        case OneOf(choices=choices):
            return ", ".join(map(_describe_choice, choices))
        case Int(low=low, high=high, step=step, log=log):
            return f"{low} to {high}" + (f", step {step}" if step > 1 else "") + (", logarithmic" if log else "")
        case Float(low=low, high=high, log=log):
            return f"{low:g} to {high:g}" + (", logarithmic" if log else "")
    return repr(space)


def _describe_choice(choice: Any) -> str:
    return repr(choice)
