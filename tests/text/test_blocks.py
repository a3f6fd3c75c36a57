"""Text encoders: shapes, independence of padding, and the composition of the default block."""

import pytest
import torch
from torch import nn

from medley.core.block import DataSummary
from medley.core.config import from_json, to_json
from medley.core.resolve import resolve, settle, take_default
from medley.core.space import OneOf
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.text.bag import NgramBag
from medley.text.bert import BertBlock
from medley.text.block import TextBlock
from medley.text.conv import TokenConv
from medley.text.embedding import Embedding
from medley.text.encodings import TextToIntSequence, TextToNgramVector
from medley.text.input import TextInput
from medley.text.rnn import TokenRNN
from medley.text.tokens import TokenCodec
from medley.text.transformer import TokenTransformer, Transformer

FEW = DataSummary(rows=100)
SPEC = Spec((9,), "T", "int64", cardinality=40)

VECTORS = {
    "bag": NgramBag(),
    "bag deep": NgramBag(width=8, num_layers=2),
    "conv": TokenConv(),
    "conv even": TokenConv(kernel_size=4, num_layers=3, filters=5),
    "rnn": TokenRNN(),
    "lstm two layers": TokenRNN(layer_type="lstm", num_layers=2, units=6),
    "lstm one way": TokenRNN(layer_type="lstm", bidirectional=False, num_layers=2, units=6),
    "transformer": TokenTransformer(),
    "transformer odd": TokenTransformer(embedding_dim=30, num_heads=4, num_layers=2),
}
STEPS = {"embedding": Embedding(), "transformer block": Transformer(embedding_dim=30, num_heads=4)}


def settled(block, spec=SPEC, summary=FEW):
    return settle(block, "part", take_default, block.suggest_defaults([spec], summary))


def built(block, spec=SPEC):
    torch.manual_seed(0)
    return settled(block, spec).build(spec).eval()


def token_ids(*rows, steps=9):
    """Rows of token ids, padded at the front as by the codec."""
    return torch.tensor([[0] * (steps - len(row)) + list(row) for row in rows], dtype=torch.int32)


@pytest.mark.parametrize("block", [*VECTORS.values(), *STEPS.values()], ids=[*VECTORS, *STEPS])
def test_out_matches_the_output_for_single_rows_and_empty_texts(block):
    module = built(block)
    shape = settled(block).out(SPEC).shape
    for rows in (token_ids([5, 6, 7]), token_ids([]), token_ids([5], [], [7] * 9)):
        result = module(rows)
        assert tuple(result.shape) == (len(rows), *shape)
        assert result.isfinite().all()


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_outputs_do_not_depend_on_padding(name):
    module = built(VECTORS[name])
    alone = module(torch.tensor([[5, 6, 7]]))
    batched = module(token_ids([5, 6, 7], [8] * 9))
    padded_after = module(torch.tensor([[5, 6, 7, 0, 0, 0]]))
    torch.testing.assert_close(batched[:1], alone)
    torch.testing.assert_close(padded_after, alone)


@pytest.mark.parametrize("name", ["rnn", "lstm two layers", "lstm one way", "conv", "transformer"])
def test_sequence_encoders_depend_on_word_order(name):
    module = built(VECTORS[name])
    assert not torch.allclose(module(token_ids([5, 6, 7])), module(token_ids([7, 6, 5])))


def test_transformer_outputs_are_zero_at_the_padding():
    module = built(Transformer(embedding_dim=16))
    padded, alone = module(token_ids([5, 6], steps=9)), module(token_ids([5, 6], steps=2))
    assert not padded[:, :7].any()
    torch.testing.assert_close(padded[:, 7:], alone)


def test_padding_is_never_trained_and_the_unknown_word_starts_as_zeros():
    table = built(Embedding(embedding_dim=4, dropout=0.0))
    assert not table(token_ids([1]))[0].any()
    table(token_ids([1, 5])).sum().backward()
    assert table.weight.grad[1].all()
    assert not table.weight.grad[0].any()


def test_the_table_has_the_size_of_the_vocabulary():
    codec = TokenCodec().fit(["lower half", "upper half", "even number", "odd number"])
    table = Embedding(embedding_dim=4, dropout=0).build(codec.spec)
    assert isinstance(table, nn.Embedding)  # not wrapped: benchmarks/engine.py measures this
    assert tuple(table.weight.shape) == (8, 4)
    batch = torch.from_numpy(codec.encode(["odd number", "lower half"]).array)
    assert table(batch).shape == (2, 2, 4)


def test_words_beyond_the_table_are_unknown():
    module = Embedding(8, embedding_dim=4, dropout=0).build(SPEC).eval()
    assert sum(p.numel() for p in module.parameters()) == 8 * 4
    assert torch.equal(module(torch.tensor([[30, 8]])), module(torch.tensor([[1, 1]])))


