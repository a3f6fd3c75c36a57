"""The examples and benchmarks run as they are, on less data."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import medley as md
from medley.testing.tiny_models import tiny_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(monkeypatch):
    """Loads an example as a namespace, its siblings importable."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return lambda name: runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


@pytest.fixture
def benchmark(monkeypatch, capsys):
    """Runs a benchmark as a program, in this process, which has imported most already; returns what it prints."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    monkeypatch.setenv("MEDLEY_CACHE", os.environ["MEDLEY_CACHE"])  # one of them changes it

    def output(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return output


def run(*arguments, cwd):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_demo_learns_both_tasks_and_a_new_process_predicts(tmp_path):
    output = run(ROOT / "examples" / "demo.py", "--directory", tmp_path, cwd=tmp_path)
    scores = dict(line.split()[1:] for line in output.splitlines() if line.startswith("test "))
    assert float(scores["digit_accuracy"]) > 0.96
    assert float(scores["answer_accuracy"]) > 0.94
    assert output.count("image of a ") == 3


def test_tutorial_runs_with_only_its_import_changed(example, tmp_path):
    tutorial = example("tutorial_multi")
    x, y = tutorial["data"]()
    model = tutorial["defaults"](str(tmp_path), 1, 1, 0)
    number, classes = model.predict(x)
    assert number.shape == (100, 1)
    assert set(classes) <= set(range(5))
    model = tutorial["drawn"](str(tmp_path), 2, 1, 0)
    assert model.predict(x)[1].shape == (100, 1)
    assert set(model.evaluate(x, [y[1], y[0]], return_dict=True)) >= {
        "classification_head_1_accuracy",
        "regression_head_1_mean_squared_error",
    }


def test_roads_through_a_frozen_pretrained_encoder(example, tmp_path):
    roads = example("road_risk")
    frame = roads["make_rows"](tmp_path, 60)
    x = [[tmp_path / name for name in frame["image_path"]], frame[[f"f{i}" for i in range(20)]]]
    auto = roads["pretrained_network"](str(tmp_path), tiny_model("resnet", tmp_path / "resnet"))
    auto.fit(x, frame["label"].to_numpy(), epochs=2, verbose=0)
    learnt = {name: tuple(p.shape) for name, p in auto.model.network.named_parameters() if p.requires_grad}
    assert (64, 16) in learnt.values()  # the tiny encoder's width is 16, that of ResNet-34 512
    assert not any("encoder" in name for name in learnt)
    assert set(auto.predict(x)) <= {0, 1}


def test_roads_without_pretrained_weights_say_what_to_do(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "road_risk.py", "--rows", "16", "--epochs", "1", "--pretrained"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "microsoft/resnet-34" in done.stderr
    assert "folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_exact_network_has_the_sizes_that_were_written_down(example, shared_data, tmp_path):
    search_spec = example("digits_question")
    (x, y), (x_test, y_test) = (search_spec["rows"](shared_data / "mnist", part) for part in ("train", "test"))
    some = 6_000
    auto = search_spec["exact"](str(tmp_path))
    auto.fit([array[:some] for array in x], [array[:some] for array in y], epochs=4, batch_size=64, verbose=0)
    weights = {name: tuple(array.shape) for name, array in auto.export_model().network.named_parameters()}
    assert sorted(weights.values()) == sorted(
        [(8, 4), (32, 4), (32, 8), (32,), (32,), (25, 792), (25,), (10, 25), (10,), (1, 25), (1,)]
    )
    scores = auto.evaluate([array[:2000] for array in x_test], [array[:2000] for array in y_test], return_dict=True)
    assert scores["digit_accuracy"] > 0.85  # the answers take longer to learn than this test lasts


def test_parity_prints_both_accuracies_and_one_prediction(example, shared_data, tmp_path):
    parity = example("digits_parity")
    mnist = sys.modules["digits"].read_mnist(shared_data / "mnist", "train")
    images, digits = mnist[0][:6_000], mnist[1][:6_000]
    auto = parity["build"](str(tmp_path), alpha=0.5)
    lines = []
    auto.fit(images, [digits, digits % 2 == 1], epochs=3, batch_size=128, callbacks=[lines.append], verbose=0)
    assert [round(record.flat()["val_digit_accuracy"], 4) > 0.8 for record in lines][-1]
    digit, odd = auto.predict(images[:1])
    assert digit.dtype == digits.dtype
    assert odd.dtype == np.bool_
    assert parity["as_text"](images[0]).count("\n") == 13


def test_examples_report_a_missing_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "digits_parity.py", "--data", tmp_path / "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Pass the folder with MNIST's four .gz files" in done.stderr
    assert "Traceback" not in done.stderr


def test_engine_benchmark_runs(benchmark):
    assert "median: medley" in benchmark("engine", "--rows", 640, "--epochs", 1)


def test_rooms_are_classified_by_image_and_caption(example, tmp_path):
    rooms = example("indoor_scenes")
    folder = rooms["make_rooms"](tmp_path, 20)
    encoders = rooms["tiny_encoders"](folder)
    data = (folder / "rooms", folder / "captions.csv")
    auto, scores = rooms["learn"](*data, *encoders, str(tmp_path), epochs=40, captioner=rooms["describe"])
    assert scores["f1_weighted"] > 0.4  # 11 kinds: chance is .09
    learning = sum(p.numel() for p in auto.model.network.parameters() if p.requires_grad)
    assert learning == (2 * 64 + 1) * 256 + (256 + 1) * 11
    text = next(step.module for step in auto.model.network.steps if "text_encoder" in step.name)
    assert len(text.backbone.encoder.encoder.layer) == 8  # of 12
    photos = sorted((folder / "rooms" / "kitchen").glob("*.png"))[:3]
    again = md.load(auto.model.save(tmp_path / "model"))
    expected = auto.predict_proba([photos, [None] * 3])
    np.testing.assert_array_equal(again.predict_proba([photos, [None] * 3]), expected)


def test_rooms_with_encoders_that_learn_and_captions_that_lack(example, tmp_path):
    rooms = example("indoor_scenes")
    folder = rooms["make_rooms"](tmp_path, 5)
    encoders = rooms["tiny_encoders"](folder)
    auto, scores = rooms["learn"](
        folder / "rooms", folder / "captions.csv", *encoders, str(tmp_path), epochs=1, tune=True, layers=2
    )
    assert 0 <= scores["f1_weighted"] <= 1
    assert all(p.requires_grad for p in auto.model.network.parameters())


def test_frozen_benchmark_prints_a_ratio_and_that_scores_are_the_same(benchmark):
    output = benchmark("frozen", "--rows", 40, "--trials", 2, "--epochs", 2)
    assert "ratio" in output
    assert float(output.split("scores differ by ")[1].split()[0]) < 1e-4


@pytest.mark.slow
def test_minilm_benchmark_runs(benchmark, tmp_path, shared_data):
    model = tiny_model("bert", tmp_path / "bert")
    output = benchmark("minilm", "--data", shared_data, "--model", model, "--quick", "--epochs", 1)
    words = ("Recommended IND", "Rating", "Department Name", "seconds per trial", "once: ")
    assert all(word in output for word in words)
