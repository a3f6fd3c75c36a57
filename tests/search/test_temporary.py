"""A search without a directory leaves no files."""

import gc
import multiprocessing
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.search.temporary import temporary_folder

RNG = np.random.default_rng(0)


class Owner:
    pass


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The current folder and the one of temporary files, both empty."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return here, temporary


def numbers(rows=40):
    x = RNG.normal(size=rows)
    return pd.DataFrame({"x": x, "y": 2 * x + RNG.normal(size=rows)})


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("torchinductor"))


def test_a_folder_is_deleted_with_its_owner(places):
    owner = Owner()
    folder = temporary_folder(owner)
    (folder / "sub").mkdir()
    assert names(places[1]) == [folder.name]
    del owner
    gc.collect()
    assert names(places[1]) == []


def _drop(owner):
    owner.clear()
    gc.collect()


def test_a_forked_process_does_not_remove_it(places):
    owners = [Owner()]
    folder = temporary_folder(owners[0])
    process = multiprocessing.get_context("fork").Process(target=_drop, args=(owners,))
    process.start()
    process.join()
    assert folder.is_dir()


def test_four_tables_leave_nothing_behind(places):
    models = [md.fit(numbers(), "y", max_trials=1, epochs=1, verbose=0) for _ in range(4)]
    gc.collect()
    assert names(places[0]) == names(places[1]) == []
    assert all(len(model.predict(numbers(3))) == 3 for model in models)
    assert all(len(md.load(model.save("saved")).predict(numbers(3))) == 3 for model in models)


def test_a_search_is_not_kept_alive_by_imports(tmp_path):
    code = (
        "import gc, tempfile, numpy as np, medley as md\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "x = np.arange(40.0)\n"
        "model = md.fit({'x': x % 7, 'y': x % 7 + x % 3}, 'y', max_trials=1, epochs=1, verbose=0)\n"
        "gc.collect()\n"
        "from medley.auto.automodel import AutoModel\n"
        "from medley.search.encodings import Encodings\n"
        "print([type(one).__name__ for one in gc.get_objects() if type(one) in (AutoModel, Encodings)])\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_search_that_fails_leaves_nothing_behind(places):
    with pytest.raises(md.MedleyError):
        md.fit(numbers(), "y", max_trials=1, epochs=1, max_model_size=1, verbose=0)
    gc.collect()
    assert names(places[0]) == names(places[1]) == []


def test_the_folder_of_a_search_exists_as_long_as_its_automodel(places):
    table = numbers()
    auto = md.AutoModel(md.StructuredDataInput(), md.RegressionHead(), max_trials=2, keep=2)
    for _ in range(2):
        auto.fit(table[["x"]], table["y"], epochs=1, verbose=0)
    assert names(places[0]) == []
    assert len(names(places[1])) == 1
    assert len(auto.best_models()) == 2
    assert auto.folder.is_dir()
    del auto
    gc.collect()
    assert names(places[1]) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"directory": "runs"}, "runs/table_model"),
        ({"project_name": "pets"}, "pets"),
        ({"directory": "runs", "project_name": "pets"}, "runs/pets"),
    ],
)
def test_a_search_with_a_place_is_kept_and_resumed(places, capsys, options, expected):
    table = numbers()
    for _ in range(2):
        md.fit(table, "y", max_trials=1, epochs=1, verbose=1, **options)
    assert "resumes from there" in capsys.readouterr().out
    assert (places[0] / expected / "project.json").is_file()
    assert names(places[1]) == []


def test_classes_name_their_folders(tmp_path):
    assert md.AutoModel(md.ImageInput(), md.RegressionHead(), directory=tmp_path).folder == tmp_path / "auto_model"
    assert md.TextClassifier(directory=tmp_path).folder == tmp_path / "text_classifier"


def test_nothing_is_fitted_yet(places):
    auto = md.AutoModel(md.StructuredDataInput(), md.RegressionHead())
    with pytest.raises(md.MedleyError, match=r"^Nothing is fitted yet; call fit first\.$"):
        auto.predict([[1.0]])
    assert auto.history.empty
    assert names(places[0]) == []
