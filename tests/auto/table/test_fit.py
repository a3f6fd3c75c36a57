"""The table door: what users hand in, from tidy to broken, and what they get back."""

import gzip
import json
import re
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError, DataError, MedleyWarning

KIND = ("cat", "dog", "emu")


def pets(rows=80, seed=0):
    rng = np.random.default_rng(seed)
    age, kind = rng.normal(8, 3, rows), rng.choice(KIND, rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "kind": kind,
            "chipped": rng.random(rows) < 0.5,
            "born": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "price": np.round(100 * age + 50 * (kind == "dog") + rng.normal(0, 5, rows), 2),
            "breed": np.where(age > 8, "old", "young").astype(object),
        }
    )
    frame.loc[::9, "age"] = np.nan
    frame.loc[::7, "breed"] = None
    return frame


@pytest.fixture
def fit(tmp_path):
    def fitted(table, targets, **options):
        return md.fit(table, targets, max_trials=1, epochs=1, directory=tmp_path / "search", verbose=0, **options)

    return fitted


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return md.fit(pets(), ["breed", "price"], max_trials=1, epochs=3, directory=folder, verbose=0)


# what comes in


@pytest.mark.parametrize(
    "text", ["some words {} here", "one and the same text of words", "{0} {0} {0}, {0}!", "{}…?! — ¿"]
)
def test_texts_that_hardly_differ_are_learned_from(fit, text):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"note": [text.format(row) for row in range(60)], "size": rng.normal(size=60)})
    model = fit(frame.assign(price=3 * frame["size"] + rng.normal(size=60)), "price", column_kinds={"note": "text"})
    assert np.isfinite(model.predict(frame)["price"]).all()


@pytest.mark.parametrize(
    "odd",
    [[1], {"a": 1}, b"1", pd.Series([1]), pd.DataFrame({"a": [1]}), np.ma.masked],
    ids=lambda odd: type(odd).__name__,
)
def test_one_odd_cell_does_not_cost_its_column(fit, odd):
    frame = pets().astype({"age": object})
    frame.at[3, "age"] = None
    frame["age"] = pd.Series([odd if row == 3 else age for row, age in enumerate(frame["age"])], dtype=object)
    assert fit(frame, "price").table.schema["age"].kind == "number"


# what comes back


def test_predictions_are_a_frame_in_the_callers_index_with_a_column_per_target(model):
    rows = pets(6, seed=1).set_index(pd.Index([7, 3, 9, 1, 1, 0], name="id"))
    predicted = model.predict(rows)
    assert list(predicted.columns) == ["breed", "breed_probability", "price"]
    pd.testing.assert_index_equal(predicted.index, rows.index)
    assert set(predicted["breed"]) <= {"old", "young"}
    assert predicted["breed_probability"].between(0.5, 1).all()
    assert predicted["price"].dtype.kind == "f"


def test_probabilities_are_a_column_per_class(model):
    sure = model.predict_proba(pets(5))
    assert list(sure.columns) == ["breed_old", "breed_young", "price"]
    assert np.allclose(sure[["breed_old", "breed_young"]].sum(axis=1), 1)


def test_targets_may_be_absent_columns_more_and_in_any_order(model):
    rows = pets(9, seed=2)
    plain = model.predict(rows)
    other = rows.drop(columns=["breed", "price"]).assign(more="x")[["more", "born", "kind", "chipped", "age"]]
    pd.testing.assert_frame_equal(model.predict(other), plain)


def test_all_missing_columns_are_reported_with_similar_names(model):
    rows = pets(3).rename(columns={"age": "aeg", "kind": "sort"})
    with pytest.raises(DataError, match="2 errors") as error:
        model.predict(rows)
    assert "'age' is missing in the table; near: 'aeg'" in str(error.value)
    assert "'kind'" in str(error.value)


