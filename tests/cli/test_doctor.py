"""`medley doctor` says what is whole, what is damaged, and what would be resumed."""

import numpy as np
import pytest

import medley as md
from medley.cli.main import main
from medley.search import checkpoint


def run(capsys, *arguments):
    code = main(["doctor", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def automodel(folder, **options):
    x = md.Input(name="x")
    head = md.RegressionHead(name="y")(md.DenseBlock(num_layers=1)(x))
    return md.AutoModel([x], [head], **{"project_name": "p", "directory": folder, "max_trials": 2, **options})


ROWS = {"x": np.random.default_rng(0).normal(size=(40, 3)).astype("float32")}, np.arange(40.0)


@pytest.fixture
def project(tmp_path):
    automodel(tmp_path).fit(*ROWS, epochs=2, verbose=0)
    return tmp_path / "p"


def test_a_whole_model_and_its_search(capsys, pets_model):
    code, out, err = run(capsys, pets_model)
    assert (code, err) == (0, "")
    assert f"ok: {pets_model}: a whole model of breed, price" in out
    assert "checksums are right" in out


def test_a_whole_search(capsys, project):
    code, out, _ = run(capsys, project)
    assert code == 0
    assert "a search of 2 trials (2 complete)" in out
    assert out.count("a whole model of y") == 2


def test_damage_is_named_with_what_to_do(capsys, project):
    best = automodel(project.parent).history["score"].idxmin()
    (weights,) = (project / "trials" / str(best)).glob("weights*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    with (project / "trials.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n{}\n")
    (project / "project.json").write_text("[]")
    left = project / f".new-{'0' * 8}-1-{'0' * 8}.trials.jsonl"
    left.touch()
    before = sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*"))
    code, out, err = run(capsys, project)
    assert (code, err) == (2, "")
    assert f"{weights.name} is damaged, or was changed after it was saved" in out
    assert "line 3 is damaged (bytes that are no UTF-8)" in out
    assert "line 4 is damaged" in out
    assert "project.json is damaged" in out
    assert f"{left} was left by a process that was killed" in out
    assert sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*")) == before


def test_changes_are_accepted_on_request(capsys, pets_model, tmp_path):
    model = md.load(pets_model).save(tmp_path / "m")
    text = (model / "model.json").read_text("utf-8")
    (model / "model.json").write_text(text.replace('"metadata": {', '"metadata": {"note": 1,', 1), "utf-8")
    code, out, _ = run(capsys, model)
    assert (code, "was changed after it was saved" in out) == (2, True)
    code, out, _ = run(capsys, model, "--accept")
    assert (code, f"ok: {model}: changes of model.json are accepted" in out) == (0, True)
    assert run(capsys, model)[0] == 0


def test_a_trial_that_would_be_resumed(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "MAX_COST", 1e9)

    def stop(record):
        if record.epoch == 1:
            raise KeyboardInterrupt

    auto = automodel(tmp_path, max_trials=1)
    auto.fit(*ROWS, epochs=5, batch_size=16, callbacks=[stop], verbose=0)
    code, out, _ = run(capsys, tmp_path / "p")
    assert code == 0
    assert "a search of 1 trials (1 interrupted)" in out
    assert "trial 0 was interrupted in epoch 1 of 5, step 4" in out
    assert "with resume, continues it there" in out


@pytest.mark.parametrize("kind", ["nothing", "file", "folder"])
def test_other_paths_are_errors(capsys, tmp_path, kind):
    path = tmp_path / "x"
    if kind != "nothing":
        path.touch() if kind == "file" else path.mkdir()
    code, _, err = run(capsys, path)
    assert code == 2
    assert "pass a model directory" in err


def test_what_an_unfinished_save_left(capsys, tmp_path):
    (tmp_path / "weights.safetensors").touch()
    code, out, _ = run(capsys, tmp_path)
    assert code == 2
    assert "holds parts of a model that was not saved completely" in out
