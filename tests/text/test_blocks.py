"""The encoders of texts: shapes, padding that changes nothing, and how the default is put together."""

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


def settled(block, spec=SPEC, facts=FEW):
    return settle(block, "part", take_default, block.suggest_defaults([spec], facts))


def built(block, spec=SPEC):
    torch.manual_seed(0)
    return settled(block, spec).build(spec).eval()


def codes(*rows, steps=9):
    """Rows of codes, padded in front as the codec does."""
    return torch.tensor([[0] * (steps - len(row)) + list(row) for row in rows], dtype=torch.int32)


@pytest.mark.parametrize("block", [*VECTORS.values(), *STEPS.values()], ids=[*VECTORS, *STEPS])
def test_out_is_what_comes_out_even_of_one_row_and_of_an_empty_text(block):
    module = built(block)
    shape = settled(block).out(SPEC).shape
    for rows in (codes([5, 6, 7]), codes([]), codes([5], [], [7] * 9)):
        result = module(rows)
        assert tuple(result.shape) == (len(rows), *shape)
        assert result.isfinite().all()


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_padding_changes_nothing_however_much_there_is_and_wherever_it_stands(name):
    module = built(VECTORS[name])
    alone = module(torch.tensor([[5, 6, 7]]))
    among = module(codes([5, 6, 7], [8] * 9))
    behind = module(torch.tensor([[5, 6, 7, 0, 0, 0]]))
    torch.testing.assert_close(among[:1], alone)
    torch.testing.assert_close(behind, alone)


@pytest.mark.parametrize("name", ["rnn", "lstm two layers", "lstm one way", "conv", "transformer"])
def test_the_order_of_words_matters_where_it_should(name):
    module = built(VECTORS[name])
    assert not torch.allclose(module(codes([5, 6, 7])), module(codes([7, 6, 5])))


def test_the_steps_of_a_transformer_are_zeros_at_the_padding_and_alike_elsewhere():
    module = built(Transformer(embedding_dim=16))
    padded, alone = module(codes([5, 6], steps=9)), module(codes([5, 6], steps=2))
    assert not padded[:, :7].any()
    torch.testing.assert_close(padded[:, 7:], alone)


def test_padding_is_never_trained_and_the_unknown_word_starts_at_nothing():
    table = built(Embedding(embedding_dim=4, dropout=0.0))
    assert not table(codes([1]))[0].any()
    table(codes([1, 5])).sum().backward()
    assert table.weight.grad[1].all()
    assert not table.weight.grad[0].any()


def test_a_question_of_two_words_is_embedded_in_a_table_of_eight_by_four():
    codec = TokenCodec().fit(["lower half", "upper half", "even number", "odd number"])
    table = Embedding(embedding_dim=4, dropout=0).build(codec.spec)
    assert isinstance(table, nn.Embedding)  # nothing around it: this is what an engine is timed on
    assert tuple(table.weight.shape) == (8, 4)
    batch = torch.from_numpy(codec.encode(["odd number", "lower half"]).array)
    assert table(batch).shape == (2, 2, 4)


def test_a_table_smaller_than_the_vocabulary_takes_rare_words_as_unknown():
    module = Embedding(8, embedding_dim=4, dropout=0).build(SPEC).eval()
    assert sum(one.numel() for one in module.parameters()) == 8 * 4
    assert torch.equal(module(torch.tensor([[30, 8]])), module(torch.tensor([[1, 1]])))


def test_plain_numbers_are_read_as_codes():
    block = Embedding(8, embedding_dim=4, dropout=0)
    assert block.out(vector(2)) == Spec((2, 4), "TD")
    module = block.build(vector(2)).eval()
    whole = module(torch.tensor([[3.0, 7.0]]))
    assert torch.equal(module(torch.tensor([[2.9, 99.0]])), whole)
    assert torch.equal(module(torch.tensor([[-4.0, 0.0]])), torch.zeros(1, 2, 4))
    assert whole[0, 0].any()


@pytest.mark.parametrize("block", [*VECTORS.values(), *STEPS.values()], ids=[*VECTORS, *STEPS])
def test_what_is_no_text_is_refused(block):
    for specs in ([Spec((3, 8, 8), "CHW")], [SPEC, SPEC], [Spec((5, 3), "TD")]):
        with pytest.raises(GraphError, match="reads"):
            settled(block).out(*specs)
        with pytest.raises(GraphError, match="reads"):
            settled(block).build(*specs)


def parts(node):
    below = [name for one in node.inputs for name in parts(one)]
    return [*below, type(node.block).__name__]


def resolved(draw, suggest=take_default, spec=SPEC):
    text = TextInput()
    node = resolve([draw(text)], {id(text): "note"}, lambda node: spec, suggest, FEW)[0]
    return parts(node)


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        (TextBlock(), ["TextInput", "TextToNgramVector", "NgramBag"]),
        (TextBlock("vanilla"), ["TextInput", "TokenConv"]),
        (TextBlock("rnn"), ["TextInput", "TokenRNN"]),
        (TextBlock("transformer"), ["TextInput", "TokenTransformer"]),
        (TextBlock("rnn", max_tokens=500), ["TextInput", "TextToIntSequence", "TokenRNN"]),
    ],
)
def test_the_default_block_joins_an_encoding_and_a_network(block, wanted):
    assert resolved(block) == wanted


def test_an_encoding_that_was_drawn_stays():
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


def test_a_text_block_on_something_else_is_refused_by_name():
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
    again = from_json(to_json(block))
    assert type(again) is type(block)
    assert to_json(again) == to_json(block)


def test_a_drawn_encoding_hands_its_fields_to_the_codec():
    assert TextToIntSequence(5, max_tokens=4).codec().fit(["a a b b c"]).spec == Spec((5,), "T", "int64", cardinality=4)
    assert TextToNgramVector(max_tokens=1, ngrams=1).codec().fit(["a b"]).spec.cardinality == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TextToIntSequence(0), "output_sequence_length must be a whole number from 1, got 0"),
        (lambda: TextToIntSequence(max_tokens=2), "max_tokens must be a whole number from 3, got 2"),
        (lambda: TextToNgramVector(ngrams=0), "ngrams must be a whole number from 1"),
        (lambda: Embedding(embedding_dim=2.5), "embedding_dim must be a whole number"),
        (lambda: Embedding(dropout=1.0), "dropout is a share"),
        (lambda: Embedding(pretraining="glove"), "this version does not have"),
        (lambda: Transformer(pretraining="rnadom"), "Did you mean 'random'"),
        (lambda: TextBlock("ngrams"), "Did you mean 'ngram'"),
    ],
)
def test_errors_are_reported_when_they_are_made(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
