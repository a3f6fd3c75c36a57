"""One call that tries a block, of whatever kind, on all that it promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from medley.core.block import Block, Node
from medley.core.config import from_json, to_json
from medley.core.head import Head
from medley.core.input import DerivedInput, Input, Preprocessing
from medley.core.layer import Composite, Fusion, Layer
from medley.core.probe import probe
from medley.core.registry import lookup, registered
from medley.core.resolve import Suggest, take_default
from medley.core.spec import Spec, vector
from medley.errors import DataError, GraphError, MedleyError
from medley.model.derived import InputRows
from medley.testing.codecs import check_codec
from medley.testing.heads import check_head
from medley.testing.modules import check_fusion, check_layer
from medley.testing.networks import check_network
from medley.testing.samples import SEVERAL, input_rows, labels, readable, single
from medley.testing.suggestions import RandomSuggest, drawn, settled

REFUSALS = (GraphError, DataError)
"""How a block says that something is not for it."""

Rows = Sequence[Any]
Fed = tuple[Input, Rows]


def check_block(
    block: Block | type[Block],
    *,
    specs: Sequence[Sequence[Spec]] | None = None,
    rows: Rows | None = None,
    targets: Rows | None = None,
    seeds: Sequence[int] = (1, 2, 3),
) -> None:
    """Tries a registered block on everything that medley relies on: put it into a test of your own.

    All: the declaration survives JSON, unset and with every field set. Layers, fusions and heads: `out()` tells the
    shape; a batch of one row, rows in another order, and another neighbour change nothing; weights in a file give the
    same numbers; every parameter gets a finite gradient. Fusions: what is absent weighs nothing, whatever stands
    there. Heads: what is unobserved gives no loss and no gradient, labels are decoded to what was encoded, the prior
    is the best constant. Inputs and preprocessings: rows that are None are absent, the state survives a file. These
    and composites are tried in whole networks, which are saved and loaded. Each with default values and drawn ones.

    Args:
        block: a class that needs no arguments, or a declaration.
        specs: what a layer, fusion or head is joined to, in place of medley's own samples.
        rows: what an input or preprocessing encodes, what a derived input makes its rows of, or what a composite is
            fed: a list of rows, some of them None.
        targets: labels of a head: a list, none of them None.
        seeds: one draw of open fields for each.

    Raises:
        AssertionError: a promise is broken; says which.

    >>> from medley import Flatten
    >>> check_block(Flatten)
    """
    one = block() if isinstance(block, type) else block
    _check_declaration(one)
    match one:
        case Layer():
            _try(one, _layer, readable(one) if specs is None else specs, seeds)
        case Fusion():
            _try(one, _fusion, [pair for pair in SEVERAL if pair[0].is_vector] if specs is None else specs, seeds)
        case Head():
            check = _head(single(one) if specs is None else [given[0] for given in specs])
            _try(one, check, labels() if targets is None else [targets], seeds)
        case DerivedInput():
            _try(one, _derived, _fed(rows), seeds)
        case Input():
            _try(one, _input, input_rows(one) if rows is None else [rows], seeds)
        case Preprocessing():
            _try(one, _preprocessing, _fed(rows), seeds)
        case Composite():
            _try(one, _composite, _feasts(_fed(rows)), seeds)


def _try(block: Any, check: Callable[..., None], samples: Sequence[Any], seeds: Sequence[int]) -> None:
    refusals = []
    for sample in samples:
        try:
            check(block, sample, seeds)
        except REFUSALS as refusal:
            refusals.append(str(refusal))
    told = "\n".join(refusals)
    assert len(refusals) < len(samples), f"{block!r} accepts none of the samples; give your own. It said:\n{told}"


def _check_declaration(block: Block) -> None:
    told = json.loads(json.dumps(to_json(block)))
    again = from_json(told)
    assert type(again) is type(block), f"{block!r}: JSON brings back a {type(again).__name__}."
    assert to_json(again) == to_json(block), f"{block!r}: JSON and back gives {again!r}."


def _settings(block: Any, specs: Sequence[Spec], seeds: Sequence[int], build: Callable[[Any], Any]) -> list[Any]:
    found = {}
    for one in (settled(block, specs), *(drawn(block, specs, seed, build) for seed in seeds)):
        if one is not None:
            found[repr(one)] = one
    for one in found.values():
        _check_declaration(one)
    return list(found.values())


def _layer(block: Layer, specs: Sequence[Spec], seeds: Sequence[int]) -> None:
    default = settled(block, specs)
    if len(specs) > 1:
        probe(lambda: default.build(*specs), specs, type(block).__name__)
    default.out(*specs)
    for one in _settings(block, specs, seeds, lambda settled: settled.build(*specs)):
        check_layer(one, specs)


def _fusion(block: Fusion, specs: Sequence[Spec], seeds: Sequence[int]) -> None:
    for one in _settings(block, specs, seeds, lambda settled: settled.build(*specs)):
        check_fusion(one, specs)


def _head(specs: Sequence[Spec]) -> Callable[..., None]:
    def check(block: Head, targets: Rows, seeds: Sequence[int]) -> None:
        target = block.codec().fit(targets)
        for one in _settings(block, specs[:1], seeds, lambda settled: settled.build(specs[0], target)):
            check_head(one, specs, targets)

    return check


def _input(block: Input, rows: Rows, seeds: Sequence[int]) -> None:
    check_codec(block.codec, rows)
    given = _named(block, 0)
    _check_networks([(given, rows)], given.default_block()(given), seeds)


def _derived(block: DerivedInput, fed: Fed, seeds: Sequence[int]) -> None:
    node = block(fed[0])
    assert isinstance(node.block, DerivedInput)
    check_codec(node.block.codec, InputRows({str(fed[0].name): fed[1]}, [_named_node(node)])["derived"])
    _check_networks([fed], node.block.default_block()(node), seeds)


def _named_node(node: Node) -> Node:
    return Node(replace(node.block, name="derived"), node.inputs)


def _preprocessing(block: Preprocessing, fed: Fed, seeds: Sequence[int]) -> None:
    check_codec(settled(block, [vector(1)]).codec, fed[1])
    _check_networks([fed], lookup("core.flatten")()(block(fed[0])), seeds)


def _composite(block: Composite, feast: Sequence[Fed], seeds: Sequence[int]) -> None:
    _check_networks(feast, block([one for one, _ in feast]), seeds)


def _check_networks(feast: Sequence[Fed], node: Node, seeds: Sequence[int]) -> None:
    suggestions: list[Suggest] = [take_default, *map(RandomSuggest, seeds)]
    x = {str(one.name): rows for one, rows in feast}
    for suggest in suggestions:
        check_network([one for one, _ in feast], node, x, suggest)


def _fed(rows: Rows | None) -> list[Fed]:
    """Every registered input with the first rows that it accepts."""
    found: list[Fed] = []
    for make in (one for one in registered(Input).values() if not issubclass(one, DerivedInput)):
        block = _named(cast("Any", make)(), len(found))
        for one in input_rows(block) if rows is None else [rows]:
            try:
                block.codec().fit(one)
            except MedleyError:
                continue
            found.append((block, one))
            break
    return found


def _feasts(fed: Sequence[Fed]) -> list[list[Fed]]:
    """Each alone, and all at once, each with other rows missing."""
    together: list[Fed] = [(block, [*rows[place:], *rows[:place]]) for place, (block, rows) in enumerate(fed)]
    return [*([one] for one in fed), *([together] if len(fed) > 1 else [])]


def _named(block: Any, place: int) -> Any:
    return replace(block, name=f"input_{place}")