def test_tables_may_have_any_format(model, tmp_path):
    import polars
    import pyarrow

    rows = pets(5, seed=3)
    expected = model.predict(rows)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    forms = [
        polars.from_pandas(rows),
        pyarrow.Table.from_pandas(rows),
        {name: rows[name].to_numpy() for name in rows},
        rows.to_dict("records"),
        str(tmp_path / "rows.csv"),
        tmp_path / "rows.parquet",
    ]
    for form in forms:
        predicted = model.predict(form)
        is_polars = isinstance(predicted, polars.DataFrame)
        pd.testing.assert_frame_equal(
            predicted.to_pandas() if is_polars else predicted, expected, check_dtype=not is_polars
        )


def test_a_saved_model_predicts_the_same_frames(model, tmp_path):
    again = md.load(model.save(tmp_path / "model"))
    rows = pets(20, seed=4)
    pd.testing.assert_frame_equal(again.predict(rows), model.predict(rows))
    pd.testing.assert_frame_equal(again.predict_proba(rows), model.predict_proba(rows))
    assert again.evaluate(rows) == model.evaluate(rows)
    assert again.metadata["tasks"]["breed"]["kind"] == "binary"


def test_evaluate_needs_the_targets_and_names_them_all(model):
    scores = model.evaluate(pets(30, seed=5))
    assert {"breed_accuracy", "price_loss"} <= set(scores)
    with pytest.raises(DataError, match=r"(?s)2 errors.*'breed' is missing.*'price' is missing"):
        model.evaluate(pets(30).drop(columns=["breed", "price"]))


def test_embed_gives_a_vector_per_row(model):
    vectors = model.embed(pets(4))  # by head: each has weights of its own
    assert {name: len(array) for name, array in vectors.items()} == {"breed": 4, "price": 4}
    assert all(np.isfinite(array).all() for array in vectors.values())


def test_metadata_contains_tasks_split_and_left_out_columns(model):
    assert model.metadata["rows"] == {"train": 80, "held_out": 0}
    assert model.metadata["tasks"]["price"]["kind"] == "number"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([3, 7, 7, 20], int),
        ([True, False, False, True], bool),
        (["3", "7", "7", "20"], str),
        (["a", "b", "b", "a"], str),
    ],
)
def test_predicted_labels_have_the_type_of_the_training_labels(fit, labels, kind):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 80), "label": labels * 20})
    predicted = fit(frame, "label", column_kinds={"label": "category"}).predict(frame)["label"]
    assert {type(module) for module in predicted.tolist()} == {kind}
    assert set(predicted) <= set(labels)


def test_label_sets_are_predicted_as_lists(fit):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 60), "tags": [["a", "b"], ["b"], []] * 20})
    predicted = fit(frame, "tags").predict(frame)
    assert list(predicted.columns) == ["tags"]
    assert all(set(tags) <= {"a", "b"} for tags in predicted["tags"])


def test_grades_are_predicted_in_their_order(fit):
    grades = pd.Categorical(["low", "mid", "high", "mid"] * 20, ["low", "mid", "high"], ordered=True)
    model = fit(pd.DataFrame({"x": np.linspace(0, 1, 80), "grade": grades}), "grade")
    assert list(model.predict_proba({"x": [0.5]}).columns) == ["grade_low", "grade_mid", "grade_high"]


def test_heads_and_kinds_overrule_the_guessed_task(fit):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 80), "stars": [1, 2, 5, 4] * 20, "n": [0, 1, 1, 0] * 20})
    model = fit(frame, {"stars": md.RegressionHead(), "n": None}, column_kinds={"n": "number"})
    assert [model.labels("stars"), model.labels("n")] == [None, None]
    model = fit(frame, {"stars": md.ClassificationHead()})
    assert model.labels("stars") == [1, 2, 4, 5]


# what goes in


def test_columns_of_every_plain_kind_feed_one_model(fit):
    rng = np.random.default_rng(0)
    frame = pets(60).assign(
        note=[" ".join(rng.choice(["soft", "loud", "big", "kind", "old", "shy"], 12)) for _ in range(60)],
        tags=[list(rng.choice(["x", "y", "z"], 2, replace=False)) for _ in range(60)],
        signal=list(rng.normal(size=(60, 4)).astype(np.float32)),
        photo=list(rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)),
    )
    model = fit(frame, "price")
    forms = {feed.input: feed.columns for feed in model.table.feeds}
    assert forms["tabular.input"] == ("age", "kind", "chipped", "born", "breed")
    assert set(forms) == {"tabular.input", "text.input", "text.label_set_input", "series.input", "image.input"}
    assert np.isfinite(model.predict(frame)["price"]).all()


