"""From a drawn graph to a resolved one: fields get values, composites become parts, encodings get adapters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from medley.core.block import Block, DataSummary, Node, snake
from medley.core.head import Head
from medley.core.input import DerivedInput, Input, Preprocessing
from medley.core.layer import Composite, Fusion, Layer, Wrapper
from medley.core.probe import probe
from medley.core.space import Space, space_of
from medley.core.spec import Spec
from medley.errors import GraphError, MedleyError

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyBlock = TypeVar("AnyBlock")


class Suggest(Protocol):
    """Chooses a value: a search asks its sampler, a test takes the default."""

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns a member of `space` for the parameter `name` ("conv_block_1.kernel_size")."""
        ...


def take_default(name: str, space: Space, default: Any, /) -> Any:
    """The suggestion of trial 0: what is sensible for this data."""
    return default


@dataclass(frozen=True)
class _Value:
    node: Node
    spec: Spec
    adapter: Block | None = None


def settle(block: AnyBlock, path: str, suggest: Suggest, suggest_defaults: Mapping[str, Any] | None = None) -> AnyBlock:
    """Gives every unset or open field of a frozen declaration a value.

    Args:
        block: any dataclass whose fields carry ranges (`searched`).
        path: the prefix of the parameters' names.
        suggest: chooses.
        suggest_defaults: defaults, or whole ranges, that replace the fields' own.

    Returns:
        A copy in which no searched field is unset.
    """
    values = {}
    for one in fields(block):  # type: ignore[arg-type]
        given = getattr(block, one.name)
        own = given if isinstance(given, Space) else None
        space = own or (space_of(block, one.name) if given is None else None)
        if space is not None:
            default = (suggest_defaults or {}).get(one.name, space.default)
            if isinstance(default, Space):  # a range cut to this data; a caller's own range stays as it is
                space, default = own or default, default.default
            values[one.name] = suggest(f"{path}.{one.name}", space, space.nearest(default))
    return replace(block, **values)  # type: ignore[type-var]


def resolve(
    outputs: Sequence[Node],
    names: Mapping[int, str],
    source: Callable[[Node], Spec],
    suggest: Suggest,
    summary: DataSummary,
) -> list[Node]:
    """Resolves the graph that ends in `outputs`.

    Args:
        outputs: the heads' nodes.
        names: `id(block)` -> name of every drawn block.
        source: the spec of an encoded input, given its resolved node (an Input, or a Preprocessing on one); the
            node of a DerivedInput holds those of the inputs that it is made of.
        suggest: chooses values.
        summary: what suitable defaults depend on.

    Returns:
        The heads' nodes over resolved blocks, each with its name set; blocks that were called twice stay shared.

    Raises:
        GraphError: a part cannot read what it is joined to; the message names the part.
    """
    resolver = _Resolver(names, source, suggest, summary)
    return [resolver.visit(node).node for node in outputs]


