"""A suite is worth what it catches: each block here breaks one promise, and is told which."""

import numpy as np
import pytest
import torch
from torch import nn

from medley.core.codec import Codec, Encoded
from medley.core.layer import Fusion, Layer
from medley.core.registry import register
from medley.core.space import OneOf, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError
from medley.heads import RegressionHead
from medley.heads.numbers import NumberCodec
from medley.testing import check_block, check_codec


class Width(Layer, register="contracts_test.width"):
    units: int | None = searched(OneOf(4, 8))

    def build(self, *specs):
        if not specs[0].is_vector:
            raise GraphError(f"it reads vectors, got {specs[0]}.")
        return nn.Linear(specs[0].width, self.units)

    def out(self, *specs):
        self.build(*specs)
        return vector(self.units)


class Mixing(nn.Linear):
    def forward(self, x):
        x = super().forward(x)
        return x - x.mean(0)


class Idle(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.spare = nn.Parameter(torch.zeros(3))


class Forgetful(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.shift = torch.randn(sizes[1])

    def forward(self, x):
        return super().forward(x) + self.shift


def plain(module, told=4, **kinds):
    """A layer class around a module class."""

    class One(Layer, register=f"contracts_test.{module.__name__}"):
        def build(self, *specs):
            return module(specs[0].size, 4)

        def out(self, *specs):
            return vector(told)

    return One


VECTOR = [(vector(6),)]


def test_a_good_layer_passes():
    check_block(Width)
    check_block(Width(units=5), specs=VECTOR)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (plain(Mixing), "row 0 alone is not as among others"),
        (plain(nn.Linear, told=5), r"out\(\) says \(D=5\), got \(12, 4\)"),
        (plain(Idle), "spare gets no gradient"),
        (plain(Forgetful), "the same weights in a fresh module give another result"),
    ],
)
def test_a_layer_that_breaks_a_promise_is_told_which(block, words):
    with pytest.raises(AssertionError, match=words):
        check_block(block, specs=VECTOR)


def test_a_division_by_nothing_on_a_black_image_is_found():
    class Loud(nn.Module):
        def forward(self, x):
            return x.flatten(1) / x.flatten(1).norm(dim=1, keepdim=True)

    @register("contracts_test.loud")
    class Unit(Layer):
        def build(self, *specs):
            return Loud()

    with pytest.raises(AssertionError, match="finite rows give nan"):
        check_block(Unit, specs=[(Spec((1, 3, 3), "CHW"),)])


class Multiplied(nn.Module):
    def forward(self, vectors, present):
        x = torch.stack(vectors, 1)
        return (x if present is None else x * present[:, :, None]).sum(1)


class First(nn.Module):
    def forward(self, vectors, present):
        return vectors[0] if present is None else vectors[0].masked_fill(~present[:, :1], 0)


@pytest.mark.parametrize(
    ("module", "words"),
    [(Multiplied, "nan in an absent vector changes the result"), (First, "vector 1 gets no gradient|1 is ignored")],
)
def test_a_fusion_that_lets_absent_vectors_through_is_found(module, words):
    class Wrong(Fusion, register=f"contracts_test.{module.__name__}"):
        def build(self, *specs):
            return module()

        def out(self, *specs):
            return specs[0]

    with pytest.raises((AssertionError, RuntimeError), match=words):
        check_block(Wrong, specs=[(vector(5), vector(5))])


class WrongPrior(NumberCodec):
    @property
    def prior(self):
        return super().prior + 1


class Unscaled(NumberCodec):
    def decode(self, raw):
        return raw[:, 0]


@pytest.mark.parametrize(
    ("codec", "words"), [(WrongPrior, "prior is not the best constant"), (Unscaled, "Not equal to tolerance")]
)
def test_a_head_whose_codec_disagrees_with_its_loss_is_found(codec, words):
    class Wrong(RegressionHead, register=f"contracts_test.{codec.__name__}"):
        def codec(self):
            return codec()

    with pytest.raises(AssertionError, match=words):
        check_block(Wrong, targets=[1.0, 5.0, 4.0, 9.0] * 3, specs=VECTOR)


def test_a_head_whose_losses_reach_into_unobserved_rows_is_found():
    class Wrong(RegressionHead, register="contracts_test.leak"):
        def loss_function(self, target):
            return lambda raw, wanted: (raw - wanted).square().mean().expand(len(raw))

    with pytest.raises(AssertionError, match="depends on the outputs of another row"):
        check_block(Wrong, targets=[1.0, 5.0, 4.0, 9.0] * 3, specs=VECTOR)


class Lengths(Codec):
    """Lengths of words; `fault` breaks one promise."""

    def __init__(self, fault=""):
        self.fault = fault
        self.most = 0

    @property
    def spec(self):
        return vector(1)

    def fit(self, values):
        self.most = max(len(one) for one in values if one is not None)
        return self

    def encode(self, values):
        if self.fault == "learns":
            self.most += 1
        scale = len(values) if self.fault == "batch" else self.most
        numbers = np.array([[0 if one is None else len(one) / scale] for one in values], np.float32)
        if self.fault == "width":
            numbers = numbers[:, 0]
        if self.fault == "content":
            numbers[[one is None for one in values]] = -1
        kind = np.float64 if self.fault == "dtype" else np.float32
        here = [True if self.fault == "presence" else one is not None for one in values]
        return Encoded(numbers.astype(kind), np.array(here))

    def state(self):
        return {"most": self.most}

    def restore(self, state):
        self.most = 7 if self.fault == "restore" else state["most"]
        return self


WORDS = ["a", "bb", None, "dddd"]


def test_a_good_codec_passes():
    check_codec(Lengths, WORDS)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("learns", "alone is not encoded|encoding changes what was learnt"),
        ("batch", "alone is not encoded"),
        ("width", "spec says"),
        ("content", "must hold zeros"),
        ("dtype", "is encoded as"),
        ("presence", "must be absent"),
        ("restore", "after a file"),
    ],
)
def test_a_codec_that_breaks_a_promise_is_told_which(fault, words):
    with pytest.raises(AssertionError, match=words):
        check_codec(lambda: Lengths(fault), WORDS)