def test_only_named_inputs_are_used(fit):
    model = fit(pets(), "price", inputs=["kind", "age"])
    assert model.table.required == ["kind", "age"]
    assert len(model.predict({"kind": ["dog"], "age": [3.0]})) == 1


def test_kinds_can_be_set(fit):
    frame = pets().assign(code=np.arange(80) % 4)
    model = fit(frame, "price", column_kinds={"code": "category", "born": "unused"})
    assert str(model.table.schema["code"].kind) == "category"
    assert "born" not in model.table.required
    assert "born" in model.metadata["left_out"]


def test_a_category_written_as_digits_is_the_same_in_a_file(fit, tmp_path):
    frame = pd.DataFrame({"zip": ["00501", "10001", "94105", "60601"] * 20, "price": np.arange(80.0)})
    frame.to_csv(tmp_path / "train.csv", index=False)
    model = fit(tmp_path / "train.csv", "price", column_kinds={"zip": "category"})
    frame.iloc[1:2].to_csv(tmp_path / "new.csv", index=False)
    predicted = model.predict(tmp_path / "new.csv")["price"][0]
    assert predicted == pytest.approx(model.predict({"zip": ["10001"]})["price"][0])


def test_numbers_that_are_nan_or_infinite_are_missing(fit):
    frame = pets()
    frame.loc[:5, "age"] = [np.inf, -np.inf, np.nan, np.inf, np.nan, 1.0]
    frame.loc[:2, "price"] = [np.inf, -np.inf, np.nan]
    model = fit(frame, "price")
    with pytest.warns(md.UnreadableCellWarning, match="row 1, column 'age': -inf is not a number"):
        predicted = model.predict(frame)["price"]
    assert np.isfinite(predicted).all()
    assert predicted[0] == pytest.approx(model.predict(frame.assign(age=np.nan))["price"][0])


def test_columns_of_mixed_types_have_the_kind_of_most_cells(fit, capsys):
    frame = pets().astype({"age": object})
    frame.loc[3, "age"] = "unknown to us"
    frame["kind"] = frame["kind"].astype(object)
    frame.loc[4, "kind"] = 7
    model = fit(frame, "price", column_kinds={"age": "number"})
    with pytest.warns(md.UnreadableCellWarning, match="row 3, column 'age': 'unknown to us' is not a number"):
        assert np.isfinite(model.predict(frame)["price"]).all()


def test_200_columns_and_5000_categories(fit):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(6000, 200)).astype(np.float32), columns=[f"n{i}" for i in range(200)])
    frame["who"] = [f"w{i % 5000}" for i in range(6000)]
    frame["y"] = frame["n0"] + rng.normal(size=6000) > 0
    model = fit(frame.iloc[:, [*range(20), 200, 201]], "y", column_kinds={"who": "category"}, batch_size=512)
    assert model.predict(frame.head(3).assign(who="never seen")).shape == (3, 2)
    wide = fit(frame.drop(columns="who").head(300), "y", batch_size=64)
    assert len(wide.table.required) == 200


def test_a_text_of_a_megabyte(fit):
    frame = pd.DataFrame(
        {"note": [f"word{i % 7} and so on for row {i} of them all" for i in range(60)], "y": [0, 1] * 30}
    )
    frame.loc[5, "note"] = "long words " * 95_000
    model = fit(frame, "y", column_kinds={"note": "text"})
    assert len(model.predict(frame)) == 60


# what is wrong with it


