"""The conformance tests find each fault: every block and codec here violates one requirement."""

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


class SubtractsBatchMean(nn.Linear):
    def forward(self, x):
        x = super().forward(x)
        return x - x.mean(0)


class UnusedParameter(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.spare = nn.Parameter(torch.zeros(3))


class UnsavedState(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.shift = torch.randn(sizes[1])

    def forward(self, x):
        return super().forward(x) + self.shift


def layer_of(module, declared_width=4):
    """A layer class around a module class."""

    class WrappedLayer(Layer, register=f"contracts_test.{module.__name__}"):
        def build(self, *specs):
            return module(specs[0].size, 4)

        def out(self, *specs):
            return vector(declared_width)

    return WrappedLayer


VECTOR = [(vector(6),)]


def test_a_correct_layer_passes():
    check_block(Width)
    check_block(Width(units=5), specs=VECTOR)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (layer_of(SubtractsBatchMean), "row 0 has another result in a batch of one"),
        (layer_of(nn.Linear, declared_width=5), r"out\(\) is \(D=5\), got \(12, 4\)"),
        (layer_of(UnusedParameter), "spare has no gradient"),
        (layer_of(UnsavedState), "the saved weights give another result in a new module"),
    ],
)
def test_faults_of_layers_are_named(block, message):
    with pytest.raises(AssertionError, match=message):
        check_block(block, specs=VECTOR)


def test_a_division_by_zero_for_a_black_image_is_found():
    class DividesByNorm(nn.Module):
        def forward(self, x):
            return x.flatten(1) / x.flatten(1).norm(dim=1, keepdim=True)

    @register("contracts_test.loud")
    class Unit(Layer):
        def build(self, *specs):
            return DividesByNorm()

    with pytest.raises(AssertionError, match="finite rows have the result nan"):
        check_block(Unit, specs=[(Spec((1, 3, 3), "CHW"),)])


class MultipliesMask(nn.Module):
    def forward(self, vectors, present):
        x = torch.stack(vectors, 1)
        return (x if present is None else x * present[:, :, None]).sum(1)


class FirstOnly(nn.Module):
    def forward(self, vectors, present):
        return vectors[0] if present is None else vectors[0].masked_fill(~present[:, :1], 0)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (MultipliesMask, "nan in an absent vector changes the result"),
        (FirstOnly, "vector 1 has no gradient|1 is ignored"),
    ],
)
def test_faults_of_fusions_are_named(module, message):
    class Wrong(Fusion, register=f"contracts_test.{module.__name__}"):
        def build(self, *specs):
            return module()

        def out(self, *specs):
            return specs[0]

    with pytest.raises((AssertionError, RuntimeError), match=message):
        check_block(Wrong, specs=[(vector(5), vector(5))])


class WrongPrior(NumberCodec):
    @property
    def prior(self):
        return super().prior + 1


class Unscaled(NumberCodec):
    def decode(self, raw):
        return raw[:, 0]


@pytest.mark.parametrize(
    ("codec", "message"), [(WrongPrior, "prior is not the best constant"), (Unscaled, "Not equal to tolerance")]
)
def test_a_codec_inconsistent_with_the_loss_is_found(codec, message):
    class Wrong(RegressionHead, register=f"contracts_test.{codec.__name__}"):
        def codec(self):
            return codec()

    with pytest.raises(AssertionError, match=message):
        check_block(Wrong, targets=[1.0, 5.0, 4.0, 9.0] * 3, specs=VECTOR)


def test_losses_that_depend_on_other_rows_are_found():
    class Wrong(RegressionHead, register="contracts_test.leak"):
        def loss_function(self, target):
            return lambda raw, target: (raw - target).square().mean().expand(len(raw))

    with pytest.raises(AssertionError, match="depends on the outputs of another row"):
        check_block(Wrong, targets=[1.0, 5.0, 4.0, 9.0] * 3, specs=VECTOR)


class Lengths(Codec):
    """Lengths of strings; `fault` violates one requirement."""

    def __init__(self, fault=""):
        self.fault = fault
        self.longest = 0

    @property
    def spec(self):
        return vector(1)

    def fit(self, values):
        self.longest = max(len(value) for value in values if value is not None)
        return self

    def encode(self, values):
        if self.fault == "learns":
            self.longest += 1
        scale = len(values) if self.fault == "batch" else self.longest
        numbers = np.array([[0 if value is None else len(value) / scale] for value in values], np.float32)
        if self.fault == "width":
            numbers = numbers[:, 0]
        if self.fault == "content":
            numbers[[value is None for value in values]] = -1
        dtype = np.float64 if self.fault == "dtype" else np.float32
        present = [True if self.fault == "presence" else value is not None for value in values]
        return Encoded(numbers.astype(dtype), np.array(present))

    def state(self):
        return {"longest": self.longest}

    def restore(self, state):
        self.longest = 7 if self.fault == "restore" else state["longest"]
        return self


STRINGS = ["a", "bb", None, "dddd"]


def test_a_correct_codec_passes():
    check_codec(Lengths, STRINGS)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("learns", "encoded differently alone|encoding changes the state"),
        ("batch", "encoded differently alone"),
        ("width", "spec is"),
        ("content", "must hold zeros"),
        ("dtype", "must be encoded as"),
        ("presence", "must be absent"),
        ("restore", "restored"),
    ],
)
def test_faults_of_codecs_are_named(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_codec(lambda: Lengths(fault), STRINGS)
