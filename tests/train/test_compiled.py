"""Whole steps, compiled: what they compute is what eager steps compute."""

import os

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad

from medley.fusion import Merge
from medley.series.input import Input
from medley.series.rnn import RNNBlock
from medley.tabular import DenseBlock
from medley.text.embedding import Embedding
from medley.text.input import TextInput
from medley.train import compiled as stepper_module
from medley.train import whole_step as module
from medley.train.compiled import CompiledStepper
from medley.train.eager import EagerStepper
from medley.train.plan import Training

SIZE = 16


def recurrent(dropout, *, batchnorm):
    """An array and a text, which an LSTM reads."""
    x, note = Input(name="x"), TextInput(name="note", max_characters=7)  # two words, so that it is quick to compile
    words = RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=4)(
        Embedding(embedding_dim=4, dropout=0)(note)
    )
    dense = DenseBlock(num_layers=1, num_units=8, use_batchnorm=batchnorm, dropout=dropout)(x)
    return [x, note], Merge(merge_type="concatenate")([words, dense])


def eager(bench, plan, weights=None):
    return EagerStepper(bench.network.train(), bench.tasks, bench.balancer(weights), plan, None)


def compiled(bench, plan, weights=None):
    return CompiledStepper(eager(bench, plan, weights), SIZE)


def run(stepper, bench, start, stop):
    """Steps over batches in order, and a smaller one at the end; their outputs."""
    outputs = []
    for step in range(start, stop):
        batch = bench.rows.slice(step * SIZE, (step + 1) * SIZE - 5 * (step == 3))
        outputs.append(stepper.step(batch, step / 6).raw)
    return outputs


ADAM = Training(learning_rate=1e-2, weight_decay=0.1, optimizer="adamw", average=0.9, beta2=0.98)
SGD = Training(learning_rate=1e-2, weight_decay=0.1, optimizer="sgd", schedule="constant", clip=0.3)


@pytest.mark.slow
def test_a_compiled_training_is_the_eager_one(make_bench):
    first, second = (make_bench(gaps=False, parts=recurrent, batchnorm=False) for _ in range(2))
    plain, program = eager(first, ADAM, "uncertainty"), compiled(second, ADAM, "uncertainty")
    expected, received = run(plain, first, 0, 4), run(program, second, 0, 4)
    assert program.note is None
    torch.testing.assert_close(expected, received, rtol=1e-3, atol=1e-4)
    states = plain.state(), program.state()
    assert states[0].values == states[1].values
    torch.testing.assert_close(states[0].tensors, states[1].tensors, rtol=1e-3, atol=1e-4)
    # Either stepper continues from the state of the other.
    plain.restore(states[1])
    program.restore(states[0])
    torch.testing.assert_close(run(plain, first, 0, 2), run(program, second, 0, 2), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_compiled_training_with_dropout_repeats_bit_by_bit_and_averages_over_masks(make_bench):
    def train(seed):
        bench = make_bench(gaps=False, dropout=0.5)
        stepper = compiled(bench, SGD)
        torch.manual_seed(seed)
        run(stepper, bench, 0, 3)
        state = stepper.state()
        random = torch.get_rng_state()
        whole = run(stepper, bench, 3, 4), stepper.state()
        stepper.restore(state)
        torch.set_rng_state(random)
        again = run(stepper, bench, 3, 4), stepper.state()
        assert stepper.note is None
        torch.testing.assert_close(whole[0], again[0], rtol=0, atol=0)
        torch.testing.assert_close(whole[1].tensors, again[1].tensors, rtol=0, atol=0)
        return whole[1].tensors

    first, repeated, other = train(0), train(0), train(1)
    torch.testing.assert_close(first, repeated, rtol=0, atol=0)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_without_a_compiler_steps_are_eager_and_say_so(make_bench, monkeypatch):
    monkeypatch.setattr(module, "COMPILERS", ())
    monkeypatch.delenv("CXX", raising=False)
    first, second = (make_bench(gaps=False, dropout=0.5) for _ in range(2))
    plain, program = eager(first, ADAM), compiled(second, ADAM)
    torch.manual_seed(0)
    expected = run(plain, first, 0, 4)
    torch.manual_seed(0)
    received = run(program, second, 0, 4)
    assert "not compiled" in program.note
    torch.testing.assert_close(expected, received, rtol=0, atol=0)


def test_steps_that_cannot_be_traced_are_eager(make_bench):
    first, second = (make_bench(gaps=False) for _ in range(2))
    program = compiled(second, ADAM, "pcgrad")
    torch.testing.assert_close(run(eager(first, ADAM, "pcgrad"), first, 0, 2), run(program, second, 0, 2))
    assert "pcgrad" in program.note


def test_compiled_code_is_kept_in_the_cache_folder_unless_there_is_another(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # so that it is restored
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    module._keep_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled_steps")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    module._keep_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"


def test_steps_whose_first_run_fails_are_eager(make_bench, monkeypatch):
    def fails(*arguments):
        raise AssertionError("expected size 16==16")

    monkeypatch.setattr(stepper_module, "compile_step", lambda *arguments: fails)
    first, second = (make_bench(gaps=False) for _ in range(2))
    plain, program = eager(first, ADAM), compiled(second, ADAM)
    torch.testing.assert_close(run(plain, first, 0, 2), run(program, second, 0, 2), rtol=0, atol=0)
    assert plain.state().values == program.state().values
    assert "expected size" in program.note


@pytest.mark.slow
def test_convolutions_of_colours_run_in_the_layout_that_they_are_compiled_for():
    def step(image, first, second):
        def loss(first, second):
            middle = F.max_pool2d(F.conv2d(image, first, padding=1).relu(), 2)
            return F.conv2d(middle, second, padding=1).square().mean()

        return [*grad(loss, argnums=(0, 1))(first, second)]

    generator = torch.Generator().manual_seed(0)
    shapes = [(64, 3, 32, 32), (16, 3, 3, 3), (32, 16, 3, 3)]
    tensors = [torch.randn(shape, generator=generator) for shape in shapes]
    computed = module.compile_step(step, *tensors)(*tensors)
    torch.testing.assert_close(list(computed), step(*tensors), rtol=1e-3, atol=1e-3)