def test_plain_numbers_are_read_as_ids():
    block = Embedding(8, embedding_dim=4, dropout=0)
    assert block.out(vector(2)) == Spec((2, 4), "TD")
    module = block.build(vector(2)).eval()
    expected = module(torch.tensor([[3.0, 7.0]]))
    assert torch.equal(module(torch.tensor([[2.9, 99.0]])), expected)
    assert torch.equal(module(torch.tensor([[-4.0, 0.0]])), torch.zeros(1, 2, 4))
    assert expected[0, 0].any()


@pytest.mark.parametrize("block", [*VECTORS.values(), *STEPS.values()], ids=[*VECTORS, *STEPS])
def test_other_inputs_than_texts_are_errors(block):
    for specs in ([Spec((3, 8, 8), "CHW")], [SPEC, SPEC], [Spec((5, 3), "TD")]):
        with pytest.raises(GraphError, match="reads"):
            settled(block).out(*specs)
        with pytest.raises(GraphError, match="reads"):
            settled(block).build(*specs)


def block_names(node):
    before = [name for source in node.inputs for name in block_names(source)]
    return [*before, type(node.block).__name__]


def resolved(build, suggest=take_default, spec=SPEC):
    text = TextInput()
    node = resolve([build(text)], {id(text): "note"}, lambda node: spec, suggest, FEW)[0]
    return block_names(node)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (TextBlock(), ["TextInput", "TextToNgramVector", "NgramBag"]),
        (TextBlock("vanilla"), ["TextInput", "TokenConv"]),
        (TextBlock("rnn"), ["TextInput", "TokenRNN"]),
        (TextBlock("transformer"), ["TextInput", "TokenTransformer"]),
        (TextBlock("rnn", max_tokens=500), ["TextInput", "TextToIntSequence", "TokenRNN"]),
    ],
)
def test_the_default_block_consists_of_an_encoding_and_a_network(block, expected):
    assert resolved(block) == expected


def test_an_explicit_encoding_is_kept():
    assert resolved(lambda text: TextBlock("ngram")(TextToIntSequence()(text))) == [
        "TextInput",
        "TextToIntSequence",
        "NgramBag",
    ]
    assert resolved(lambda text: TextBlock("rnn")(TextToNgramVector()(text))) == [
        "TextInput",
        "TextToNgramVector",
        "NgramBag",
    ]


def test_blocks_that_read_numbers_get_them():
    class Dense(NgramBag):
        reads = "plain"

        def out(self, *specs):
            return vector(specs[0].size)

    assert resolved(Dense()) == ["TextInput", "Embedding", "Dense"]
    assert resolved(lambda text: Dense()(TextToNgramVector()(text))) == [
        "TextInput",
        "TextToNgramVector",
        "NgramBag",
        "Dense",
    ]


def test_a_text_block_on_another_input_is_an_error_with_its_name():
    with pytest.raises(GraphError, match="text_block: TextBlock reads the words of one text"):
        resolved(TextBlock(), spec=vector(4))


@pytest.mark.parametrize(
    "block",
    [
        TextInput(name="note"),
        TextToIntSequence(120, max_tokens=500),
        TextToNgramVector(ngrams=OneOf(1, 2, 3)),
        Embedding(100, embedding_dim=OneOf(4, 8)),
        TextBlock("rnn"),
        BertBlock(128),
        *VECTORS.values(),
        *STEPS.values(),
    ],
    ids=lambda block: type(block).__name__,
)
def test_declarations_survive_json(block):
    restored = from_json(to_json(block))
    assert type(restored) is type(block)
    assert to_json(restored) == to_json(block)


def test_an_encoding_passes_its_fields_to_the_codec():
    assert TextToIntSequence(5, max_tokens=4).codec().fit(["a a b b c"]).spec == Spec((5,), "T", "int64", cardinality=4)
    assert TextToNgramVector(max_tokens=1, ngrams=1).codec().fit(["a b"]).spec.cardinality == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TextToIntSequence(0), "output_sequence_length must be a whole number of at least 1, got 0"),
        (lambda: TextToIntSequence(max_tokens=2), "max_tokens must be a whole number of at least 3, got 2"),
        (lambda: TextToNgramVector(ngrams=0), "ngrams must be a whole number of at least 1"),
        (lambda: Embedding(embedding_dim=2.5), "embedding_dim must be a whole number"),
        (lambda: Embedding(dropout=1.0), "dropout must be a probability"),
        (lambda: Embedding(pretraining="glove"), "pretrained embeddings are not supported"),
        (lambda: Transformer(pretraining="rnadom"), "Did you mean 'random'"),
        (lambda: TextBlock("ngrams"), "Did you mean 'ngram'"),
    ],
)
def test_invalid_fields_are_errors_at_construction(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