class _Resolver:
    def __init__(
        self, names: Mapping[int, str], source: Callable[[Node], Spec], suggest: Suggest, summary: DataSummary
    ) -> None:
        self.names = names
        self.source = source
        self.suggest = suggest
        self.summary = summary
        self.known: dict[int, _Value] = {}
        self.located: MedleyError | None = None
        self.alive: list[Node] = []  # ids are keys above, so nothing visited may be collected
        self.settled: dict[str, Block] = {}
        self.built: dict[str, list[Spec]] = {}
        self.adapted: dict[int, _Value] = {}
        self.scope = ""
        self.counts: Counter[str] = Counter()
        self.paths: dict[int, str] = {}
        self.encodes: dict[str, str] = {}

    def visit(self, node: Node) -> _Value:
        value = self.known.get(id(node))
        if value is None:
            # What an input's rows are made of is rows as well: nobody need encode them.
            derived = isinstance(node.block, DerivedInput)
            inputs = [] if derived else [self.visit(one) for one in node.inputs]
            value = self.step(node, inputs)
            self.keep(node, value)
            self.keep(value.node, value)
        return value

    def keep(self, node: Node, value: _Value) -> None:
        self.alive.append(node)
        self.known[id(node)] = value

    def step(self, node: Node, inputs: list[_Value]) -> _Value:
        path = self.path(node.block)
        try:
            block = self.settle(node.block, path, [value.spec for value in inputs])
            if isinstance(block, DerivedInput):
                return self.encoded(block, Node(block, tuple(map(self.declared, node.inputs))))
            return self.place(block, path, inputs)
        except MedleyError as error:
            if error is not self.located:  # the innermost part names itself, those around it add nothing
                self.located = error.within(path)
            raise

    def path(self, block: Block) -> str:
        if id(block) in self.names:
            return self.names[id(block)]
        if id(block) not in self.paths:
            word = block.name or snake(type(block))
            self.counts[word] += 1
            number = self.counts[word]
            self.paths[id(block)] = f"{self.scope}{word}" + (f"_{number}" if number > 1 else "")
            self.alive.append(Node(block))
        return self.paths[id(block)]

    def settle(self, block: Block, path: str, specs: list[Spec]) -> Block:
        if path not in self.settled:
            done = settle(block, path, self.suggest, block.suggest_defaults(specs, self.summary))
            done = done.resolved() if isinstance(done, Layer) else done
            self.settled[path] = replace(done, name=path)
        return self.settled[path]

    def place(self, block: Block, path: str, inputs: list[_Value]) -> _Value:
        match block:
            case Input():
                return self.encoded(block, block.node)
            case Preprocessing():
                return self.preprocessed(block, inputs)
            case Composite():
                return self.expanded(block, path, inputs)
            case Layer():
                values = [self.plain(value, block.reads) for value in inputs]
                if isinstance(block, Wrapper):
                    block = self.filled(block, path, _specs(values))
                return _Value(Node(block, _nodes(values)), self.out(block, path, _specs(values)), block.adapter())
            case Fusion():
                return self.fused(block, inputs)
            case Head():
                values = [self.plain(value, block.reads) for value in inputs]
                if len(values) != 1 and not (len(values) == 2 and values[1].spec.answers):
                    raise GraphError(
                        f"a head reads one node, and a linear path beside it; got {len(values)}. "
                        "Join nodes with Merge() first."
                    )
                return _Value(Node(block, _nodes(values)), values[0].spec)
        raise GraphError(f"{type(block).__name__} is no Input, Preprocessing, Layer, Fusion, Composite or Head.")

    def out(self, block: Layer, path: str, specs: list[Spec]) -> Spec:
        first = self.built.setdefault(path, specs)
        # What does not fit is found out here, not in the middle of a training: modules that read one tensor called
        # on several, and modules shared by inputs of different sizes.
        if len(specs) > 1 or specs != first:
            probe(lambda: block.build(*first), specs, type(block).__name__)
        return block.out(*specs)

    def declared(self, node: Node) -> Node:
        """An input's resolved node, whether or not anything reads its encoding."""
        if id(node) in self.known:
            return self.known[id(node)].node
        if isinstance(node.block, DerivedInput):
            return self.visit(node).node
        block = self.settle(node.block, self.path(node.block), [])
        assert isinstance(block, Input)
        return block.node

    def encoded(self, block: Input | Preprocessing, node: Node) -> _Value:
        spec = self.source(node)
        if spec.dtype == "uint8":  # compact pixels become numbers in 0..1 as they enter the network
            spec = replace(spec, dtype="float32")
        return _Value(node, spec, block.adapter())

    def preprocessed(self, block: Preprocessing, inputs: list[_Value]) -> _Value:
        if len(inputs) != 1 or not isinstance(inputs[0].node.block, Input):
            raise GraphError("it encodes the rows of an input, so it is called on one input and nothing else.")
        under = str(inputs[0].node.block.name)
        if self.encodes.setdefault(str(block.name), under) != under:  # one block on several inputs: an encoding of each
            block = replace(block, name=f"{block.name}_{under}")
        return self.encoded(block, Node(block, (inputs[0].node,)))

    def fused(self, block: Fusion, inputs: list[_Value]) -> _Value:
        values = [self.plain(value, "plain") for value in inputs]
        for value in values:
            if not value.spec.is_vector:
                raise GraphError(f"it joins vectors, got {value.spec} from {value.node.block.name}; use Merge().")
        return _Value(Node(block, _nodes(values)), block.out(*_specs(values)))

    def expanded(self, block: Composite, path: str, inputs: list[_Value]) -> _Value:
        for value in inputs:
            self.keep(value.node, value)
        with self.inside(path):
            last = block.expand(_nodes(inputs), _specs(inputs), self.summary)
            return self.visit(last)

    def filled(self, block: Wrapper, path: str, specs: list[Spec]) -> Wrapper:
        if isinstance(block.encoder, Block):
            start = Node(block)
            self.keep(start, _Value(start, block.inner(*specs)))
            with self.inside(path):
                end = self.plain(self.visit(block.encoder(start)), "plain").node
            block = replace(block, encoder=_chain(start, end))
            self.settled[path] = block  # called again, it is the same block with the same weights
        return block

    @contextmanager
    def inside(self, path: str) -> Iterator[None]:
        # Counts start anew inside each expansion, so that a composite called twice names (and shares) its parts alike.
        outer = self.scope, self.counts
        self.scope, self.counts = f"{path}.", Counter()
        yield
        self.scope, self.counts = outer

    def plain(self, value: _Value, reads: str) -> _Value:
        if value.adapter is None or reads == "any" or reading(value.spec) in ("plain", reads):
            return value
        if id(value.node) not in self.adapted:
            with self.inside(str(value.node.block.name)):
                self.adapted[id(value.node)] = self.visit(Node(value.adapter, (value.node,)))
        return self.adapted[id(value.node)]


def _chain(start: Node, end: Node) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    while end is not start:
        if not isinstance(end.block, Layer) or len(end.inputs) != 1:
            raise GraphError(
                f"what it wraps must become a chain of layers; {end.block.name} reads several, or is none."
            )
        layers.append(end.block)
        end = end.inputs[0]
    return tuple(reversed(layers))


def reading(spec: Spec) -> str:
    """What a block must read to be joined to this without an adapter: `"plain"`, or a word of `Layer.reads`."""
    kinds = {"table": spec.is_table, "tokens": spec.is_tokens, "members": spec.is_ensemble}
    return next((kind for kind, told in kinds.items() if told), "plain")


def _nodes(values: Sequence[_Value]) -> tuple[Node, ...]:
    return tuple(value.node for value in values)


def _specs(values: Sequence[_Value]) -> list[Spec]:
    return [value.spec for value in values]
