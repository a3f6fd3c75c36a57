"""`medley trials` and `medley describe` on a real search."""

import json

import numpy as np
import pytest

import medley as md
from medley.auto.tasks_table import StructuredDataClassifier
from medley.cli.main import main


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 40)
    table = {"age": rng.normal(size=40), "sex": sex}
    auto = StructuredDataClassifier(max_trials=3, directory=tmp_path_factory.mktemp("searches"), project_name="pets")
    auto.fit(table, [{"f": "cat", "m": "dog"}[label] for label in sex], epochs=2, verbose=0)
    return auto


def output_of(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def line_of(text, word):
    return next(line for line in text.splitlines() if line.split()[:1] == [word]).split()


def test_trials_are_listed_with_the_best_starred(capsys, search):
    output = output_of(capsys, "trials", search.folder)
    history = search.history
    assert f"{len(history)} trials" in output
    best = int(history["score"].idxmin())
    for number, result in history.iterrows():
        line = line_of(output, f"*{number}" if number == best else str(number))
        assert line[1] == result["state"]
        assert float(line[2]) == pytest.approx(result["score"], abs=1e-3)
        assert line[5] == f"{result['size']:,}"


def test_a_trial_lists_its_differences_from_trial_0(capsys, search):
    output = output_of(capsys, "trials", search.folder)
    history = search.history
    first, second = history.loc[0], history.loc[1]
    names = [name for name in history.columns if name.startswith("param.")]
    line = next(line for line in output.splitlines() if line.split()[:1] in (["1"], ["*1"]))
    changed = [name for name in names if first[name] == first[name] and first[name] != second[name]]
    assert changed
    for name in names:
        assert (f"{name.removeprefix('param.')}=" in line) == (name in changed), name


def test_best_lists_the_best_trials_first(capsys, search):
    output = output_of(capsys, "trials", search.folder, "--best", "2")
    numbers = [line.split()[0].strip("*") for line in output.splitlines()[2:] if line]
    assert numbers == [str(number) for number in search.history["score"].sort_values(kind="stable").index[:2]]


def test_describe_shows_inputs_outputs_and_scores(capsys, search):
    output = output_of(capsys, "describe", search.folder)
    assert output.startswith(f"{search.folder}: trial ")
    assert search.summary() in output
    assert line_of(output, "age")[1] == "numeric"
    assert line_of(output, "sex")[1:3] == ["categorical", "3"]
    assert "2 classes: 'cat', 'dog'" in output
    scores = search.model.metadata["scores"]
    assert line_of(output, "accuracy") == ["accuracy", f"{scores['accuracy']:.4g}", f"{scores['val_accuracy']:.4g}"]
    assert line_of(output, "epochs")[-1] == "2"


def test_describe_reads_a_saved_model(capsys, search, tmp_path):
    search.export_model().save(tmp_path / "model")
    output = output_of(capsys, "describe", tmp_path / "model")
    assert output.startswith(f"{tmp_path / 'model'}: a saved model\n")
    assert "2 classes: 'cat', 'dog'" in output


def test_the_error_for_a_parent_folder_names_the_project(capsys, search):
    assert main(["trials", str(search.directory)]) == 2
    assert f"There is one in {search.folder}." in capsys.readouterr().err


def test_a_damaged_model_is_an_error(capsys, search, tmp_path):
    search.export_model().save(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    del description["graph"]
    (tmp_path / "model.json").write_text(json.dumps(description))
    assert main(["describe", str(tmp_path)]) == 2
    assert "damaged" in capsys.readouterr().err


def test_a_search_without_a_model_is_an_error(capsys, tmp_path):
    (tmp_path / "project.json").write_text("{}")
    assert main(["describe", str(tmp_path)]) == 2
    assert "without a saved model" in capsys.readouterr().err
    assert main(["trials", str(tmp_path)]) == 0
    assert "0 trials" in capsys.readouterr().out


def test_describe_shows_short_numbers_and_bad_images(capsys, pets_model, tmp_path):
    model = md.load(pets_model)
    model.metadata["training"]["learning_rate"] = 0.1 + 0.2
    model.metadata["unreadable_rows"] = {"photo": [{"row": row, "reason": "empty"} for row in range(12)]}
    model.save(tmp_path / "model")
    assert main(["describe", str(tmp_path / "model")]) == 0
    output = capsys.readouterr().out
    assert "0.3\n" in output
    assert "0.30000000000000004" not in output
    assert (
        "photo: 12 images could not be read and were treated as missing, in rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."
        in output
    )
