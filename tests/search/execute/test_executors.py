"""The same search on workers that die, are cancelled, or outlive their search: it ends as it does in one process.

All of these start processes, which import torch; they are the slow tests of the package.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from medley.auto.automodel import AutoModel
from medley.core.layer import Layer
from medley.errors import SearchError
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.search import checkpoint
from medley.search.execute import files
from medley.search.execute.processes import Processes
from medley.search.execute.ray_executor import Ray
from medley.search.trial_log import read_lines
from medley.search.tuners import Tuner
from medley.tabular.input import StructuredDataInput

pytestmark = pytest.mark.slow

EPOCHS = 3


class Unpruned(Tuner):
    """Samples at random and prunes nothing, so that no trial depends on which others have finished."""

    def sampler(self, seed):
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)

    def pruner(self, epochs):
        from optuna.pruners import NopPruner

        return NopPruner()


def rows():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4))
    size = x[:, 0] * 2 + x[:, 3]
    size[::5] = np.nan
    return x, [(x[:, 1] > 0).astype(int), size]


def project(folder, max_trials=5, tuner=Unpruned, **options):
    heads = [ClassificationHead(name="kind"), RegressionHead(name="size")]
    facts = StructuredDataInput(name="facts")
    return AutoModel(facts, heads, "project", max_trials, folder, tuner=tuner, seed=1, **options)


def searched(folder, max_trials=5, tuner=Unpruned, time_limit=None, **options):
    auto = project(folder, max_trials, tuner, time_limit=time_limit)
    auto.fit(*rows(), epochs=EPOCHS, verbose=0, **options)
    return auto


def scores(auto):
    """Number -> state and score, of all trials."""
    trials = sorted(auto._trials(), key=lambda trial: trial.number)
    return {trial.number: (trial.state, trial.score, trial.params) for trial in trials}


def predictions(auto):
    return [np.asarray(values) for values in auto.predict(rows()[0])]


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """Tuner -> a search in this process."""
    tuners = {"unpruned": Unpruned, "local": "local"}
    return {name: searched(tmp_path_factory.mktemp(name), tuner=tuner) for name, tuner in tuners.items()}


def assert_same(auto, expected):
    assert scores(auto) == scores(expected)
    for values, others in zip(predictions(auto), predictions(expected), strict=True):
        np.testing.assert_array_equal(values, others)


def assert_ended(pids):
    """All processes are gone, after the time that they have to write their state."""
    limit = time.monotonic() + 30
    while any(map(is_alive, pids)):
        assert time.monotonic() < limit
        time.sleep(0.1)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_worker_searches_as_this_process_does_whatever_the_tuner(serial, tmp_path):
    assert_same(searched(tmp_path, tuner="local", executor="processes", workers=1), serial["local"])


def test_a_worker_that_is_killed_loses_no_trial_and_no_epoch(serial, tmp_path, monkeypatch, capfd):
    """Two workers; the one that trains trial 2 is killed once it has a checkpoint."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    executor = Processes(2)
    killed = []

    def kill(record):
        worker = next((process for process in executor._processes if 2 in process.trials), None)
        has_checkpoint = any((tmp_path / "project" / "checkpoints" / "2").glob("*/state.json"))
        if not killed and worker is not None and has_checkpoint:
            killed.append(worker.process.pid)
            os.kill(worker.process.pid, signal.SIGKILL)

    auto = project(tmp_path)
    auto.fit(*rows(), epochs=EPOCHS, verbose=1, executor=executor, callbacks=[kill])
    assert killed
    assert_same(auto, serial["unpruned"])
    output = capfd.readouterr().out
    assert "trial 2: its process ended" in output
    assert "trial 2 is resumed in epoch" in output
    assert not (tmp_path / "project" / "execution").exists()


