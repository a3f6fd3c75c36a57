"""What a table's inputs and heads become."""

from medley.auto.table.graph import table_epochs, table_graph
from medley.core.block import DataSummary
from medley.core.resolve import resolve, take_default
from medley.core.spec import Spec
from medley.graph.graph import Graph
from medley.heads import ClassificationHead, RegressionHead
from medley.tabular import DenseBlock, StructuredDataInput, TableCodec, TabMBlock
from medley.text import input as text_input
from medley.train.plan import Training

FACTS, WORDS = StructuredDataInput(name="facts"), text_input.TextInput(name="words")
HEADS = [RegressionHead(name="price"), ClassificationHead(name="kind")]
SPECS = {
    "facts": TableCodec().fit([[float(row % 7), float(row % 5)] for row in range(50)]).spec,
    "words": Spec((9,), "T", "int64", cardinality=100),
}


def resolved(inputs, heads, rows):
    graph = Graph(tuple(inputs), tuple(table_graph(inputs, heads)))

    def source(node):
        return SPECS[(node.inputs[0] if node.inputs else node).block.name]

    return resolve(graph.outputs, graph.names, source, take_default, DataSummary(rows, len(inputs)))


def behind(head):
    """The chain of blocks that a head reads, the last first."""
    found, node = [], head.inputs[0]
    while node.inputs:
        found.append(node.block)
        node = node.inputs[0]
    return found


def test_several_targets_share_the_first_layer_of_an_ensemble_alone():
    price, kind = resolved([FACTS], HEADS, 5_000)
    own, shared = behind(price)[:2]
    assert isinstance(own, TabMBlock)
    assert isinstance(shared, TabMBlock)
    assert (own.num_layers, shared.num_layers) == (2, 1)
    assert own.members == shared.members
    assert own is not behind(kind)[0]
    assert shared is behind(kind)[1]


def test_one_target_has_the_network_of_a_table_alone():
    (price,) = resolved([FACTS], HEADS[:1], 5_000)
    assert [block.num_layers for block in behind(price) if isinstance(block, TabMBlock)] == [3]


def test_few_rows_get_no_layers_of_their_own():
    price, kind = resolved([FACTS], HEADS, 200)
    assert isinstance(behind(price)[0], DenseBlock)
    assert behind(price)[0] is behind(kind)[0]


def test_several_inputs_meet_in_an_ensemble():
    price, kind = resolved([FACTS, WORDS], HEADS, 5_000)
    assert isinstance(behind(price)[0], TabMBlock)
    assert behind(price)[0] is behind(kind)[0]


def test_texts_get_fewer_epochs_unless_the_caller_says():
    assert table_epochs([FACTS, WORDS], 1, 14_000, None, None) == 11
    assert table_epochs([FACTS, WORDS], 2, 500, None, None) == text_input.MOST_EPOCHS
    assert table_epochs([FACTS, WORDS], 2, 500, None, Training(epochs=40)) is None


def test_several_targets_of_plain_columns_get_more_epochs():
    assert table_epochs([FACTS], 1, 14_000, None, None) is None
    assert table_epochs([FACTS], 2, 14_000, None, None) == 40
    assert table_epochs([FACTS], 2, 300, None, None) == 100
