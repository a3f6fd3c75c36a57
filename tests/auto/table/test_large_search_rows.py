"""Tables that do not fit into memory give the same models, and their encodings are cached."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.auto.table import large_search_rows
from medley.cache.encoded_files import EncodedFiles
from medley.errors import BadImageWarning, DataError, MedleyWarning
from medley.linear.codec import LinearPathCodec
from medley.tables.reading import large_table as scan

SMALL = "20kB"


def rows(count=120, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(5, 2, count).round(3)
    frame = pd.DataFrame(
        {
            "size": size,
            "kind": rng.choice(["1", "2", "emu"], count),
            "born": [f"2020-0{month}-15" for month in rng.integers(1, 9, count)],
            "owner": [f"owner {number}" for number in rng.integers(0, 12, count)],
            "note": [
                " ".join(rng.choice(["old", "new", "red", "blue", "door", "bed", "sofa"], 5)) for _ in range(count)
            ],
            "price": (10 * size + rng.normal(0, 1, count)).round(2),
            "mood": np.where(size > 5, "shy", "bold").astype(object),
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame.loc[::7, "mood"] = None
    frame.loc[5, ["size", "kind", "born", "owner", "note"]] = frame.loc[6, ["size", "kind", "born", "owner", "note"]]
    return frame


@pytest.fixture
def fit(tmp_path):
    count = 0

    def fitted(table, targets=("price", "mood"), **options):
        nonlocal count
        count += 1
        place = {"directory": tmp_path / "search", "project_name": str(count)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Column .* gives the target", MedleyWarning)
            arguments = {"verbose": 0, "validation_split": 0.2, **place, **options}
            return md.fit(table, targets, max_trials=1, epochs=1, **arguments)

    return fitted


def same(first, other):
    """Whether two models are the same, to the bit."""
    assert first.metadata["rows"] == other.metadata["rows"]
    assert first.metadata["scores"] == other.metadata["scores"]
    assert first.metadata["dropped_rows"] == other.metadata["dropped_rows"]
    for mine, others in zip(first.sources, other.sources, strict=True):
        assert repr(mine.codec.state()) == repr(others.codec.state())


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held")
    rows().to_csv(folder / "t.csv", index=False)
    options = {"max_trials": 1, "epochs": 1, "directory": folder, "verbose": 0, "validation_split": 0.2}
    return md.fit(folder / "t.csv", ["price", "mood"], memory="10GB", **options)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl", "t.feather", "folder"])
def test_the_model_equals_that_of_the_table_in_memory(fit, held, tmp_path, name):
    frame, path = rows(), tmp_path / name
    if name == "folder":
        path.mkdir()
        frame[:70].to_parquet(path / "a.parquet")
        frame[70:].to_parquet(path / "b.parquet")
    else:
        write = {"csv": frame.to_csv, "gz": frame.to_csv, "parquet": frame.to_parquet, "feather": frame.to_feather}
        if name == "t.jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            write[name.split(".")[-1]](path, **({"index": False} if "csv" in name else {}))
    large = fit(path, memory=SMALL)
    same(large, held)
    assert large.metadata["learnt_from"] == large.metadata["rows"]["train"]
    assert list(large.predict(frame).columns) == ["price", "mood", "mood_probability"]


@pytest.mark.parametrize(
    "options",
    [
        {"group": "owner"},
        {"time": "born"},
        {"split": "part"},
        {"sample_weight": "weight"},
        {"column_kinds": {"mood": "category", "kind": "category"}, "inputs": ["kind", "note"]},
    ],
    ids=str,
)
def test_the_split_and_weights_are_as_in_memory(fit, tmp_path, options):
    part = np.where(np.arange(120) % 4 == 0, "validation", np.where(np.arange(120) % 11 == 0, "test", "train"))
    rows().assign(part=part, weight=np.arange(120) % 3).to_csv(tmp_path / "t.csv", index=False)
    same(fit(tmp_path / "t.csv", memory=SMALL, **options), fit(tmp_path / "t.csv", memory="10GB", **options))


@pytest.mark.parametrize("options", [{}, {"group": "owner"}, {"inputs": ["size", "kind", "note"]}], ids=str)
def test_folds_and_the_linear_path_are_as_in_memory(fit, tmp_path, options):
    frame = rows()
    frame["born"] = (pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(120) % 40, unit="D")).astype(str)
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = {"validation_split": None, **options}
    large, held = (fit(tmp_path / "t.csv", memory=memory, **options) for memory in (SMALL, "10GB"))
    same(large, held)
    assert large.metadata["folds"] == 5
    assert "linear_path" in [source.name for source in large.sources]
    assert large.metadata["rows"] == {"train": 120, "held_out": 0}
    pd.testing.assert_frame_equal(large.predict(frame), held.predict(frame))
    for head, task in held.validation.tasks.items():
        np.testing.assert_array_equal(large.validation.tasks[head].outputs, task.outputs)


def test_rows_beyond_the_sample_are_encoded_by_models_of_other_folds(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"rows": 200})
    monkeypatch.setattr(large_search_rows, "_MIN_SAMPLE", 5)
    encode, folds_of_word = LinearPathCodec.encode_training, {}

    def recorded(self, values, folds):
        for note, fold in zip(values["note"], folds.tolist(), strict=True):
            folds_of_word.setdefault(note.split()[0], []).append(fold)
        return encode(self, values, folds)

    monkeypatch.setattr(LinearPathCodec, "encode_training", recorded)
    frame = rows(400)
    frame["note"] = frame["owner"].str.replace(" ", "") + " " + frame["note"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = fit(tmp_path / "t.csv", memory=SMALL, group="owner", validation_split=None)
    assert model.metadata["learnt_from"] == 200
    assert sum(map(len, folds_of_word.values())) == 200
    assert all(len(set(folds)) == 1 for folds in folds_of_word.values())  # the folds of groups
    held = fit(tmp_path / "t.csv", memory="10GB", group="owner", validation_split=None)
    ours, theirs = (trained.metadata["scores"]["val_loss"] for trained in (model, held))
    assert ours == pytest.approx(theirs, rel=0.3)


def test_classes_and_labels_are_those_of_all_rows_rather_than_of_the_sample(fit, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scan, "SAMPLE_ROWS", 30)
    monkeypatch.setattr(large_search_rows, "SAMPLE_ROWS", 30)
    monkeypatch.setattr(large_search_rows, "_MIN_SAMPLE", 5)
    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"rows": 30})
    frame = rows(400)
    frame["grade"] = "usual"
    frame.loc[[3, 200, 399], "grade"] = "rare"
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = fit(tmp_path / "t.csv", ["grade", "price"], memory=SMALL, verbose=1)
    output = capsys.readouterr().out
    assert model.labels("grade") == ["rare", "usual"]
    assert model.metadata["rows"] == {"train": 320, "held_out": 80}
    assert model.metadata["learnt_from"] < 30
    assert re.search(r"400 rows, read in batches.*30 of them", output)
    assert "inputs are fitted to a sample" in output
    assert "encoded table, linear_path: 400 rows" in output


def test_a_split_column_whose_training_rows_are_few_is_sampled_by_itself(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"rows": 10})
    monkeypatch.setattr(large_search_rows, "_MIN_SAMPLE", 40)
    part = np.where(np.arange(400) >= 350, "train", "validation")
    rows(400).assign(part=part).to_csv(tmp_path / "t.csv", index=False)
    model = fit(tmp_path / "t.csv", split="part", memory=SMALL)
    assert model.metadata["learnt_from"] == model.metadata["rows"]["train"] == 50


def test_encodings_are_reused_unless_the_content_changes(fit, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    frame = rows()
    frame.to_csv(tmp_path / "t.csv", index=False)

    def fit_again():
        model = fit(tmp_path / "t.csv", memory=SMALL, verbose=1)
        return model, "encoded before" in capsys.readouterr().out

    first, was_cached = fit_again()
    assert not was_cached
    folders = sorted((tmp_path / "cache" / "tables").glob("*/"))
    assert len(folders) == 2
    again, was_cached = fit_again()
    assert was_cached
    same(first, again)
    damaged = next(folder for folder in folders if (folder / "0.rows").stat().st_size)
    content = bytearray((damaged / "0.rows").read_bytes())
    content[7] ^= 1
    (damaged / "0.rows").write_bytes(content)
    again, was_cached = fit_again()
    assert not was_cached
    same(first, again)
    frame.assign(size=frame["size"] + 1).to_csv(tmp_path / "t.csv", index=False)
    assert not fit_again()[1]


def test_unfinished_encodings_are_not_used(fit, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    rows(400).to_csv(tmp_path / "t.csv", index=False)
    calls = []

    def interrupted(self, part, encoded):
        calls.append(len(encoded.array))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return add(self, part, encoded)

    from medley.cache.encoded_files import Writer

    add = Writer.add
    monkeypatch.setattr(Writer, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "t.csv", memory=SMALL)
    assert [path.name for path in (tmp_path / "cache" / "tables").iterdir()] == ["lock"]
    monkeypatch.setattr(Writer, "add", add)
    same(fit(tmp_path / "t.csv", memory=SMALL), fit(tmp_path / "t.csv", memory="10GB"))


def test_a_full_disk_is_an_error_before_the_training(fit, tmp_path, monkeypatch):
    from medley.cache.encoded_files import Writer

    def full(self, part, encoded):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Writer, "add", full)
    rows().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"No space left on device.*MEDLEY_CACHE"):
        fit(tmp_path / "t.csv", memory=SMALL)


def with_photos(tmp_path, bad=(3, 50, 51)):
    (tmp_path / "photos").mkdir()
    frame = rows()
    rng = np.random.default_rng(0)
    for row in range(len(frame)):
        path = tmp_path / "photos" / f"{row}.png"
        if row in bad:
            path.write_bytes(b"")
        else:
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    frame["photo"] = [f"photos/{row}.png" for row in range(len(frame))]
    frame.to_csv(tmp_path / "t.csv", index=False)
    return frame


def test_unreadable_images_are_reported_once_by_row_even_if_they_are_cached(fit, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    with_photos(tmp_path)
    models = []
    for memory in ("10GB", SMALL, SMALL):
        with pytest.warns(BadImageWarning) as caught:
            models.append(fit(tmp_path / "t.csv", memory=memory))
        (message,) = [str(warning.message) for warning in caught if warning.category is BadImageWarning]
        assert message.startswith("photo: 3 of 120 images cannot be read")
        assert [int(line.split()[2]) for line in message.splitlines()[1:]] == [3, 50, 51]
    assert [entry["row"] for entry in models[1].metadata["unreadable_rows"]["photo"]] == [3, 50, 51]
    same(models[0], models[1])
    same(models[1], models[2])


def test_rows_of_unreadable_images_are_dropped_or_an_error(fit, tmp_path):
    with_photos(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", BadImageWarning)
        large = fit(tmp_path / "t.csv", memory=SMALL, on_bad_file="drop")
    assert large.metadata["dropped_rows"] == [3, 50, 51]
    same(large, fit(tmp_path / "t.csv", memory="10GB", on_bad_file="drop"))
    with pytest.raises(DataError, match=r"photo: (.|\n)*row (3|50|51) "):
        fit(tmp_path / "t.csv", memory=SMALL, on_bad_file="raise")


def test_a_changed_image_is_encoded_again(fit, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    with_photos(tmp_path, bad=())
    fit(tmp_path / "t.csv", memory=SMALL)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "7.png")
    fit(tmp_path / "t.csv", memory=SMALL, verbose=1)
    assert "encoded before" not in capsys.readouterr().out


def test_a_small_table_of_many_images_is_large(fit, tmp_path, monkeypatch, capsys):
    with_photos(tmp_path, bad=())
    monkeypatch.setattr("medley.tables.reading.memory._MEMORY_PER_BYTE", 0.0)
    fit(tmp_path / "t.csv", memory="20kB", verbose=1)
    assert "read in batches" in capsys.readouterr().out
    fit(tmp_path / "t.csv", memory="30kB", verbose=1)
    assert "read in batches" not in capsys.readouterr().out


def test_unparsed_cells_and_leaks_are_reported(fit, tmp_path, capsys):
    frame = rows(400).astype({"size": object})
    frame.loc[301, "size"] = "big"
    frame.assign(euros=frame["price"] * 2).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(MedleyWarning, match="'euros' determines the target 'price'"):
        md.fit(
            tmp_path / "t.csv", "price", column_kinds={"size": "number"}, memory=SMALL, max_trials=1, epochs=1,
            directory=tmp_path / "s",
        )  # fmt: skip
    assert (
        "size: 1 cell cannot be parsed as a number and counts as missing, the first in row 301"
        in capsys.readouterr().out
    )


def test_all_errors_are_reported_together_before_all_rows_are_read(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "_with_row_bytes", None)
    rows(300).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(md.MedleyError) as error:
        fit(tmp_path / "t.csv", ["prise"], group="ovner", memory=SMALL, time_limit="soon")
    for word in ("prise", "ovner", "soon"):
        assert word in str(error.value)
    with pytest.raises(md.MedleyError, match="memory must be a number of bytes, or a string"):
        fit(tmp_path / "t.csv", memory="lots")


def test_a_search_over_a_large_table_is_resumed(fit, tmp_path, capsys):
    rows().to_csv(tmp_path / "t.csv", index=False)
    options = {"project_name": "one", "memory": SMALL, "time_limit": None}
    fit(tmp_path / "t.csv", **options)
    again = fit(tmp_path / "t.csv", **options, verbose=1)
    assert "trial 0 (1/1)" not in capsys.readouterr().out
    assert again.metadata["rows"]["train"] > 0


def test_a_large_table_is_never_whole_in_memory(fit, tmp_path, monkeypatch):
    def read_whole_file(*_):
        raise AssertionError("the file was read at once")

    rows(600).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr("medley.tables.reading.read._read_file", read_whole_file)
    seen = []
    batches = scan.LargeTable.batches

    def watched(self, *args):
        for start, batch in batches(self, *args):
            seen.append(len(batch))
            yield start, batch

    monkeypatch.setattr(scan, "_BATCH_BYTES", (1000, 4000))
    monkeypatch.setattr(scan.LargeTable, "batches", watched)
    model = fit(tmp_path / "t.csv", memory=SMALL)
    assert max(seen) < 100
    assert sum(seen) == 3 * 600
    assert sum(model.metadata["rows"].values()) == 600


def test_encoded_files_are_where_the_docs_say(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    assert EncodedFiles().folder == tmp_path / "tables"


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_batches_with_an_empty_or_atypical_column_have_no_effect(fit, tmp_path, monkeypatch, name):
    monkeypatch.setattr(scan, "_BATCH_BYTES", (1000, 3000))
    frame = rows(300)
    frame["flag"] = pd.Series(np.arange(300) % 3 == 0, dtype=object)
    frame["code"] = [str(number) for number in range(300)]
    frame.loc[250, "code"] = "unknown code"
    frame.loc[20:220, ["size", "kind", "born", "note", "flag", "mood"]] = None
    if name == "t.csv":
        frame.to_csv(tmp_path / name, index=False)
    else:
        frame.to_parquet(tmp_path / name)
    kinds = {"code": "number"}
    large, held = (fit(tmp_path / name, memory=number, column_kinds=kinds) for number in ("1kB", "10GB"))
    same(large, held)
    assert large.table.schema.state() == held.table.schema.state()
