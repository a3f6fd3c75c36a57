"""Training in two stages: Ctrl-C in either ends it at once with the best state so far."""

from dataclasses import replace

import numpy as np
import pytest

import medley as md
from medley.nn.backbone import Backbone
from medley.search.interrupt import Interrupts
from medley.train.fit import fit as train


@pytest.fixture
def frame(photo_frame):
    return photo_frame.drop(columns="kind")


def fit(frame, tmp_path, **options):
    arguments = {
        "max_trials": 3,
        "epochs": 2,
        "verbose": 0,
        "pretrained": None,
        "directory": tmp_path,
        "time_limit": None,
    }
    return md.fit(frame, "price", **{**arguments, **options})


def interrupting(at_step, stops):
    """A training that Ctrl-C reaches after some steps."""

    def interrupted(*args, **options):
        hooks, steps = args[6], []

        def on_step(total):
            steps.append(total)
            if len(steps) == at_step:
                stops.append(at_step)
                raise KeyboardInterrupt

        return train(*args[:6], replace(hooks, on_step=on_step), *args[7:], **options)

    return interrupted


def check_first_stage_only(model, frame):
    assert model.metadata["search"] == {"trials": 1, "ended": "interrupted"}
    assert model.metadata["epochs"] == []
    assert not model.metadata["plan"]["complete"]
    assert model.metadata["scores"]["val_relative_loss"] < 0.5
    assert np.corrcoef(model.predict(frame)["price"], frame["price"])[0, 1] > 0.9


@pytest.mark.parametrize("options", [{}, {"objective": "val_loss"}])
def test_ctrl_c_in_the_first_stage_skips_the_second(frame, tmp_path, monkeypatch, options):
    stops = []
    monkeypatch.setattr("medley.search.stages.fit", interrupting(4, stops))
    check_first_stage_only(fit(frame, tmp_path, **options), frame)
    assert stops == [4]


def test_ctrl_c_that_python_lost_in_the_first_stage_ends_it_at_the_next_epoch(frame, tmp_path, monkeypatch):
    epochs, interrupts = [], []

    def interrupted(*args, **options):
        def watch(record, score):
            epochs.append(record.epoch)
            interrupts[0].is_requested = True

        return train(*args[:6], replace(args[6], watch=watch), *args[7:], **options)

    monkeypatch.setattr("medley.search.stages.fit", interrupted)
    monkeypatch.setattr(Interrupts, "__enter__", lambda self: interrupts.append(self) or self)
    check_first_stage_only(fit(frame, tmp_path), frame)
    assert epochs == [0]


def test_ctrl_c_in_the_first_epoch_of_the_second_stage_keeps_the_first(frame, tmp_path, monkeypatch):
    stops = []
    monkeypatch.setattr("medley.search.trial.fit", interrupting(1, stops))
    check_first_stage_only(fit(frame, tmp_path), frame)
    assert stops == [1]


def test_ctrl_c_between_the_stages_keeps_the_first(frame, tmp_path, monkeypatch):
    calls = []

    def interrupted(*args, **options):
        calls.append(options)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return train(*args, **options)

    monkeypatch.setattr("medley.search.trial.fit", interrupted)
    check_first_stage_only(fit(frame, tmp_path), frame)
    assert [call["stopped"] for call in calls] == [None, "interrupted"]


def test_ctrl_c_in_the_first_epoch_keeps_the_linear_path_of_a_table(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("medley.search.trial.fit", interrupting(1, []))
    check_first_stage_only(fit(frame.drop(columns="photo"), tmp_path), frame)


def test_encoders_learn_from_the_first_step_of_the_second_stage(frame, tmp_path, monkeypatch):
    gradients = []

    def watched(network, *args, **options):
        encoder = next(parameter for name, parameter in network.named_parameters() if "image_block" in name)
        encoder.register_hook(lambda gradient: gradients.append(float(gradient.abs().max())))
        return train(network, *args, **options)

    monkeypatch.setattr("medley.search.trial.fit", watched)
    fit(frame, tmp_path, max_trials=1, epochs=1)
    assert gradients[0] > 0


def test_a_frozen_encoder_runs_once_per_row_in_two_stages(frame, tmp_path, monkeypatch, tiny):
    rows, forward = [], Backbone.forward

    def counting(self, **inputs):
        rows.append(len(inputs["pixel_values"]))
        return forward(self, **inputs)

    monkeypatch.setattr(Backbone, "forward", counting)
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    fit(frame, tmp_path, pretrained=tiny("vit"), max_trials=1, epochs=3)
    assert sum(rows) == len(frame)
