"""Conformance test of blocks of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from medley.core.block import Block, Node
from medley.core.config import from_json, to_json
from medley.core.head import Head
from medley.core.input import DerivedInput, InputBlock, Preprocessing
from medley.core.layer import Composite, Fusion, Layer
from medley.core.linear import SupervisedCodec
from medley.core.probe import probe
from medley.core.registry import lookup, registered
from medley.core.resolve import Suggest, take_default
from medley.core.spec import Spec, vector
from medley.errors import DataError, GraphError, MedleyError
from medley.model.derived import InputRows
from medley.testing.codecs import check_codec, check_supervised_codec
from medley.testing.heads import check_head
from medley.testing.modules import check_fusion, check_layer
from medley.testing.networks import check_network
from medley.testing.samples import SPEC_GROUPS, input_rows, labels, readable_groups, readable_specs
from medley.testing.suggestions import RandomSuggest, with_random_values, with_values

REJECTIONS = (GraphError, DataError)
"""Errors by which a block rejects an input."""

Rows = Sequence[Any]
InputWithRows = tuple[InputBlock, Rows]


def check_block(
    block: Block | type[Block],
    *,
    specs: Sequence[Sequence[Spec]] | None = None,
    rows: Rows | None = None,
    targets: Rows | None = None,
    seeds: Sequence[int] = (1, 2, 3),
) -> None:
    """Tests a registered block on everything that medley requires; call it in a test of your own.

    All blocks: JSON restores the declaration, with unset and with set fields. Layers, fusions and heads: `out()` is the
    shape of the output; a row's result does not depend on the size and order of the batch or on other rows; saved
    weights give the same results; every parameter has a finite gradient. Fusions: absent vectors have no effect,
    whatever their content. Heads: unobserved labels have no loss and no gradient, encoded labels are decoded to
    themselves, the prior is the best constant prediction. Inputs and preprocessings: rows that are None are absent, a
    saved state restores the codec. These and composites are tested in networks, which are saved and loaded. All are
    tested with default and random values of their open fields.

    Args:
        block: a class that needs no arguments, or a block.
        specs: the specs that a layer, fusion or head is called on, instead of medley's samples.
        rows: the values of an input or preprocessing, or of the inputs of a derived input or composite: a list of
            rows, some of them None.
        targets: labels of a head: a list without None.
        seeds: for the random values of open fields.

    Raises:
        AssertionError: the block violates a requirement, which the message names.

    >>> from medley import Flatten
    >>> check_block(Flatten)
    """
    instance = block() if isinstance(block, type) else block
    _check_declaration(instance)
    match instance:
        case Layer():
            _check_samples(instance, _layer, readable_groups(instance) if specs is None else specs, seeds)
        case Fusion():
            _check_samples(
                instance,
                _fusion,
                [group for group in SPEC_GROUPS if group[0].is_vector] if specs is None else specs,
                seeds,
            )
        case Head():
            check = _head(readable_specs(instance) if specs is None else [group[0] for group in specs])
            _check_samples(instance, check, labels() if targets is None else [targets], seeds)
        case DerivedInput():
            _check_samples(instance, _derived, _inputs_with_rows(rows), seeds)
        case InputBlock():
            _check_samples(instance, _input, input_rows(instance) if rows is None else [rows], seeds)
        case Preprocessing():
            _check_samples(instance, _preprocessing, _inputs_with_rows(rows), seeds)
        case Composite():
            _check_samples(instance, _composite, _input_groups(_inputs_with_rows(rows)), seeds)


def _check_samples(block: Any, check: Callable[..., None], samples: Sequence[Any], seeds: Sequence[int]) -> None:
    rejections = []
    for sample in samples:
        try:
            check(block, sample, seeds)
        except REJECTIONS as rejection:
            rejections.append(str(rejection))
    errors = "\n".join(rejections)
    assert len(rejections) < len(samples), (
        f"{block!r} accepts none of the samples; pass your own. Its errors:\n{errors}"
    )


def _check_declaration(block: Block) -> None:
    content = json.loads(json.dumps(to_json(block)))
    restored = from_json(content)
    assert type(restored) is type(block), f"{block!r}: JSON restores a {type(restored).__name__}."
    assert to_json(restored) == to_json(block), f"{block!r}: JSON restores {restored!r}."


def _variants(block: Any, specs: Sequence[Spec], seeds: Sequence[int], build: Callable[[Any], Any]) -> list[Any]:
    variants = {}
    random = (with_random_values(block, specs, seed, build) for seed in seeds)
    for variant in (with_values(block, specs), *random):
        if variant is not None:
            variants[repr(variant)] = variant
    for variant in variants.values():
        _check_declaration(variant)
    return list(variants.values())


def _layer(block: Layer, specs: Sequence[Spec], seeds: Sequence[int]) -> None:
    default = with_values(block, specs)
    if len(specs) > 1:
        probe(lambda: default.build(*specs), specs, type(block).__name__)
    default.out(*specs)
    for variant in _variants(block, specs, seeds, lambda variant: variant.build(*specs)):
        check_layer(variant, specs)


def _fusion(block: Fusion, specs: Sequence[Spec], seeds: Sequence[int]) -> None:
    for variant in _variants(block, specs, seeds, lambda variant: variant.build(*specs)):
        check_fusion(variant, specs)


def _head(specs: Sequence[Spec]) -> Callable[..., None]:
    def check(block: Head, targets: Rows, seeds: Sequence[int]) -> None:
        target = block.codec().fit(targets)
        for variant in _variants(block, specs[:1], seeds, lambda variant: variant.build(specs[0], target)):
            check_head(variant, specs, targets)

    return check


def _input(block: InputBlock, rows: Rows, seeds: Sequence[int]) -> None:
    check_codec(block.codec, rows)
    source = _named(block, 0)
    _check_networks([(source, rows)], source.default_block()(source), seeds)


def _derived(block: DerivedInput, pair: InputWithRows, seeds: Sequence[int]) -> None:
    node = block(pair[0])
    assert isinstance(node.block, DerivedInput)
    values = InputRows({str(pair[0].name): pair[1]}, [_named_node(node)])["derived"]
    if isinstance(node.block.codec(), SupervisedCodec):
        check_supervised_codec(cast("Callable[[], SupervisedCodec]", node.block.codec), values, len(pair[1]))
    else:
        check_codec(node.block.codec, values)
    _check_networks([pair], node.block.default_block()(node), seeds)


def _named_node(node: Node) -> Node:
    return Node(replace(node.block, name="derived"), node.inputs)


def _preprocessing(block: Preprocessing, pair: InputWithRows, seeds: Sequence[int]) -> None:
    check_codec(with_values(block, [vector(1)]).codec, pair[1])
    _check_networks([pair], lookup("core.flatten")()(block(pair[0])), seeds)


def _composite(block: Composite, pairs: Sequence[InputWithRows], seeds: Sequence[int]) -> None:
    _check_networks(pairs, block([source for source, _ in pairs]), seeds)


def _check_networks(pairs: Sequence[InputWithRows], node: Node, seeds: Sequence[int]) -> None:
    suggestions: list[Suggest] = [take_default, *map(RandomSuggest, seeds)]
    x = {str(source.name): rows for source, rows in pairs}
    for suggest in suggestions:
        check_network([source for source, _ in pairs], node, x, suggest)


def _inputs_with_rows(rows: Rows | None) -> list[InputWithRows]:
    """Every registered input with the first sample of rows that it accepts."""
    accepted: list[InputWithRows] = []
    for input_type in registered(InputBlock).values():
        if issubclass(input_type, DerivedInput):
            continue
        block = _named(cast("Any", input_type)(), len(accepted))
        for sample in input_rows(block) if rows is None else [rows]:
            try:
                block.codec().fit(sample)
            except MedleyError:
                continue
            accepted.append((block, sample))
            break
    return accepted


def _input_groups(pairs: Sequence[InputWithRows]) -> list[list[InputWithRows]]:
    """Each input alone, and all of them together, each with different rows missing."""
    shifted: list[InputWithRows] = [
        (block, [*rows[shift:], *rows[:shift]]) for shift, (block, rows) in enumerate(pairs)
    ]
    return [*([pair] for pair in pairs), *([shifted] if len(pairs) > 1 else [])]


def _named(block: Any, index: int) -> Any:
    return replace(block, name=f"input_{index}")
