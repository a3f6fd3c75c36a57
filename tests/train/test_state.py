"""A training that is interrupted, saved and resumed is bit-identical to one without interruption."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
import torch

from medley.errors import ArtifactError, ConfigError
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.state import TrainingState

CASES = {
    "plain": ("dense", None, {}),
    "sgd": ("dense", None, {"optimizer": "sgd"}),
    "adam, constant": ("dense", None, {"optimizer": "adam", "schedule": "constant"}),
    "cosine, no clipping": ("dense", None, {"schedule": "cosine", "clip": 0.0}),
    "bfloat16": ("dense", None, {"precision": "bfloat16"}),
    "float16": ("dense", None, {"precision": "float16"}),
    "float16, sgd, famo": ("dense", "famo", {"precision": "float16", "optimizer": "sgd"}),
    "uncertainty": ("dense", "uncertainty", {}),
    "dwa": ("dense", "dwa", {}),
    "famo": ("dense", "famo", {}),
    "imtl_l": ("dense", "imtl_l", {}),
    "random": ("dense", "random", {}),
    "pcgrad": ("dense", "pcgrad", {}),
    "gradvac": ("dense", "gradvac", {}),
    "excess_mtl": ("dense", "excess_mtl", {}),
    "patience": ("dense", None, {"patience": 1, "epochs": 8}),
    "ensemble": ("ensemble", None, {}),
    "several inputs": ("mixed", None, {}),
    "several inputs, pcgrad": ("mixed", "pcgrad", {}),
    "several inputs, float16": ("mixed", "uncertainty", {"precision": "float16"}),
}


class Stop(Exception):
    """Ends a training like a killed process."""


def make_plan(**changes):
    return Training(**{"learning_rate": 3e-2, "weight_decay": 1e-2, "epochs": 4, "batch_size": 16, **changes})


def loss(values):
    return values["val_relative_loss"]


def run(bench, plan, weights=None, cut=None, state=None, val=True, seed=3, score=loss, **hooks):
    """Trains; or stops at the `cut`-th checkpoint, and returns the state."""
    count = 0

    def checkpoint(take):
        nonlocal count
        count += 1
        if count == cut:
            raise Stop(take())

    hooks = TrainingHooks(score, **{"checkpoint": checkpoint, **hooks})
    val_rows = bench.val if val else None
    try:
        result = fit(
            bench.network, bench.tasks, bench.balancer(weights), plan, bench.rows, val_rows, hooks, seed, state
        )
    except Stop as stop:
        return stop.args[0]
    return result, count


def through_disk(state, folder):
    state.save(folder)
    return TrainingState.load(folder)


def facts(result):
    epochs = [(record.epoch, record.learning_rate, record.train, record.val) for record in result.records]
    return repr((epochs, result.best_epoch, result.best_score, result.stopped))


def assert_same(bench, result, expected_bench, expected):
    assert facts(result) == facts(expected)
    for name, tensor in expected_bench.network.state_dict().items():
        assert torch.equal(bench.network.state_dict()[name], tensor), name


@pytest.mark.parametrize("case", CASES)
def test_a_continued_training_ends_in_the_same_bits(make_bench, networks, case, tmp_path):
    parts, weights, changes = CASES[case]

    def fresh():
        return make_bench(parts=networks[parts], dropout=0.4)

    plan, whole = make_plan(**changes), fresh()
    expected, chances = run(whole, plan, weights)
    assert len(expected.records) > 2
    generator = random.Random(case)
    cuts = {1, chances - 1, 6, generator.randrange(1, chances)}  # 6: the end of the first epoch
    for cut in sorted(cuts):
        state = through_disk(run(fresh(), plan, weights, cut), tmp_path / str(cut))
        torch.randn(cut)  # the random state of the new process is another one
        bench = fresh()
        result, _ = run(bench, plan, weights, state=state)
        assert_same(bench, result, whole, expected)


def test_it_can_be_stopped_again_and_again(make_bench, networks, tmp_path):
    plan, whole = make_plan(), make_bench(dropout=0.4, parts=networks["mixed"])
    expected, _ = run(whole, plan, "gradvac")
    state, outcome = None, None
    while outcome is None:
        bench = make_bench(dropout=0.4, parts=networks["mixed"])
        stopped = run(bench, plan, "gradvac", cut=4, state=state)
        if isinstance(stopped, TrainingState):
            state = through_disk(stopped, tmp_path)
        else:
            outcome = stopped[0]
    assert_same(bench, outcome, whole, expected)
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["state.json", "tensors"]


def test_the_best_weights_may_be_from_before_the_cut(make_bench, tmp_path):
    plan, whole, bench = make_plan(), make_bench(dropout=0.4), make_bench(dropout=0.4)

    def worse(values):
        return -values["val_relative_loss"]

    expected, _ = run(whole, plan, score=worse)
    state = through_disk(run(make_bench(dropout=0.4), plan, cut=14, score=worse), tmp_path)
    assert expected.best_epoch == state.best_epoch == 0
    result, _ = run(bench, plan, state=state, score=worse)
    assert_same(bench, result, whole, expected)


def test_without_validation_rows_it_continues_too(make_bench, tmp_path):
    plan, whole, bench = make_plan(), make_bench(dropout=0.4), make_bench(dropout=0.4)
    expected, _ = run(whole, plan, val=False)
    state = through_disk(run(make_bench(dropout=0.4), plan, cut=14, val=False), tmp_path)
    result, _ = run(bench, plan, state=state, val=False)
    assert_same(bench, result, whole, expected)


def test_taking_states_does_not_change_a_training(make_bench):
    plan, plain, watched = make_plan(), make_bench(dropout=0.4), make_bench(dropout=0.4)
    expected, _ = run(plain, plan, "famo")
    states = []
    result, _ = run(watched, plan, "famo", checkpoint=lambda take: states.append(take()))
    assert_same(watched, result, plain, expected)
    assert [state.step for state in states[:8]] == [1, 2, 3, 4, 5, 5, 6, 7]


def test_a_state_does_not_change_while_the_training_continues_and_serves_twice(make_bench):
    plan = make_plan()
    state = run(make_bench(dropout=0.4), plan, "uncertainty", cut=9)
    first, second = make_bench(dropout=0.4), make_bench(dropout=0.4)
    expected, _ = run(first, plan, "uncertainty", state=state)
    result, _ = run(second, plan, "uncertainty", state=state)
    assert_same(second, result, first, expected)


def test_a_state_contains_the_position_of_the_training(make_bench):
    state = run(make_bench(), make_plan(), cut=8)  # five steps, an epoch's end, two steps
    assert (state.position.epoch, state.position.seen, state.step) == (1, 32, 7)
    assert sorted(state.position.order.tolist()) == list(range(70))
    assert (len(state.records), state.best_epoch) == (1, 0)
    assert state.elapsed > 0
    end = run(make_bench(), make_plan(), cut=6)
    assert (end.position.epoch, end.position.seen, end.position.order, end.step) == (1, 0, None, 5)


def test_a_training_that_stopped_early_is_not_continued(make_bench):
    plan, states = make_plan(patience=1, epochs=30), []
    expected, _ = run(make_bench(), plan, checkpoint=lambda take: states.append(take()))
    assert expected.stopped == "stopped early: no improvement for 1 epoch"
    steps = []
    result, _ = run(make_bench(), plan, state=states[-1], on_step=steps.append)
    assert facts(result) == facts(expected)
    assert steps == []


def test_the_clock_continues(make_bench, monkeypatch):
    from medley.train import clock

    now = 0.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    monkeypatch.setattr("medley.train.fit.affordable_epochs", lambda *args: 50)

    def on_step(total):
        nonlocal now
        now += 1.0

    plan, plain, bench = make_plan(epochs=50, patience=0), make_bench(), make_bench()
    expected, _ = run(plain, plan, deadline=17.0, on_step=on_step)
    now = 0.0
    state = run(make_bench(), plan, cut=9, deadline=17.0, on_step=on_step)
    assert state.elapsed == 8.0
    now = 1000.0  # another process, later, with the time that was left
    result, _ = run(bench, plan, state=state, deadline=1009.0, on_step=on_step)
    assert_same(bench, result, plain, expected)
    assert result.stopped == "time ran out"


def test_a_training_that_has_grown_continues(make_bench, monkeypatch):
    monkeypatch.setattr("medley.train.fit.affordable_epochs", lambda *args: 3)
    plan, options = make_plan(epochs=9, patience=0), {"grows": True, "deadline": monotonic() + 300}
    plain, bench = make_bench(), make_bench()
    expected, _ = run(plain, plan, **options)
    assert expected.epochs == 9
    state = run(make_bench(), plan, cut=30, **options)
    result, _ = run(bench, plan, state=state, **options)
    assert_same(bench, result, plain, expected)
    assert result.plan == expected.plan


IN_A_NEW_PROCESS = """
import importlib.util, sys
from pathlib import Path

