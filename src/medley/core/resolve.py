"""Resolution of graphs: sets all fields, replaces composites by their parts, and inserts adapters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from medley.core.block import Block, DataSummary, Node, to_snake_case
from medley.core.head import Head
from medley.core.input import DerivedInput, InputBlock, Preprocessing
from medley.core.layer import Composite, Fusion, Layer, Wrapper
from medley.core.probe import probe
from medley.core.space import Space, space_of
from medley.core.spec import Spec
from medley.errors import GraphError, MedleyError

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyBlock = TypeVar("AnyBlock")


class Suggest(Protocol):
    """Chooses the values of fields, for example by a sampler."""

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns a member of `space` for the parameter `name` ("conv_block_1.kernel_size")."""
        ...


def take_default(name: str, space: Space, default: Any, /) -> Any:
    """Returns the default, as trial 0 does."""
    return default


@dataclass(frozen=True)
class _Value:
    node: Node
    spec: Spec
    adapter: Block | None = None


def settle(block: AnyBlock, path: str, suggest: Suggest, suggest_defaults: Mapping[str, Any] | None = None) -> AnyBlock:
    """Sets every field of a declaration that is unset or a search space.

    Args:
        block: any dataclass whose fields have ranges (`searched`).
        path: prefix of the names of parameters.
        suggest: chooses values.
        suggest_defaults: field name -> default, or range, that replaces that of the field.

    Returns:
        A copy in which no searched field is unset.
    """
    values = {}
    for declared in fields(block):  # type: ignore[arg-type]
        value = getattr(block, declared.name)
        restricted = value if isinstance(value, Space) else None
        space = restricted or (space_of(block, declared.name) if value is None else None)
        if space is not None:
            default = (suggest_defaults or {}).get(declared.name, space.default)
            if isinstance(default, Space):  # a suggested range; a range set by the caller is not replaced
                space, default = restricted or default, default.default
            values[declared.name] = suggest(f"{path}.{declared.name}", space, space.nearest(default))
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
        outputs: nodes of heads.
        names: `id(block)` -> name of every block of the graph.
        source: resolved node of an input or preprocessing -> spec of its encoding. The node of a `DerivedInput` has
            the nodes of the inputs that it is derived from.
        suggest: chooses values.
        summary: the data summary, on which defaults depend.

    Returns:
        The nodes of heads over resolved blocks, each with its name set; blocks that were called twice are shared.

    Raises:
        GraphError: a part cannot read the nodes that it is called on; the message names the part.
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
        self.resolved: dict[int, _Value] = {}
        self.named_error: MedleyError | None = None
        self.visited: list[Node] = []  # keeps nodes alive, since their ids are keys above
        self.settled_blocks: dict[str, Block] = {}
        self.first_specs: dict[str, list[Spec]] = {}
        self.adapted: dict[int, _Value] = {}
        self.scope = ""
        self.counts: Counter[str] = Counter()
        self.paths: dict[int, str] = {}
        self.encodes: dict[str, str] = {}

    def visit(self, node: Node) -> _Value:
        value = self.resolved.get(id(node))
        if value is None:
            # A derived input reads the rows of its inputs, not their encodings.
            derived = isinstance(node.block, DerivedInput)
            inputs = [] if derived else [self.visit(parent) for parent in node.inputs]
            value = self.resolve_node(node, inputs)
            self.remember(node, value)
            self.remember(value.node, value)
        return value

    def remember(self, node: Node, value: _Value) -> None:
        self.visited.append(node)
        self.resolved[id(node)] = value

    def resolve_node(self, node: Node, inputs: list[_Value]) -> _Value:
        path = self.path(node.block)
        try:
            block = self.settle(node.block, path, [value.spec for value in inputs])
            if isinstance(block, DerivedInput):
                return self.resolve_encoding(block, Node(block, tuple(map(self.resolve_declaration, node.inputs))))
            return self.resolve_block(block, path, inputs)
        except MedleyError as error:
            if error is not self.named_error:  # only the innermost part adds its name to the message
                self.named_error = error.within(path)
            raise

    def path(self, block: Block) -> str:
        if id(block) in self.names:
            return self.names[id(block)]
        if id(block) not in self.paths:
            base = block.name or to_snake_case(type(block))
            self.counts[base] += 1
            number = self.counts[base]
            self.paths[id(block)] = f"{self.scope}{base}" + (f"_{number}" if number > 1 else "")
            self.visited.append(Node(block))
        return self.paths[id(block)]

    def settle(self, block: Block, path: str, specs: list[Spec]) -> Block:
        if path not in self.settled_blocks:
            settled = settle(block, path, self.suggest, block.suggest_defaults(specs, self.summary))
            settled = settled.resolved() if isinstance(settled, Layer) else settled
            self.settled_blocks[path] = replace(settled, name=path)
        return self.settled_blocks[path]

    def resolve_block(self, block: Block, path: str, inputs: list[_Value]) -> _Value:
        match block:
            case InputBlock():
                return self.resolve_encoding(block, block.node)
            case Preprocessing():
                return self.resolve_preprocessing(block, inputs)
            case Composite():
                return self.expand_composite(block, path, inputs)
            case Layer():
                values = [self.adapt(value, block.reads) for value in inputs]
                if isinstance(block, Wrapper):
                    block = self.resolve_wrapper(block, path, _specs(values))
                spec = self.output_spec(block, path, _specs(values))
                return _Value(Node(block, _nodes(values)), spec, block.adapter())
            case Fusion():
                return self.resolve_fusion(block, inputs)
            case Head():
                values = [self.adapt(value, block.reads) for value in inputs]
                if len(values) != 1 and not (len(values) == 2 and values[1].spec.linear_outputs):
                    raise GraphError(
                        f"a head reads one node, and optionally a linear path; got {len(values)} nodes. "
                        "Join nodes with Merge() first."
                    )
                return _Value(Node(block, _nodes(values)), values[0].spec)
        raise GraphError(
            f"{type(block).__name__} is not an InputBlock, Preprocessing, Layer, Fusion, Composite or Head."
        )

    def output_spec(self, block: Layer, path: str, specs: list[Spec]) -> Spec:
        first_specs = self.first_specs.setdefault(path, specs)
        # Errors are raised here instead of during training: a module that reads one tensor called on several nodes, or
        # a module shared by inputs of different sizes.
        if len(specs) > 1 or specs != first_specs:
            probe(lambda: block.build(*first_specs), specs, type(block).__name__)
        return block.out(*specs)

    def resolve_declaration(self, node: Node) -> Node:
        """The resolved node of an input, even if no block reads its encoding."""
        if id(node) in self.resolved:
            return self.resolved[id(node)].node
        if isinstance(node.block, DerivedInput):
            return self.visit(node).node
        block = self.settle(node.block, self.path(node.block), [])
        assert isinstance(block, InputBlock)
        return block.node

    def resolve_encoding(self, block: InputBlock | Preprocessing, node: Node) -> _Value:
        spec = self.source(node)
        if spec.dtype == "uint8":  # the network converts pixels to numbers from 0 to 1
            spec = replace(spec, dtype="float32")
        return _Value(node, spec, block.adapter())

    def resolve_preprocessing(self, block: Preprocessing, inputs: list[_Value]) -> _Value:
        if len(inputs) != 1 or not isinstance(inputs[0].node.block, InputBlock):
            raise GraphError("it encodes the rows of an input, so it must be called on exactly one input.")
        input_name = str(inputs[0].node.block.name)
        if self.encodes.setdefault(str(block.name), input_name) != input_name:  # one block called on several inputs
            block = replace(block, name=f"{block.name}_{input_name}")
        return self.resolve_encoding(block, Node(block, (inputs[0].node,)))

    def resolve_fusion(self, block: Fusion, inputs: list[_Value]) -> _Value:
        values = [self.adapt(value, "plain") for value in inputs]
        for value in values:
            if not value.spec.is_vector:
                raise GraphError(f"it joins vectors, got {value.spec} from {value.node.block.name}; use Merge().")
        return _Value(Node(block, _nodes(values)), block.out(*_specs(values)))

    def expand_composite(self, block: Composite, path: str, inputs: list[_Value]) -> _Value:
        for value in inputs:
            self.remember(value.node, value)
        with self.scoped(path):
            end = block.expand(_nodes(inputs), _specs(inputs), self.summary)
            return self.visit(end)

    def resolve_wrapper(self, block: Wrapper, path: str, specs: list[Spec]) -> Wrapper:
        if isinstance(block.encoder, Block):
            start = Node(block)
            self.remember(start, _Value(start, block.inner(*specs)))
            with self.scoped(path):
                end = self.adapt(self.visit(block.encoder(start)), "plain").node
            block = replace(block, encoder=_chain(start, end))
            self.settled_blocks[path] = block  # a second call gives the same block, with the same weights
        return block

    @contextmanager
    def scoped(self, path: str) -> Iterator[None]:
        # Counts start at 0 in each expansion, so that a composite called twice gives its parts the same names (and
        # thereby shares them).
        outer = self.scope, self.counts
        self.scope, self.counts = f"{path}.", Counter()
        yield
        self.scope, self.counts = outer

    def adapt(self, value: _Value, reads: str) -> _Value:
        if value.adapter is None or reads == "any" or representation(value.spec) in ("plain", reads):
            return value
        if id(value.node) not in self.adapted:
            with self.scoped(str(value.node.block.name)):
                self.adapted[id(value.node)] = self.visit(Node(value.adapter, (value.node,)))
        return self.adapted[id(value.node)]


def _chain(start: Node, end: Node) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    while end is not start:
        if not isinstance(end.block, Layer) or len(end.inputs) != 1:
            raise GraphError(
                f"its encoder must resolve to a chain of layers, but {end.block.name} is not a layer with one input."
            )
        layers.append(end.block)
        end = end.inputs[0]
    return tuple(reversed(layers))


def representation(spec: Spec) -> str:
    """The representation of a result, as in `Layer.reads`: blocks that read it need no adapter."""
    representations = {"table": spec.is_table, "tokens": spec.is_tokens, "members": spec.is_ensemble}
    return next((name for name, applies in representations.items() if applies), "plain")


def _nodes(values: Sequence[_Value]) -> tuple[Node, ...]:
    return tuple(value.node for value in values)


def _specs(values: Sequence[_Value]) -> list[Spec]:
    return [value.spec for value in values]
