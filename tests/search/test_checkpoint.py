"""Checkpoints of a trial: two are kept, and what is damaged or of another training is not continued from."""

import pytest
import torch

from medley.search import checkpoint as module
from medley.search.checkpoint import TrialCheckpoints
from medley.train.epoch_plan import EpochPlan
from medley.train.state import LoopPosition, StepperState, TrainingState


def state(seen, epoch=0, stopped=None):
    return TrainingState(
        stepper=StepperState({"weight": torch.ones(3)}, {}), position=LoopPosition(epoch, torch.arange(9), seen),
        records=(), best_epoch=-1, best_score=1.0, last_gain=-1, best_weights={}, random={}, elapsed=2.0, rows=9,
        batch_size=1, plan=EpochPlan(3), stopped=stopped,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints" / "0"


def begun(folder, key="k", **options):
    checkpoints = TrialCheckpoints(folder, **options)
    checkpoints.begin(key)
    return checkpoints


def test_the_latest_of_two_is_continued(folder):
    checkpoints = begun(folder)
    for seen in (1, 2, 3):
        checkpoints.save("main", lambda seen=seen: state(seen))
    assert sorted(path.name for path in folder.iterdir()) == ["main-a", "main-b", "trial.json"]
    again = begun(folder)
    assert again.state("first") is None
    assert again.state("main").position.seen == 3
    assert (again.is_used, again.seconds) == (True, 2.0)
    again.save("main", lambda: state(4))  # in place of the older one
    assert sorted(TrainingState.load(folder / name).position.seen for name in ("main-a", "main-b")) == [3, 4]


@pytest.mark.parametrize("damage", [b"", b"x" * 100])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_used(folder, damage):
    checkpoints = begun(folder)
    for seen in (1, 2):
        checkpoints.save("main", lambda seen=seen: state(seen))
    next((folder / "main-b").glob("*.safetensors")).write_bytes(damage)
    with pytest.warns(UserWarning, match="A checkpoint is ignored: .*main-b is damaged"):
        assert begun(folder).state("main").position.seen == 1


def test_a_stage_that_has_ended_is_the_latest(folder):
    checkpoints = begun(folder)
    checkpoints.save("first", lambda: state(0, epoch=1, stopped="time ran out"))
    checkpoints.save("first", lambda: state(2))
    assert begun(folder).state("first").is_over


def test_checkpoints_of_another_training_are_removed(folder):
    begun(folder).save("main", lambda: state(1))
    assert begun(folder, "other").state("main") is None
    assert begun(folder, "k").state("main") is None


def test_they_are_written_as_often_as_their_cost_allows(folder, monkeypatch):
    now, taken = 0.0, []
    monkeypatch.setattr(module, "monotonic", lambda: now)

    def take():
        nonlocal now
        taken.append(now)
        now += 1.5  # slow to write
        return state(len(taken))

    checkpoints = begun(folder, interval=30.0)
    for _ in range(300):
        checkpoints.offer("main", take)
        now += 1.0
    assert taken == [30.0, 106.5, 183.0, 259.5]  # 1.5 s are 2 % of 75 s


def test_an_interrupt_writes_one_at_once(folder):
    checkpoints = begun(folder, interval=1e9, is_interrupted=lambda: True)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.offer("main", lambda: state(1))
    assert begun(folder).state("main").position.seen == 1


def test_a_full_disk_ends_checkpoints_and_nothing_else(folder):
    def full():
        raise OSError(28, "No space left on device")

    checkpoints = begun(folder)
    with pytest.warns(UserWarning, match="No checkpoints are kept: .*No space left"):
        checkpoints.save("main", full)
    checkpoints.save("main", full)
    assert checkpoints.state("main") is None


def test_without_a_folder_nothing_is_written():
    checkpoints = begun(None)
    checkpoints.save("main", lambda: state(1))
    assert checkpoints.state("main") is None


def test_removed_ones_leave_nothing(folder):
    checkpoints = begun(folder)
    checkpoints.save("main", lambda: state(1))
    checkpoints.remove()
    assert list(folder.parent.parent.iterdir()) == []


def test_another_trial_may_remove_the_empty_folder_above_while_this_one_begins(folder, monkeypatch):
    mkdir, attempts = type(folder).mkdir, []

    def interfered(path, *args, **options):
        attempts.append(path)
        if len(attempts) == 1:
            raise FileNotFoundError(2, "No such file or directory")
        mkdir(path, *args, **options)

    monkeypatch.setattr(type(folder), "mkdir", interfered)
    begun(folder)
    assert (folder / "trial.json").is_file()
    assert len(attempts) > 1