def test_a_missing_file_is_reported_with_similar_names(fit, tmp_path):
    pets().to_csv(tmp_path / "pets.csv", index=False)
    with pytest.raises(DataError, match=r"There is no file .*pet.csv.*'pets.csv'"):
        fit(tmp_path / "pet.csv", "price")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"age,price\n", "holds no rows"),
        (b"age:kind:price\n1:a:3\n2:b:4\n3:c:5\n", "separated by ':'"),
        (b"age,price\n1,2\n3,4,5\n", "line 3 has 3 cells"),
    ],
)
def test_files_that_are_not_tables_are_errors(fit, tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        fit(tmp_path / "t.csv", "price")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_any_delimiter_compressed_or_not(fit, tmp_path, delimiter):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        pets().to_csv(file, index=False, sep=delimiter)
    assert fit(tmp_path / "t.csv.gz", "price").table.required == ["age", "kind", "chipped", "born", "breed"]


def test_a_file_that_is_not_utf8_is_read_and_reported(tmp_path, capsys):
    (tmp_path / "t.csv").write_bytes(pets().replace("dog", "hündin").to_csv(index=False).encode("cp1252"))
    model = md.fit(tmp_path / "t.csv", "price", max_trials=1, epochs=1, directory=tmp_path)
    assert "note: t.csv is not UTF-8" in capsys.readouterr().out
    assert "hündin" in model.table.schema["kind"].examples


def test_tables_without_rows_and_with_one(fit):
    with pytest.raises(DataError, match="holds no rows"):
        fit(pets().head(0), "price")
    with pytest.raises(DataError, match="price"):
        fit(pets().head(1), "price")


def test_the_split_of_two_rows_of_two_classes_is_no_error(fit):
    with pytest.warns(MedleyWarning, match="1 class has no training rows"):
        model = fit(pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]}), "y", column_kinds={"x": "number"})
    assert model.targets["y"].labels == ["a", "b"]


def test_invalid_targets_are_reported_together(fit):
    frame = pets().assign(same="a", nothing=None, words=[f"free text of row {i} is here" for i in range(80)])
    with pytest.raises(DataError, match="3 errors") as error:
        fit(frame, ["same", "nothing", "words", "price"])
    for message in ("'same' holds one value only", "'nothing' is missing in all 80 rows", "'words' holds 80 distinct"):
        assert message in str(error.value)


def test_columns_that_share_a_name_are_renamed_and_reported(tmp_path, capsys):
    frame = pets()
    frame.columns = ["age", "age", "chipped", "born", "price", "breed"]
    model = md.fit(frame, "price", max_trials=1, epochs=1, directory=tmp_path)
    assert model.table.required[:2] == ["age", "age_2"]
    assert "note: The table: 'age' names 2 columns; they are called 'age', 'age_2'." in capsys.readouterr().out


def test_a_file_without_names_of_columns(tmp_path, capsys):
    pets().to_csv(tmp_path / "t.csv", index=False, header=False)
    model = md.fit(tmp_path / "t.csv", "column_5", max_trials=1, epochs=1, directory=tmp_path)
    assert "t.csv has no line of names: its columns are called column_1 to column_6" in capsys.readouterr().out
    assert len(model.predict(tmp_path / "t.csv")) == len(pets())


def test_a_query_is_a_table(tmp_path):
    with closing(sqlite3.connect(":memory:")) as connection:
        pets().astype({"born": str}).to_sql("pets", connection, index=False)
        settings = {"max_trials": 1, "epochs": 1, "directory": tmp_path, "verbose": 0}
        model = md.fit("SELECT * FROM pets", "price", connection=connection, **settings)
        assert len(model.predict(md.Query("SELECT * FROM pets LIMIT 5", connection))) == 5
        assert "loss" in model.evaluate(md.Query("pets", connection))


def test_polars_in_polars_out(fit):
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(pets())
    model = fit(frame, "price")
    for rows in (frame, frame.head(0)):
        assert isinstance(model.predict(rows), polars.DataFrame)
        assert isinstance(model.predict_proba(rows), polars.DataFrame)
    assert isinstance(model.predict(pets()), pd.DataFrame)


@pytest.mark.parametrize("group", [[["a"], ["b"]], [{"a": 1}, {"a": 2}]])
def test_groups_must_be_single_values(fit, group):
    with pytest.raises(DataError, match="group names 'g', whose cells must be single values"):
        fit(pets().assign(g=group * 40), "price", group="g")