DRIVER = """
import sys, os
sys.path.insert(0, {tests!r})
from test_executors import project, rows, EPOCHS
from medley.search.execute.processes import Processes
from medley.search.execute.ray_executor import Ray
executor = {executor}
def tell(record):
    print(*getattr(executor, "pids", "-"), flush=True)
auto = project({folder!r}, 5)
auto.fit(*rows(), epochs=EPOCHS, verbose=0, executor=executor, callbacks=[tell])
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_search_that_ends_early_takes_its_workers_with_it_and_is_continued(serial, tmp_path, number):
    code = DRIVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path), executor="Processes(2)")
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(4):  # epochs; the search has 15
        pids = [int(pid) for pid in driver.stdout.readline().split()]
    driver.send_signal(number)
    driver.communicate()
    assert len(pids) == 2
    assert_ended(pids)
    lines, damage = read_lines(tmp_path / "project" / "trials.jsonl")
    assert not damage
    assert len(lines) < 5 or any(line["state"] == "interrupted" for line in lines)
    assert_same(searched(tmp_path), serial["unpruned"])  # here, in one process


def test_a_time_limit_holds(tmp_path):
    auto = searched(tmp_path, max_trials=10_000, executor="processes", workers=2, time_limit="8s")
    assert auto.model.metadata["search"]["ended"] == "time"
    numbers = [trial.number for trial in auto._trials()]
    assert sorted(numbers) == list(range(len(numbers)))


def test_a_part_that_other_processes_cannot_make_is_named(tmp_path):
    class Mine(Layer):
        def out(self, spec):
            return spec

        def build(self, spec):
            raise AssertionError

    facts = StructuredDataInput(name="facts")
    auto = AutoModel(facts, ClassificationHead()(Mine()(facts)), "project", 3, tmp_path)
    with pytest.raises(SearchError, match="Mine has no registered name"):
        auto.fit(rows()[0], rows()[1][0], epochs=1, verbose=0, executor="processes", workers=1)


def worker(folder, *options):
    command = [sys.executable, "-m", "medley", "worker", str(folder), "--idle", "60s", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def start_workers(tmp_path, monkeypatch):
    """Starts workers of the project, which may begin before the search; beats are fast enough for a test."""
    monkeypatch.setattr(files, "BEAT_SECONDS", 0.2)
    processes = []

    def start(count):
        processes.extend(worker(tmp_path / "project") for _ in range(count))
        return processes

    yield start
    for process in processes:
        process.kill()
        process.communicate()


# A worker may be killed while it writes a checkpoint; the trial is continued from the one before.
@pytest.mark.filterwarnings("ignore:Trial .*A checkpoint is ignored")
def test_of_four_workers_that_share_a_folder_two_are_killed(serial, start_workers, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    workers = start_workers(2)
    killed, stopped = [], []

    def kill(record):
        execution = tmp_path / "project" / "execution"
        claims, results = ({file.name for file in (execution / name).iterdir()} for name in ("claims", "results"))
        if len(claims - results) == 2 and not killed:  # both train
            killed.append(workers[0])
            workers[0].kill()
            stopped.append(workers[1])  # as a machine that is lost: it neither works nor says so
            workers[1].send_signal(signal.SIGSTOP)
            start_workers(2)

    auto = project(tmp_path, 12)
    auto.fit(*rows(), epochs=EPOCHS, verbose=1, executor="files", workers=4, callbacks=[kill])
    assert killed
    assert stopped
    trials = auto._trials()
    assert sorted(trial.number for trial in trials) == list(range(12))
    expected = scores(serial["unpruned"])
    assert {number: entry for number, entry in scores(auto).items() if number in expected} == expected
    assert "another one continues it" in capfd.readouterr().out
    stopped[0].send_signal(signal.SIGCONT)  # it finds that its trial was given to another, and the search over
    for process in workers[1:]:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "run" in output


def test_a_worker_that_is_asked_to_end_hands_its_trial_back(start_workers, tmp_path, capfd):
    asked, workers = [], start_workers(4)

    def ask(record):
        if not asked:
            asked.extend(workers[1:])
            for process in workers[1:]:
                process.terminate()

    auto = project(tmp_path, 6)
    auto.fit(*rows(), epochs=EPOCHS, verbose=1, executor="files", workers=4, callbacks=[ask])
    assert [state for state, _, _ in scores(auto).values()] == ["complete"] * 6
    # Those that had not begun to work are ended by the signal itself.
    assert {process.wait(60) for process in workers[1:]} <= {0, -signal.SIGTERM}


def test_without_a_worker_the_time_limit_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BEAT_SECONDS", 0.2)
    with pytest.raises(SearchError, match="no worker took it"):
        searched(tmp_path, executor="files", workers=2, time_limit="3s")


def test_two_processes_of_torchrun_are_one_worker_that_trains_each_trial_on_both(serial, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BEAT_SECONDS", 0.2)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "medley", "worker"]
    command = [sys.executable, *launch, str(tmp_path / "project"), "--idle", "60s"]
    group = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    auto = searched(tmp_path, 2, executor="files", workers=1)
    output, errors = group.communicate(timeout=60)
    assert group.returncode == 0, errors
    assert "2 trials run" in output
    results, expected = scores(auto), scores(serial["unpruned"])
    assert sorted(results) == [0, 1]
    for number in (0, 1):
        state, score, params = results[number]
        assert (state, params) == (expected[number][0], expected[number][2])
        # Each process draws dropout of its own; without it they agree to rounding (tests/train/test_distributed.py).
        assert score == pytest.approx(expected[number][1], rel=0.05)


@pytest.fixture(scope="module")
def head():
    """A Ray cluster on this machine, with one node; searches run beside it."""
    pytest.importorskip("ray", reason="Ray is not installed (medley[ray])")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        import ray
        from ray.cluster_utils import Cluster

        # A node that refuses connections is lost after seconds, not a quarter of a minute; slow ones have as long as
        # ever.
        checks = {"_system_config": {"health_check_period_ms": 500}}
        nodes = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False, **checks})
        ray.init(address=nodes.address, log_to_driver=False)
        yield nodes
        ray.shutdown()
        nodes.shutdown()


NODE = {"num_cpus": 2, "object_store_memory": 80_000_000}


@pytest.fixture
def cluster(head):
    """The same with a second node."""
    nodes = [head.add_node(**NODE)]
    head.wait_for_nodes()

    def replace():
        head.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(head.add_node(**NODE))

    head.replace = replace
    yield head
    for node in nodes:
        head.remove_node(node)


quiet = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


@quiet
def test_a_ray_cluster_loses_a_node_and_no_trial(serial, cluster, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    removed = []

    def remove(record):
        if not removed:
            removed.append(record)
            cluster.replace()

    auto = project(tmp_path, 12)
    auto.fit(*rows(), epochs=EPOCHS, verbose=1, executor="ray", workers=4, callbacks=[remove])
    assert removed
    results, expected = scores(auto), scores(serial["unpruned"])
    assert [state for state, _, _ in results.values()] == ["complete"] * 12
    assert {number: results[number] for number in expected} == expected
    here = searched(tmp_path / "serial", 12)
    assert_same(auto, here)
    assert "another worker continues it" in capfd.readouterr().out
    assert not (tmp_path / "project" / "execution").exists()


@quiet
def test_two_nodes_of_ray_train_a_trial_together_and_one_is_replaced(serial, cluster, tmp_path, monkeypatch, capfd):
    """Each process takes a whole node, and the second node is lost in the middle of the first trial."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    import ray

    free = []

    def lose(record):
        free.append(ray.available_resources().get("CPU", 0))
        if len(free) == 2:
            cluster.replace()

    auto = project(tmp_path, 2)
    executor = Ray(workers=1, resources={"num_cpus": 2}, ranks=2)
    auto.fit(*rows(), epochs=EPOCHS, verbose=1, executor=executor, callbacks=[lose])
    assert set(free) == {0}  # both nodes were busy in every epoch
    output = capfd.readouterr().out
    assert "trial 0: " in output
    assert "another worker continues it" in output
    assert "trial 0 is resumed in epoch" in output
    results, expected = scores(auto), scores(serial["unpruned"])
    for number in (0, 1):
        state, score, params = results[number]
        assert (state, params) == (expected[number][0], expected[number][2])
        assert score == pytest.approx(expected[number][1], rel=0.05)  # dropout differs, as above


@quiet
def test_a_search_on_ray_that_is_killed_is_continued(serial, head, tmp_path):
    code = DRIVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path), executor="Ray(2)")
    environment = {**os.environ, "RAY_ADDRESS": head.address}
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    for _ in range(4):  # epochs; the search has 15
        assert driver.stdout.readline()
    driver.kill()
    driver.communicate()
    assert len(read_lines(tmp_path / "project" / "trials.jsonl")[0]) < 5
    assert_same(searched(tmp_path, executor="ray", workers=2), serial["unpruned"])


@quiet
def test_a_time_limit_holds_on_ray(head, tmp_path):
    auto = searched(tmp_path, max_trials=10_000, executor="ray", workers=2, time_limit="8s")
    assert auto.model.metadata["search"]["ended"] == "time"
    executor = Ray(workers=1, resources={"num_cpus": 64})
    with pytest.raises(SearchError, match="no node had room for it"):
        searched(tmp_path / "large", executor=executor, time_limit="3s")
