"""Two processes train and validate what one process does: the same weights and scores, whatever each of them holds.

This file is also the program of the two processes: `python test_distributed.py RANK FOLDER`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import torch
import torch.distributed as dist

from medley.core.codec import Encoded
from medley.core.mapped import MappedRows
from medley.errors import ConfigError
from medley.fusion.merge import Merge
from medley.graph.graph import build_graph
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.model.tasks import tasks_of
from medley.search.checkpoint import TrialCheckpoints
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.objective import read_objective
from medley.search.search_spec import SearchSpec, resolved
from medley.search.suggest import DefaultSuggest
from medley.search.trial import TrialResult, new_network, train
from medley.tabular.dense import DenseBlock
from medley.tabular.input import StructuredDataInput
from medley.train import loop, ranks
from medley.train.best import validation_outputs
from medley.train.hooks import TrainingHooks
from medley.train.order import epoch_order
from medley.train.plan import Training
from medley.train.ranks import Ranks

pytestmark = pytest.mark.slow

SIZE = 53  # in batches of 15 rows, so that parts have to be padded
VALIDATION_SIZE = 31  # 16 for each process, one of them twice


def rows(seed, size):
    generator = np.random.default_rng(seed)
    facts, more = generator.normal(size=(size, 3)), generator.normal(size=(size, 2))
    more[: size // 2] = np.nan  # an input that is absent in many rows
    kind = np.where(facts[:, 0] > 0, "a", "b").astype(object)
    kind[generator.uniform(size=size) < 0.7] = None  # labels that are rare, and unevenly divided
    y = {"kind": kind, "size": facts[:, 1] + np.nan_to_num(more[:, 0])}
    weight = {"kind": None, "size": generator.uniform(0.5, 2, size)}
    return LabelledRows({"facts": facts, "more": more}, y, weight, size)


def mapped(data, graph):
    """The encoded rows of a graph, read from files."""
    encoded = data.read(graph)
    for parts in encoded.values():
        for place, part in enumerate(parts):
            with tempfile.TemporaryFile() as file:
                array = np.memmap(file, part.array.dtype, "w+", shape=part.array.shape)
            array[:] = part.array
            parts[place] = Encoded(array, part.present)
    return encoded


def search_spec(loss_weights, *, use_batchnorm, validation_size=VALIDATION_SIZE):
    facts, more = StructuredDataInput(name="facts"), StructuredDataInput(name="more")
    encoded = [
        DenseBlock(num_layers=1, num_units=8, use_batchnorm=use_batchnorm, dropout=0.0)(node) for node in (facts, more)
    ]
    z = DenseBlock(num_layers=1, num_units=8, use_batchnorm=False, dropout=0.0)(
        Merge(merge_type="concatenate")(encoded)
    )
    heads = [ClassificationHead(name="kind", dropout=0.0)(z), RegressionHead(name="size", dropout=0.0)(z)]
    graph = build_graph([facts, more], heads)
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    data = Encodings(rows(0, SIZE), rows(1, validation_size), codecs, torch.device("cpu"))
    plan = Training(1e-2, 0.0, "adam", epochs=2, batch_size=15, threads=1, stepper="eager")
    return SearchSpec(graph, data, plan, loss_weights, read_objective(None, ["kind", "size"], {}), seed=0)


CASES = {
    "fixed": {"loss_weights": [1.0, 0.3], "use_batchnorm": False},
    "uncertainty": {"loss_weights": "uncertainty", "use_batchnorm": False},
    "batch norm": {"loss_weights": None, "use_batchnorm": True},
    "files": {"loss_weights": [1.0, 0.3], "use_batchnorm": False},
    "one validation row": {"loss_weights": [1.0, 0.3], "use_batchnorm": False, "validation_size": 1},
}


def trained(case, hooks=None, checkpoints=None):
    """Name of a weight -> its values; and the scores of the epochs."""
    spec = search_spec(**CASES[case])
    graph, plan = resolved(spec, DefaultSuggest())
    if case == "files":
        encoded = mapped(spec.data, graph)
        spec.data.read = lambda graph: encoded
    result = TrialResult(0)
    hooks = hooks or TrainingHooks(spec.score)
    model = train(spec, graph, plan, hooks, result, checkpoints or TrialCheckpoints(None))
    weights = {name: value.numpy() for name, value in model.network.state_dict().items()}
    return weights, [record.flat() for record in result.records]


def out_of_fold(ranks):
    """Head name -> outputs of training rows with folds, by a network before its training."""
    spec = search_spec(**CASES["fixed"])
    graph, _ = resolved(spec, DefaultSuggest())
    network = new_network(spec, graph, {source.name: source.codec.spec for source in spec.data.sources(graph)})
    rows = spec.data.rows(graph)[0].with_folds(torch.arange(SIZE) % 5)
    outputs, losses = validation_outputs(network, tasks_of(graph, spec.data.targets), rows, 8, ranks)
    return {**outputs, **{f"{name} loss": loss for name, loss in losses.items()}}


def program(rank, folder):
    """What each of the two processes does."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    reads, take = [], MappedRows.take
    MappedRows.take = lambda rows, index: reads.append(index) or take(rows, index)
    validated, compute = [], ranks.compute_outputs
    ranks.compute_outputs = lambda *arguments: validated.append(arguments[-1].tolist()) or compute(*arguments)
    for case in CASES:
        weights, records = trained(case)
        np.savez(folder / f"{case}-{rank}.npz", **weights)
        (folder / f"{case}-{rank}.json").write_text(json.dumps(records))
    (folder / f"validated-{rank}.json").write_text(json.dumps(validated))
    np.savez(folder / f"folds-{rank}.npz", **{name: value.numpy() for name, value in out_of_fold(Ranks()).items()})
    # Without the rows from which statistics are computed, and the one or two by which memory is counted.
    steps = [index for index in reads if 2 < len(index) <= 8]
    np.save(folder / f"reads-{rank}.npy", np.concatenate(steps))
    try:
        CASES["pcgrad"] = {"loss_weights": "pcgrad", "use_batchnorm": False}
        trained("pcgrad")
    except ConfigError as error:
        (folder / f"error-{rank}.txt").write_text(str(error))
    # Rank 0 alone is asked to stop, and does so together with the other one.
    spec = search_spec(**CASES["fixed"])
    stopping = TrainingHooks(spec.score, watch=lambda record, score: "enough" if rank == 0 else None)
    (folder / f"stopped-{rank}.json").write_text(json.dumps(len(trained("fixed", stopping)[1])))
    dist.barrier()
    # Rank 1 dies while it validates, and the other one does not wait for it.
    died = []
    ranks.compute_outputs = lambda *arguments: os._exit(0) if rank else died.append(monotonic()) or compute(*arguments)
    try:
        trained("fixed")
    except RuntimeError:
        (folder / "seconds.json").write_text(json.dumps(monotonic() - died[0]))
    # gloo's threads may abort a process that takes down a group in order whose other process is dead.
    os._exit(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes have written."""
    path = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__]
    processes = [
        subprocess.Popen([*command, str(rank), str(path)], env=environment, stderr=subprocess.PIPE) for rank in (0, 1)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()[-4000:]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return path


@pytest.mark.parametrize("case", ["fixed", "uncertainty", "one validation row"])
def test_two_processes_train_the_network_of_one(folder, case):
    expected, records = trained(case)
    weights = np.load(folder / f"{case}-0.npz")
    assert weights.files == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, rtol=2e-4, atol=2e-5, err_msg=name)
    for record, other in zip(json.loads((folder / f"{case}-0.json").read_text()), records, strict=True):
        assert record == pytest.approx(other, rel=1e-4, nan_ok=True)


def test_each_process_reads_rows_of_its_own_from_files_in_an_order_that_one_process_can_take(folder, monkeypatch):
    reads = [set(np.load(folder / f"reads-{rank}.npy").tolist()) for rank in (0, 1)]
    assert reads == [set(range(28)), set(range(28, SIZE))]  # batches of 8 + 7 rows, the last one of 4 + 4
    monkeypatch.setattr(loop, "epoch_order", lambda *arguments: epoch_order(*arguments[:3], 2, arguments[-1]))
    test_two_processes_train_the_network_of_one(folder, "files")


@pytest.mark.parametrize("case", CASES)
def test_both_processes_have_the_same_network(folder, case):
    first, second = (np.load(folder / f"{case}-{rank}.npz") for rank in (0, 1))
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    records = [json.loads((folder / f"{case}-{rank}.json").read_text()) for rank in (0, 1)]
    for epochs in records:
        for record in epochs:
            assert all(np.isfinite(value) for name, value in record.items() if name.endswith("loss"))


def test_each_process_validates_on_rows_of_its_own_and_both_have_the_scores_of_all(folder):
    parts = [json.loads((folder / f"validated-{rank}.json").read_text()) for rank in (0, 1)]
    assert {tuple(part) for part in parts[0]} == {tuple(range(16)), (0,)}
    assert {tuple(part) for part in parts[1]} == {(*range(16, VALIDATION_SIZE), VALIDATION_SIZE - 1), (0,)}
    scores = [(folder / f"{case}-{rank}.json").read_text() for case in CASES for rank in (0, 1)]
    assert scores[::2] == scores[1::2]


def test_outputs_out_of_fold_are_those_of_one_process(folder):
    expected = out_of_fold(None)
    for rank in (0, 1):
        outputs = np.load(folder / f"folds-{rank}.npz")
        assert outputs.files == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_process_that_dies_during_validation_does_not_keep_the_other_one_waiting(folder):
    assert json.loads((folder / "seconds.json").read_text()) < 60


def test_methods_that_need_the_gradients_of_tasks_are_refused(folder):
    for rank in (0, 1):
        assert "'pcgrad' combines the gradients of tasks" in (folder / f"error-{rank}.txt").read_text()


def test_what_the_first_process_decides_holds_for_both(folder):
    assert [json.loads((folder / f"stopped-{rank}.json").read_text()) for rank in (0, 1)] == [1, 1]


if __name__ == "__main__":
    program(int(sys.argv[1]), Path(sys.argv[2]))