def test_a_whole_number_is_a_vector_of_length_1_where_the_caller_says_so(fit):
    rows = {"v": [[float(row), 1.0] for row in range(40)], "y": [row * row for row in range(40)]}
    assert fit(rows, "y", column_kinds={"y": "vector"}).predict(rows)["y"].iloc[0] is not None
    with pytest.raises(DataError):
        fit({**rows, "y": [10**400 + row for row in range(40)]}, "y", column_kinds={"y": "vector"})


def test_all_errors_of_a_call_are_reported_together(fit):
    with pytest.raises(ConfigError, match="10 errors") as error:
        md.fit(
            pets().assign(same=1),
            ["prise", "breed", "same"],
            inputs=["agee", "breed"],
            column_kinds={"kind": "katze", "nope": "number"},
            group="nope",
            time="born",
            sample_weight="breed",
            time_limit="soon",
        )
    for message in (
        "'prise'",
        "'agee'",
        "'katze'",
        "time_limit",
        "one of group, time and split",
        "'same' holds one value",
    ):
        assert message in str(error.value)


def test_a_table_without_inputs_is_an_error_with_reasons(fit):
    with pytest.raises(ConfigError, match=r"x: constant.*column_kinds"):
        fit(pd.DataFrame({"x": [1] * 20, "y": ["a", "b"] * 10}), "y")


def test_invalid_arguments_are_reported_before_the_table_is_read(fit):
    with pytest.raises(ConfigError, match=r"(?s)max_trials.*seed.*on_bad_file"):
        md.fit(pets(), "price", max_trials=0, seed=-1, on_bad_file="shrug")


# leaks and splits


def test_target_leakage_is_warned_of(tmp_path):
    frame = pets().assign(
        euros=lambda leak: leak["price"] * 1.1, label=lambda leak: leak["breed"].map({"old": 1, "young": 0})
    )
    with pytest.warns(MedleyWarning) as caught:
        model = md.fit(frame, ["price", "breed"], max_trials=1, epochs=1, directory=tmp_path, verbose=0)
    messages = " ".join(str(warning.message) for warning in caught)
    assert "'euros' determines the target 'price'" in messages
    assert "'label' determines the target 'breed'" in messages
    assert {(leak["column"], leak["target"]) for leak in model.metadata["leaks"]} >= {
        ("euros", "price"),
        ("label", "breed"),
    }