def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

here, folder = Path(sys.argv[1]), sys.argv[2]
import torch
torch.set_num_threads(1)
bench, test = load("bench", here / "conftest.py"), load("test", here / "test_state.py")

def forbid(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError(f"{event} {arguments}")

network = bench.bench(dropout=0.4, parts=bench.mixed)
sys.addaudithook(forbid)
state = test.TrainingState.load(folder)
result, _ = test.run(network, test.make_plan(), "dwa", state=state)
print(test.digest(network, result))
"""


def digest(bench, result):
    content = hashlib.sha256(facts(result).encode())
    for name, tensor in bench.network.state_dict().items():
        content.update(name.encode() + tensor.numpy().tobytes())
    return content.hexdigest()


def test_a_new_process_continues_in_the_same_bits(make_bench, networks, tmp_path):
    whole = make_bench(dropout=0.4, parts=networks["mixed"])
    expected, _ = run(whole, make_plan(), "dwa")
    run(make_bench(dropout=0.4, parts=networks["mixed"]), make_plan(), "dwa", cut=15).save(tmp_path)
    arguments = [sys.executable, "-c", IN_A_NEW_PROCESS, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(whole, expected)


# states that do not fit, or are damaged


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 71}, "has 70 rows with batch_size=16, but this training has 71 rows"),
        ({"batchnorm": False}, "belongs to another network: only one of both has 'parts.dense"),
    ],
)
def test_a_state_of_another_training_is_refused(make_bench, change, message):
    state = run(make_bench(), make_plan(), cut=3)
    with pytest.raises((ArtifactError, ConfigError), match=message):
        run(make_bench(**change), make_plan(), state=state)


@pytest.mark.parametrize(
    ("plan", "weights", "message"),
    [
        ({"precision": "float16"}, None, "has another precision"),
        ({}, "uncertainty", "another network, balancer or optimiser"),
        ({"batch_size": 20}, None, "batch_size=16, but this training has 70 rows with batch_size=20"),
    ],
)
def test_a_state_of_another_plan_is_refused(make_bench, plan, weights, message):
    state = run(make_bench(), make_plan(), cut=3)
    with pytest.raises((ArtifactError, ConfigError), match=message):
        run(make_bench(), make_plan(**plan), weights, state=state)


def test_damaged_states_are_reported(make_bench, tmp_path):
    with pytest.raises(ArtifactError, match="does not contain a training state"):
        TrainingState.load(tmp_path)
    run(make_bench(), make_plan(), cut=3).save(tmp_path)
    path, tensors = tmp_path / "state.json", next(tmp_path.glob("*.safetensors"))
    content, whole = json.loads(path.read_text("utf-8")), tensors.read_bytes()
    tensors.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="is damaged"):
        TrainingState.load(tmp_path)
    tensors.write_bytes(whole)
    for name in content:
        others = {key: value for key, value in content.items() if key not in (name, "checksum")}
        path.write_text(json.dumps(others), "utf-8")
        if name not in ("medley", "checksum"):
            with pytest.raises(ArtifactError, match="damaged"):
                TrainingState.load(tmp_path)
    path.write_text(json.dumps({**content, "elapsed": content["elapsed"] + 1}), "utf-8")
    with pytest.raises(ArtifactError, match="was changed after it was saved"):
        TrainingState.load(tmp_path)
    path.write_text(json.dumps({**content, "format": 99}), "utf-8")
    with pytest.raises(ArtifactError, match="in format 99"):
        TrainingState.load(tmp_path)


def test_a_write_that_fails_leaves_the_old_state(make_bench, tmp_path, monkeypatch):
    from medley.train import state as module

    old, new = (run(make_bench(), make_plan(), cut=cut) for cut in (3, 5))
    old.save(tmp_path)
    write = module.write_file

    def refuse(path, content):
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(module, "write_file", refuse)
    with pytest.raises(OSError, match="No space"):
        new.save(tmp_path)
    assert TrainingState.load(tmp_path).step == 3
    monkeypatch.undo()
    new.save(tmp_path)
    assert TrainingState.load(tmp_path).step == 5
    assert len(list(tmp_path.iterdir())) == 2