def test_group_time_and_split_columns_determine_the_split(fit):
    frame = pets().assign(owner=np.arange(80) // 8, part=["train", "train", "val", "test"] * 20, w=1.0)
    model = fit(frame, "price", group="owner")
    assert "owner" not in model.table.required
    assert model.metadata["rows"]["held_out"] % 8 == 0
    assert fit(frame, "price", time="born").metadata["rows"]["held_out"] >= 16
    assert fit(frame, "price", split="part", sample_weight="w").metadata["rows"] == {"train": 40, "held_out": 20}


def test_weights_must_be_numbers(fit):
    with pytest.raises(DataError, match="sample_weight"):
        fit(pets().assign(w=-1.0), "price", sample_weight="w")


def test_a_search_without_max_trials_ends_if_trials_do_not_improve(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("medley.auto.table.fit.PATIENCE", 1)
    monkeypatch.setattr("medley.auto.table.fit.ROWS_PER_TRIAL", 1)
    options = {"training": md.Training(learning_rate=1e-9), "epochs": 1, "directory": tmp_path}
    model = md.fit(pets(), "price", **options)
    assert model.metadata["search"]["ended"] == "patience"
    assert 2 <= model.metadata["search"]["trials"] < 50
    assert "did not improve the score" in capsys.readouterr().out
    asked = md.fit(pets(), "price", max_trials=3, **options, project_name="asked", verbose=0)
    assert asked.metadata["search"] == {"trials": 3, "ended": "trials"}


@pytest.mark.parametrize(("rows", "trials"), [(60, 1), (120, 2)])
def test_few_validation_rows_do_not_choose_among_many_networks(rows, trials, tmp_path, capsys):
    frame = pets(rows).drop(columns="born")  # all rows are validation rows, in folds
    model = md.fit(frame, "price", epochs=1, directory=tmp_path)
    assert model.metadata["search"] == {"trials": trials, "ended": "trials"}
    assert "by chance; max_trials overrules" in capsys.readouterr().out


def many_kinds(rows=60):
    rng = np.random.default_rng(0)
    frame = pets(rows)
    frame["tags"] = [list(rng.choice(["a", "b", "c"], 2, replace=False)) for _ in range(rows)]
    frame["place"] = [list(point) for point in rng.normal(size=(rows, 2)).round(3)]
    frame["stars"] = rng.integers(1, 6, rows)
    return frame


def test_predictions_of_no_rows_have_the_usual_columns_and_types(fit, tmp_path):
    frame = many_kinds()
    model = fit(frame, ["breed", "price", "tags", "place", "stars"])
    none = frame.iloc[:0]
    for way in (model.predict, model.predict_proba):
        some, empty = way(frame.head(2)), way(none)
        assert (len(empty), list(empty.dtypes.items())) == (0, list(some.dtypes.items()))
    assert model.predict(none.set_index("age", drop=False)).index.name == "age"
    assert model.predict([]).columns.tolist() == model.predict(none).columns.tolist()
    none[model.table.required].to_csv(tmp_path / "none.csv", index=False)
    assert list(model.predict(tmp_path / "none.csv").columns) == list(model.predict(frame.head(1)).columns)
    with pytest.raises(DataError, match="holds no rows"):
        model.evaluate(none)


def test_targets_without_columns_are_warned_of_and_not_evaluated(fit):
    frame = many_kinds()
    model = fit(frame, ["breed", "price"])
    complete_scores = model.evaluate(frame)
    with pytest.warns(MedleyWarning, match="no column 'breed'"):
        scores = model.evaluate(frame.drop(columns="breed"))
    assert scores == {name: value for name, value in complete_scores.items() if name.startswith("price")} | {
        "loss": scores["loss"]
    }
    assert scores["loss"] != complete_scores["loss"]
    with pytest.raises(DataError, match=r"(?s)'breed' is missing.*'price' is missing"):
        model.evaluate(frame.drop(columns=["breed", "price"]))


# images


def photos(folder, rows):
    from PIL import Image

    rng = np.random.default_rng(0)
    for row in range(rows):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{row}.png")
    (folder / "3.png").write_bytes(b"no image")
    return [f"{row}.png" for row in range(rows)]


def test_paths_count_from_the_tables_own_folder_and_bad_images_follow_the_policy(fit, tmp_path):
    frame = pd.DataFrame({"photo": photos(tmp_path, 24), "price": np.arange(24.0)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(md.BadImageWarning):
        model = fit(tmp_path / "t.csv", "price")
    assert model.table.feeds[0].input == "image.input"
    assert md.load(model.save(tmp_path / "model")).metadata["unreadable_rows"]["photo"][0]["row"] == 3
    with pytest.warns(md.BadImageWarning):
        assert np.isfinite(model.predict(tmp_path / "t.csv")["price"]).all()
    dropped = fit(tmp_path / "t.csv", "price", on_bad_file="drop")
    assert dropped.metadata["dropped_rows"] == [3]
    with pytest.raises(DataError, match="3"):
        fit(tmp_path / "t.csv", "price", on_bad_file="raise")


def test_unreadable_images_are_reported_once_by_row_numbers_of_the_whole_table(fit, tmp_path):
    frame = pd.DataFrame({"photo": photos(tmp_path, 24), "price": np.arange(24.0)})
    for row in (7, 11, 19, 20):
        (tmp_path / f"{row}.png").write_bytes(b"")
    with pytest.warns(md.BadImageWarning) as caught:
        model = fit(frame, "price", root=tmp_path)
    (message,) = [str(warning.message) for warning in caught if warning.category is md.BadImageWarning]
    assert message.startswith("photo: 5 of 24 images cannot be read")
    assert [int(line.split()[2]) for line in message.splitlines()[1:]] == [3, 7, 11, 19, 20]
    assert [entry["row"] for entry in model.metadata["unreadable_rows"]["photo"]] == [3, 7, 11, 19, 20]
    with pytest.raises(DataError) as error:
        fit(frame, "price", root=tmp_path, on_bad_file="raise")
    assert [int(row) for row in re.findall(r"- photo, row (\d+)", str(error.value))] == [3, 7, 11, 19, 20]
    with pytest.raises(DataError, match=r"None of the image files exists. Relative paths are resolved against root="):
        fit(frame, "price")


def test_images_may_have_any_format(fit):
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(24)]
    price = np.arange(24.0)
    forms = [[Image.fromarray(image) for image in pixels], pixels, [image.tolist() for image in pixels]]
    predicted = [fit({"photo": form, "price": price}, "price").predict({"photo": form})["price"] for form in forms]
    assert all(np.array_equal(image, predicted[0]) for image in predicted)


def test_several_images_of_a_row_share_one_encoder(fit, tmp_path):
    names = photos(tmp_path, 24)
    names[3] = names[4]
    frame = pd.DataFrame({"front": names, "back": names[::-1], "price": np.arange(24.0)})
    frame.loc[5, "back"] = None
    model = fit(frame, "price", root=tmp_path)
    (feed,) = model.table.feeds
    assert feed.columns == ("front", "back")
    assert np.isfinite(model.predict(frame, root=tmp_path)["price"]).all()


# real tables


def real(fit, frame, targets):
    model = fit(frame, targets, batch_size=128)
    predicted = model.predict(frame.drop(columns=targets).head(20))
    assert [name for name in predicted.columns if name in targets] == targets
    assert all(np.isfinite(value) for value in model.evaluate(frame.head(200)).values())
    json.dumps(model.metadata["tasks"])
    return model


def test_adult_with_missing_labels(fit, shared_data):
    frame = pd.read_csv(shared_data / "adult" / "adult.csv.gz", nrows=1500)
    with pytest.warns(MedleyWarning, match="'Armed-Forces'"):  # one row
        model = real(fit, frame, ["income", "hours-per-week", "occupation"])
    assert frame["occupation"].isna().any()
    assert {task["kind"] for task in model.metadata["tasks"].values()} == {"binary", "number", "multiclass"}


def test_california_housing_with_both_targets(fit, shared_data):
    frame = pd.read_csv(shared_data / "california_housing" / "housing.csv.gz").sample(1500, random_state=0)
    real(fit, frame, ["median_house_value", "ocean_proximity"])


def test_womens_clothing_with_texts(fit, shared_data):
    frame = pd.read_csv(shared_data / "womens_clothing" / "reviews.csv.gz").sample(1500, random_state=0)
    with pytest.warns(MedleyWarning, match="'Class Name' determines the target 'Department Name'"):
        model = real(fit, frame, ["Recommended IND", "Rating", "Department Name"])
    assert [feed.input for feed in model.table.feeds].count("text.input") == 2
    assert model.metadata["tasks"]["Rating"]["kind"] == "ordered"


def test_a_target_may_be_called_by_its_number(tmp_path):
    rows = pd.DataFrame({"x": np.arange(30.0), 7: np.sin(np.arange(30.0))})
    model = md.fit(rows, 7, max_trials=1, epochs=1, verbose=0, pretrained=None, directory=tmp_path)
    assert model.predict(rows[["x"]]).columns.tolist() == [7]


def has_visual_words(model):
    return any(isinstance(node.block, md.VisualWords) for node in model.graph.nodes())


def test_few_rows_with_several_images_beside_columns_are_all_trained_on_in_folds(fit):
    rng = np.random.default_rng(0)
    front, back = (list(rng.integers(0, 255, (60, 12, 12, 3), np.uint8)) for _ in range(2))
    frame = pd.DataFrame({"size": rng.normal(size=60), "y": rng.normal(size=60)}).assign(front=front, back=back)
    model = fit(frame, "y")
    assert (model.metadata["folds"], model.metadata["rows"]) == (5, {"train": 60, "held_out": 0})
    assert has_visual_words(model)
    repeated = fit(frame, "y", plan=model.metadata["plan"], overwrite=True)
    assert repeated.predict(frame[:5])["y"].tolist() == model.predict(frame[:5])["y"].tolist()
    alone = fit(frame[["front", "back", "y"]], "y", overwrite=True)
    assert not has_visual_words(alone)
