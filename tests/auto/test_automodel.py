"""The graph door as its users walk through it."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import medley as md
from medley.auto.training_rows import match_rows, split_at_random
from medley.balance.fixed import FixedWeights
from medley.core.resolve import resolve
from medley.errors import ConfigError, DataError, GraphError, MedleyWarning, NotFittedError, SearchError
from medley.search import search_spec

SIZE = 60


def wave(size=SIZE, seed=0):
    return np.random.default_rng(seed).normal(size=(size, 3)).astype("float32")


def table(size=SIZE):
    colours = ["red", "green", None, "blue"]
    return [[float(i % 9) if i % 5 else None, colours[i % 4]] for i in range(size)]


def targets(size=SIZE):
    x = wave(size)
    return {"kind": np.where(x[:, 0] > 0, "up", "down"), "price": 40 + 9 * x[:, 1]}


def rows(size=SIZE):
    return {"wave": wave(size), "facts": table(size)}


@pytest.fixture
def auto(tmp_path):
    """A model of two inputs and two heads; keywords go to `AutoModel`."""

    def make(max_trials=1, name="project", price=None, training=None, **keywords):
        flow, facts = md.Input(name="wave"), md.StructuredDataInput(name="facts")
        dense = md.DenseBlock(num_units=(8,), use_batchnorm=False, dropout=0.0, name="dense")(flow)
        joined = md.Merge("concatenate", name="join")([dense, md.CategoricalToNumerical()(facts)])
        heads = [
            md.ClassificationHead(dropout=0.0, name="kind")(joined),
            (price or md.RegressionHead(metrics=["mae"], dropout=0.0, name="price"))(joined),
        ]
        keywords = {"directory": tmp_path, "seed": 0, **keywords}
        return md.AutoModel([flow, facts], heads, name, max_trials, training=training, **keywords)

    return make


@pytest.fixture
def single(tmp_path):
    """A model of one input and one head."""

    def make(head=None, max_trials=1, **keywords):
        flow = md.Input(name="wave")
        node = md.DenseBlock(num_layers=1, use_batchnorm=False, dropout=0.0, name="dense")(flow)
        head = head or md.RegressionHead(dropout=0.0, name="price")
        keywords = {"directory": tmp_path, "seed": 0, **keywords}
        return md.AutoModel(flow, head(node), max_trials=max_trials, **keywords)

    return make


def fitted(model, x=None, y=None, epochs=1, **keywords):
    model.fit(rows() if x is None else x, targets() if y is None else y, epochs=epochs, verbose=0, **keywords)
    return model


class TestForms:
    """Inputs and targets as lists in order, dicts by name, or single."""

    def test_what_comes_in_by_name_goes_out_by_name(self, auto):
        model = fitted(auto())
        named, listed = model.predict(rows()), model.predict(list(rows().values()))
        assert list(named) == ["kind", "price"]
        assert isinstance(listed, list)
        for by_name, other in zip(named.values(), listed, strict=True):
            assert by_name.tolist() == other.tolist()
        assert model.predict_proba(rows())["kind"].shape == (SIZE, 2)

    def test_lists_dicts_and_any_order_of_names_train_the_same(self, auto):
        predictions = []
        for number, (x, y) in enumerate(
            [
                (rows(), targets()),
                (dict(reversed(rows().items())), dict(reversed(targets().items()))),
                (list(rows().values()), list(targets().values())),
                (tuple(rows().values()), tuple(targets().values())),
            ]
        ):
            predictions.append(fitted(auto(name=str(number)), x, y).predict(rows())["price"].tolist())
        assert predictions[0] == predictions[1] == predictions[2] == predictions[3]

    def test_one_input_and_one_head_come_bare(self, single):
        y = targets()["price"]
        model = fitted(single(), wave(), y)
        assert model.predict(wave()).shape == (SIZE,)
        assert model.predict([wave()]).tolist() == model.predict({"wave": wave()}).tolist()

    def test_frames_series_and_tensors(self, single):
        index = range(500, 500 + SIZE)
        x, y = pd.DataFrame(wave(), index=index), pd.Series(targets()["price"], index=index)
        first = fitted(single(), x, y).predict(x)
        other = fitted(single(overwrite=True), torch.tensor(wave()), targets()["price"]).predict(wave())
        assert first.tolist() == other.tolist()

    def test_bare_heads_get_default_encoders_and_one_merge(self, tmp_path):
        inputs = [md.Input(), md.StructuredDataInput()]
        model = md.AutoModel(inputs, [md.ClassificationHead(), md.RegressionHead()], max_trials=1, directory=tmp_path)
        model.fit(list(rows().values()), list(targets().values()), epochs=1, verbose=0)
        kind, price = model.predict(list(rows().values()))
        assert set(kind) <= {"up", "down"}
        assert price.shape == (SIZE,)
        assert model.export_model().input_names == ["input_1", "structured_data_input_1"]

    def test_bare_and_joined_heads_may_be_mixed(self, tmp_path):
        flow = md.Input()
        joined = md.RegressionHead(name="price")(md.DenseBlock()(flow))
        model = md.AutoModel(flow, [md.ClassificationHead(name="kind"), joined], max_trials=1, directory=tmp_path)
        model.fit(wave(), targets(), epochs=1, verbose=0)
        assert [len(prediction) for prediction in model.predict(wave())] == [SIZE, SIZE]

    @pytest.mark.parametrize("name", ["type", "train", "keys", "a.b", "a b/c", "%", "größe", "__", "training"])
    def test_parts_may_have_any_name(self, tmp_path, name):
        flow = md.Input(name=f"{name} in")
        node = md.DenseBlock(num_units=(3,), name=f"{name}.")(flow)
        model = md.AutoModel(flow, md.RegressionHead(name=name)(node), max_trials=1, directory=tmp_path)
        fitted(model, {f"{name} in": wave()}, {name: targets()["price"]})
        again = md.load(model.export_model().save(tmp_path / "kept"))
        assert again.output_names == [name]
        assert again.predict(wave()).tolist() == model.predict(wave()).tolist()

    def test_names_that_look_alike_are_two_parts(self, tmp_path):
        flow, names = md.Input(), ["d.e", "d__e", "d%2Ee"]
        heads = [md.RegressionHead()(md.DenseBlock(num_units=(4,), name=name)(flow)) for name in names]
        model = md.AutoModel(flow, heads, max_trials=1, directory=tmp_path)
        fitted(model, wave(), [targets()["price"]] * 3)
        assert len(model.export_model().network.parts) == 6

    @pytest.mark.parametrize(
        "labels",
        [
            ["no", "yes"],
            [3, 7],
            [False, True],
            [1.5, 2.5],
            np.array([2, 1], dtype="int8"),
            ["a", "b", "c"],
        ],
    )
    def test_labels_come_back_in_the_type_they_were_given(self, single, labels):
        column = np.array([labels[i % len(labels)] for i in range(SIZE)])
        model = fitted(single(md.ClassificationHead(name="kind")), wave(), column)
        predicted = model.predict(wave())
        assert predicted.dtype == column.dtype
        assert set(predicted.tolist()) <= set(column.tolist())
        assert model.export_model().labels() == sorted(set(column.tolist()))


class TestMissing:
    """Missing labels, missing rows, missing inputs."""

    def test_labels_may_be_missing_in_any_task(self, auto):
        kind, price = list(targets()["kind"]), targets()["price"].copy()
        kind[::3] = [None] * len(kind[::3])
        price[1::2] = np.nan
        model = fitted(auto(), y={"kind": kind, "price": price})
        predicted = model.predict(rows())
        assert set(predicted["kind"]) <= {"up", "down"}
        assert np.isfinite(predicted["price"]).all()
        scores = model.evaluate(rows(), {"kind": kind, "price": price}, return_dict=True)
        seen = ~np.isnan(price)
        assert scores["price_mae"] == pytest.approx(np.abs(predicted["price"] - price)[seen].mean(), rel=1e-4)

    def test_rows_whose_label_is_missing_train_the_other_task(self, auto):
        """Both tasks never meet in a row, and each is learnt."""
        y = targets(240)
        kind = [label if i % 2 else None for i, label in enumerate(y["kind"])]
        price = np.where(np.arange(240) % 2, np.nan, y["price"])
        plan = md.Training(learning_rate=0.02, weight_decay=0.0, patience=0)
        model = fitted(auto(training=plan), rows(240), {"kind": kind, "price": price}, epochs=25)
        scores = model.evaluate(rows(240), y, return_dict=True)
        assert scores["kind_accuracy"] > 0.85
        assert scores["price_mae"] < 4

    def test_a_task_without_labels_is_an_error(self, auto):
        with pytest.raises(DataError, match=r"price: .*no number"):
            fitted(auto(), y={**targets(), "price": [None] * SIZE})
        with pytest.raises(DataError, match="y is None for kind"):
            fitted(auto(), y={**targets(), "kind": None})

    @pytest.mark.parametrize("name", ["wave", "facts"])
    def test_an_input_may_be_wholly_absent_when_predicting(self, auto, name):
        model = fitted(auto())
        predicted = model.predict({**rows(), name: None})
        assert np.isfinite(predicted["price"]).all()
        assert np.isfinite(model.evaluate({**rows(), name: None}, targets())).all()
        with pytest.raises(DataError, match="number of rows is unknown"):
            model.predict({"wave": None, "facts": None})

    def test_a_row_that_lacks_every_input_gets_the_best_constant(self, auto):
        model = fitted(auto())
        predicted = model.predict({"wave": [None], "facts": [None]})["price"][0]
        train, _ = split_at_random(model.graph, match_rows(model.graph, rows(), targets(), None), 0.2, seed=0)
        assert predicted == pytest.approx(np.mean(train.y["price"]), rel=1e-6)

    def test_an_input_without_training_rows_is_an_error(self, auto):
        with pytest.raises(DataError, match="wave: the input is None in the training rows"):
            fitted(auto(), x={**rows(), "wave": None})


class TestErrors:
    """AutoKeras's words for common errors, and all errors of one call at once."""

    def test_all_errors_of_the_constructor_at_once(self):
        with pytest.raises(
            ConfigError, match=r"(?s)6 errors.*max_trials.*keep.*max_model_size.*seed.*tuner.*time_limit"
        ):
            md.AutoModel(
                md.Input(), md.RegressionHead(), max_trials=0, seed=-1, tuner="best", time_limit="soon", keep=0,
                max_model_size=1.5,
            )  # fmt: skip

    def test_an_unknown_tuner(self):
        with pytest.raises(
            ConfigError, match=r"Expected the tuner argument to be one of local, greedy, random, .*but got gredy"
        ):
            md.AutoModel(md.Input(), md.RegressionHead(), tuner="gredy")

    @pytest.mark.parametrize("split", [0, 0.0, None])
    def test_nothing_to_validate_on(self, auto, split):
        with pytest.raises(
            ConfigError, match="Either validation_data or a non-zero validation_split should be provided"
        ):
            fitted(auto(), validation_split=split)

    def test_too_many_arrays(self, single):
        with pytest.raises(DataError, match="Expected x to have 1 arrays, but got 2"):
            fitted(single(), [wave(), wave()], targets()["price"])
        with pytest.raises(DataError, match="Expected y to have 1 arrays, but got 2"):
            fitted(single(), wave(), [targets()["price"], targets()["price"]])

    def test_inputs_and_outputs_that_are_not_connected(self):
        first, other = md.Input(), md.Input()
        with pytest.raises(GraphError, match=r"Inputs and outputs not connected\."):
            md.AutoModel([first, other], md.RegressionHead()(md.DenseBlock()(first)))
        with pytest.raises(GraphError, match=r"Inputs and outputs not connected\."):
            md.AutoModel(first, md.RegressionHead()(md.DenseBlock()(other)))

    def test_a_cycle(self):
        flow = md.Input()
        node = md.DenseBlock()(flow)
        object.__setattr__(node, "inputs", (md.DenseBlock()(node),))
        with pytest.raises(GraphError, match=r"The network has a cycle\."):
            md.AutoModel(flow, md.RegressionHead()(node))

    def test_columns_of_tables(self, tmp_path):
        def fit(**columns):
            model = md.AutoModel(md.StructuredDataInput(**columns), md.RegressionHead(), directory=tmp_path)
            model.fit(np.ones((9, 2)), np.arange(9.0), verbose=0)

        with pytest.raises(ConfigError, match="column_names must be specified"):
            fit(column_types={"a": "categorical"})
        with pytest.raises(ConfigError, match=r"column_names and column_types are mismatched\."):
            fit(column_names=["a", "b"], column_types={"c": "categorical"})
        with pytest.raises(ConfigError, match='column_types should be either "categorical"'):
            fit(column_names=["a", "b"], column_types={"a": "colour"})

    def test_all_errors_of_fit_at_once_and_nothing_is_written(self, auto, tmp_path):
        with pytest.raises(ConfigError, match=r"(?s)3 errors.*epochs.*batch_size.*verbose"):
            auto().fit(rows(), targets(), epochs=0, batch_size=-1, verbose=7)
        with pytest.raises(DataError, match="wave: 60, facts: 9"):
            fitted(auto(), x={"wave": wave(), "facts": table(9)})
        assert list(tmp_path.iterdir()) == []

    def test_errors_in_validation_rows_name_validation_data(self, auto):
        with pytest.raises(DataError, match=r"validation_data: .*wave: 60, facts: 60, kind: 9, price: 9"):
            fitted(auto(), validation_data=(rows(), targets(9)))
        with pytest.warns(MedleyWarning, match="validation_data: kind: .*'lion'"):
            fitted(auto(), validation_data=(rows(9), {**targets(9), "kind": ["lion"] * 9}))

    def test_errors_in_the_graph_name_the_block(self, tmp_path):
        flow = md.Input()
        head = md.RegressionHead()(md.ConvBlock(name="conv")(flow))
        with pytest.raises(GraphError, match=r"conv: .*got "):
            fitted(md.AutoModel(flow, head, directory=tmp_path), wave(), targets()["price"])

    def test_a_block_that_reads_one_node_called_on_two(self, tmp_path):
        first, other = md.Input(name="one"), md.Input(name="other")
        head = md.RegressionHead()(md.DenseBlock(name="dense")([first, other]))
        with pytest.raises(GraphError, match="dense: DenseBlock cannot read"):
            fitted(md.AutoModel([first, other], head, directory=tmp_path), [wave(), wave()], targets()["price"])

    def test_a_block_shared_by_inputs_of_different_widths(self, tmp_path):
        first, other, dense = md.Input(name="one"), md.Input(name="other"), md.DenseBlock(name="dense")
        head = md.RegressionHead()(md.Merge()([dense(first), dense(other)]))
        with pytest.raises(GraphError, match=r"dense: DenseBlock cannot read \(D=2\)"):
            fitted(md.AutoModel([first, other], head, directory=tmp_path), [wave(), wave()[:, :2]], targets()["price"])

    def test_heads_go_out_once_and_nothing_reads_them(self):
        flow, head = md.Input(), md.RegressionHead(name="price")
        with pytest.raises(GraphError, match=r"reads the head RegressionHead\(name='price'\); heads must"):
            md.AutoModel(flow, md.RegressionHead()(md.DenseBlock()(head(flow))))
        with pytest.raises(GraphError, match="is called on 2 nodes; declare one head for each"):
            md.AutoModel(flow, [head(flow), head(md.DenseBlock()(flow))])

    def test_a_device_that_is_not_here(self):
        with pytest.raises(ConfigError, match="device is 'gpu', which is not a device"):
            md.AutoModel(md.Input(), md.RegressionHead(), device="gpu")

    @pytest.mark.parametrize("objective", ["val_acuracy", "accuracy_val", ["val_loss", "nothing"]])
    def test_an_objective_that_no_record_has(self, single, objective):
        with pytest.raises(ConfigError, match="There is no objective"):
            fitted(single(md.ClassificationHead(name="kind"), objective=objective), wave(), targets()["kind"])

    def test_nothing_is_fitted_yet(self, auto):
        with pytest.raises(NotFittedError, match="call fit first"):
            auto().predict(rows())
        with pytest.raises(NotFittedError, match="call fit first"):
            auto().best_models()


class TestWeights:
    """Weights of rows and of losses."""

    def test_rows_of_weight_0_teach_nothing(self, single):
        x = wave(240)
        weight = np.arange(240) % 2
        y = np.where(weight, x[:, 0], -x[:, 0])
        plan = md.Training(learning_rate=0.02, weight_decay=0.0, patience=0)
        model = fitted(single(training=plan), x, y, epochs=20, sample_weight=weight)
        assert np.corrcoef(model.predict(x), x[:, 0])[0, 1] > 0.9

    def test_weights_that_do_not_fit(self, single):
        with pytest.raises(DataError, match="60 rows, but 2 weights"):
            fitted(single(), wave(), targets()["price"], sample_weight=[1.0, 2.0])

    @pytest.mark.parametrize(
        ("loss_weights", "weights"),
        [
            (None, [1.0, 1.0]),
            ([0.5, 0.6], [0.5, 0.6]),
            ({"price": 0.25}, [1.0, 0.25]),
            (FixedWeights([2.0, 3.0]), [2.0, 3.0]),
            ("uncertainty", None),
            ("pcgrad", None),
        ],
    )
    def test_loss_weights_multiply_the_losses(self, auto, loss_weights, weights):
        model = fitted(auto(loss_weights=loss_weights))
        scores = model.evaluate(rows(), targets(), return_dict=True)
        if weights is not None:
            assert list(model.export_model().metadata["loss_weights"].values()) == weights
            assert scores["loss"] == pytest.approx(weights[0] * scores["kind_loss"] + weights[1] * scores["price_loss"])
        else:
            assert model.export_model().metadata["balance"]["name"] == loss_weights

    def test_a_heads_weight_may_be_searched(self, auto):
        price = md.RegressionHead(dropout=0.0, loss_weight=md.OneOf(0.5, 2.0), name="price")
        model = fitted(auto(price=price, max_trials=4, training=md.Training(patience=0)))
        assert set(model.history["param.price.loss_weight"]) == {0.5, 2.0}
        best = model.history.loc[model.history["score"].idxmin()]
        assert model.export_model().metadata["loss_weights"]["price"] == best["param.price.loss_weight"]

    def test_heads_weights_multiply_those_of_the_model(self, auto):
        price = md.RegressionHead(dropout=0.0, loss_weight=0.5, name="price")
        model = fitted(auto(price=price, loss_weights=[2.0, 3.0]))
        assert model.export_model().metadata["loss_weights"] == {"kind": 2.0, "price": 1.5}

    @pytest.mark.parametrize("loss_weights", [[1.0], {"prize": 1.0}, "pcgard", [1.0, -1.0], [0.0, 0.0]])
    def test_invalid_loss_weights_are_errors_before_the_training(self, auto, loss_weights):
        with pytest.raises(ConfigError):
            auto(loss_weights=loss_weights)

    def test_a_task_of_weight_0_is_not_trained(self, auto):
        model = fitted(auto(loss_weights=[0.0, 1.0], training=md.Training(learning_rate=0.1, weight_decay=0.0)))
        torch.manual_seed(0)
        first = fitted(
            auto(name="other", loss_weights=[0.0, 1.0], training=md.Training(learning_rate=0.0, weight_decay=0.0))
        )
        kinds = [search.export_model().network.parts["kind"] for search in (model, first)]
        assert torch.equal(kinds[0].weight, kinds[1].weight)
        prices = [search.export_model().network.parts["price"] for search in (model, first)]
        assert not torch.equal(prices[0].weight, prices[1].weight)


class TestSearch:
    """Trials, seeds, objectives, limits, callbacks."""

    def test_a_seed_repeats_the_search_exactly(self, auto):
        def searched(name, seed):
            flow = md.Input(name="wave")
            model = md.AutoModel(
                flow, md.RegressionHead(name="price")(md.DenseBlock(name="dense")(flow)), name, 3,
                directory=auto().directory, seed=seed,
            )  # fmt: skip
            fitted(model, wave(), targets()["price"], epochs=2)
            history = model.history.drop(columns=["seconds"])
            return repr(history.to_dict("list")), model.predict(wave()).tobytes()

        torch.manual_seed(123)
        first = searched("a", 7)
        torch.manual_seed(321)
        np.random.seed(9)
        assert searched("b", 7) == first
        assert searched("c", 8) != first

    def test_the_first_trial_is_the_sensible_default(self, single):
        model = fitted(single(max_trials=2), wave(), targets()["price"])
        params = model.history.iloc[0]
        assert params["param.dense.num_units"] == 32  # what a DenseBlock takes for few rows
        assert params["param.training.learning_rate"] != model.history.iloc[1]["param.training.learning_rate"]

    def test_with_all_set_exactly_that_is_trained(self, auto):
        plan = md.Training(learning_rate=0.01, weight_decay=0.0, optimizer="adam", schedule="constant", clip=0)
        model = fitted(auto(training=plan), epochs=2)
        assert [name for name in model.history.columns if name.startswith("param.")] == []
        assert model.export_model().metadata["training"]["learning_rate"] == 0.01
        assert [p.shape[0] for p in model.export_model().network.parts["dense"].parameters()] == [8, 8]

    @pytest.mark.parametrize("tuner", ["greedy", "bayesian", "hyperband", "random", md.RandomSearch, md.Greedy(), None])
    def test_every_tuner_searches(self, single, tuner):
        model = fitted(single(max_trials=3, tuner=tuner), wave(), targets()["price"])
        assert model.history["number"].tolist() == [0, 1, 2]

    def test_the_objective_chooses_the_best(self, single):
        kind = targets()["kind"]
        for objective, column, best in (
            ("val_accuracy", "val_accuracy", max),
            ("val_loss", "val_loss", min),
            (md.Objective("val_accuracy", "min"), "val_accuracy", min),
            (None, "val_relative_loss", min),
        ):
            model = single(md.ClassificationHead(name="kind"), max_trials=4, objective=objective, overwrite=True)
            fitted(model, wave(), kind, epochs=2)
            frame = model.history[model.history["state"] == "complete"]
            chosen = model.export_model().metadata["scores"][column]
            assert chosen == best(frame[column])
            sign = -1 if (best is max) else 1
            assert frame["score"].tolist() == pytest.approx([sign * value for value in frame[column]])

    def test_a_list_of_objectives_is_added_up(self, auto):
        model = fitted(auto(objective=["val_kind_loss", "val_kind_accuracy"], max_trials=1))
        scores = model.history.iloc[0]
        assert scores["score"] == pytest.approx(scores["val_kind_loss"] - scores["val_kind_accuracy"])

    def test_networks_that_are_too_large_are_left_out(self, single):
        model = fitted(single(max_trials=20, max_model_size=150, tuner="random"), wave(), targets()["price"])
        sizes = model.history.set_index("number")["size"]
        good = model.history[model.history["state"] == "complete"]["number"]
        assert (sizes[good] <= 150).all()
        assert model.history["reason"].str.contains("Oversized model", na=False).any()
        with pytest.raises(
            SearchError, match=r"(?s)All 6 trials failed:.*trial 0: Oversized model: .*max_model_size is 3"
        ):
            fitted(single(max_trials=6, max_model_size=3), wave(), targets()["price"])

    @pytest.mark.parametrize("max_trials", [1, 3])
    def test_a_graph_is_resolved_once_per_trial(self, auto, monkeypatch, max_trials):
        calls = []
        monkeypatch.setattr(search_spec, "resolve", lambda *args: calls.append(args) or resolve(*args))
        model = fitted(auto(max_trials=max_trials, tuner="random"))
        assert len(calls) == len(model.history) == max_trials

    def test_trial_0_is_the_same_where_its_graph_is_resolved_again(self, auto, monkeypatch):
        first = fitted(auto(max_trials=2, tuner="random"))
        monkeypatch.setattr(search_spec.ResolvedDefault, "is_chosen_by", lambda self, suggest: False)
        second = fitted(auto(max_trials=2, tuner="random", name="again"))
        columns = [name for name in first.history if name not in ("seconds", "curves") and "seconds" not in name]
        pd.testing.assert_frame_equal(first.history[columns], second.history[columns])
        weights = second.model.network.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in first.model.network.state_dict().items())

    def test_failed_trials_are_reported_with_every_reason(self, tmp_path):
        flow = md.Input()
        block = md.TorchBlock(lambda: Trainless())
        model = md.AutoModel(flow, md.RegressionHead()(block(flow)), max_trials=5, directory=tmp_path)
        with pytest.raises(
            SearchError, match=r"(?s)All 3 trials failed:.*- trial 0: ValueError: the pump.*- trial 2: "
        ):
            fitted(model, wave(), targets()["price"])
        assert model.history["state"].tolist() == ["failed"] * 3

    def test_callbacks_are_called_every_epoch_and_can_end_a_trial(self, auto):
        heard, others = [], []

        def stop(record):
            heard.append(record.epoch)
            return record.epoch == 1

        model = fitted(auto(max_trials=2), epochs=5, callbacks=[stop, lambda record: others.append(record.val["loss"])])
        assert heard == [0, 1, 0, 1]
        assert len(others) == 4
        assert all(len(curve) == 2 for curve in model.history["curves"])
        assert isinstance(heard[0], int)

    def test_time_covers_the_whole_of_fit(self, auto):
        model = fitted(auto(max_trials=10_000, time_limit=0.5), epochs=2)
        assert 1 <= len(model.history) < 10_000
        assert np.isfinite(model.predict(rows())["price"]).all()

    def test_ctrl_c_keeps_the_best_so_far(self, auto):
        def interrupt(record):
            if record.epoch == 1:
                raise KeyboardInterrupt

        model = fitted(auto(max_trials=9), epochs=5, callbacks=[interrupt])
        assert model.history["reason"].tolist() == ["interrupted"]
        assert model.predict(rows())["price"].shape == (SIZE,)

    def test_the_best_models_are_kept_the_best_first(self, auto):
        model = fitted(auto(max_trials=4, keep=2, training=md.Training(patience=0)), epochs=2)
        models = model.best_models()
        scores = sorted(model.history["score"])
        assert len(models) == min(2, (model.history["state"] == "complete").sum())
        assert models[0].metadata["scores"]["val_relative_loss"] == scores[0]
        assert len(list((model.folder / "trials").iterdir())) == len(models)

    def test_fitting_again_begins_anew_with_other_rows(self, auto):
        model = fitted(auto())
        first = model.predict(rows())["price"]
        fitted(model, validation_split=0.15)
        fitted(model, validation_data=(rows(20), targets(20)))
        assert len(model.history) == 1
        y = {**targets(), "price": targets()["price"] + 1000}
        fitted(model, y=y)
        assert model.predict(rows())["price"].mean() > 900 > first.mean()
        assert [path.name for path in model.directory.iterdir()] == ["project"]


class Trainless(nn.Module):
    """Passes in evaluation and fails in training."""

    def forward(self, x):
        if self.training:
            raise ValueError("the pump is broken")
        return x


class TestTelling:
    """What is shown, returned and kept as numbers."""

    def test_silent_means_silent(self, auto, capfd):
        fitted(auto(max_trials=2), epochs=2)
        assert capfd.readouterr() == ("", "")

    def test_a_line_per_trial_and_per_epoch(self, auto, capfd):
        auto(max_trials=2).fit(rows(), targets(), epochs=2, verbose=1)
        out = capfd.readouterr().out.splitlines()
        assert len(out) == 2
        assert "best so far" in out[0]
        auto(max_trials=1, name="b").fit(rows(), targets(), epochs=2, verbose=2)
        out = capfd.readouterr().out.splitlines()
        assert [line.split()[:2] for line in out[:2]] == [["epoch", "1/2"], ["epoch", "2/2"]]
        assert "val_price_mae" in out[0]

    def test_fit_returns_the_best_trials_history(self, auto):
        model = auto()
        history = model.fit(rows(), targets(), epochs=3, verbose=0)
        assert history.epoch == [0, 1, 2]
        assert {"loss", "kind_loss", "price_mae", "val_loss", "val_relative_loss"} <= set(history.history)
        assert history.history["val_loss"] == [curve["val_loss"] for curve in model.history["curves"][0]]

    def test_the_history_is_a_frame_with_a_row_per_trial(self, single):
        model = fitted(single(max_trials=3), wave(), targets()["price"], epochs=2)
        frame = model.history
        assert isinstance(frame, pd.DataFrame)
        assert list(frame.columns[:6]) == ["number", "state", "score", "seconds", "size", "reason"]
        assert {"param.dense.num_units", "param.training.learning_rate", "loss", "val_loss", "curves"} <= set(frame)
        assert frame["number"].tolist() == [0, 1, 2]
        best = frame.loc[frame["score"].idxmin()]
        assert best["size"] == sum(p.numel() for p in model.export_model().network.parameters())
        assert best["val_relative_loss"] == best["score"]

    def test_evaluation_in_keras_order_or_by_name(self, auto):
        model = fitted(auto())
        named = model.evaluate(rows(), targets(), return_dict=True)
        assert list(named) == ["loss", "kind_loss", "price_loss", "kind_accuracy", "price_mae"]
        assert model.evaluate(rows(), targets()) == list(named.values())
        assert model.evaluate(list(rows().values()), list(targets().values())) == list(named.values())
        assert not any(map(math.isnan, named.values()))

    def test_the_summary_is_of_the_graph_then_of_the_network(self, auto):
        model = auto()
        assert "dense=DenseBlock(" in model.summary()
        fitted(model)
        assert "parameters" in model.summary()
        assert model.summary() == model.export_model().summary()


class TestProjects:
    """What is left on disk, and what a new object makes of it."""

    def test_a_new_object_predicts_without_fitting(self, auto):
        model = fitted(auto(max_trials=2))
        again = auto()
        for name, prediction in again.predict(rows()).items():
            assert prediction.tolist() == model.predict(rows())[name].tolist()
        assert len(again.history) == 2
        assert again.evaluate(rows(), targets()) == pytest.approx(model.evaluate(rows(), targets()))

    def test_a_new_process_predicts_the_same_bits(self, auto, tmp_path):
        model = fitted(auto())
        wanted = model.predict(rows())["price"].tobytes().hex()
        np.save(tmp_path / "wave.npy", wave())
        code = (
            "import sys, numpy as np, torch, medley as md\n"
            "torch.set_num_threads(1)\n"
            "flow, facts = md.Input(name='wave'), md.StructuredDataInput(name='facts')\n"
            "heads = [md.ClassificationHead(name='kind'), md.RegressionHead(name='price')]\n"
            "auto = md.AutoModel([flow, facts], heads, 'project', directory=sys.argv[1])\n"
            "rows = {'wave': np.load(sys.argv[1] + '/wave.npy'), 'facts': " + repr(table()) + "}\n"
            "print(auto.predict(rows)['price'].tobytes().hex())\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == wanted

    def test_a_project_of_other_parts_is_not_opened(self, auto, single):
        fitted(auto())
        other = single()
        other.project_name = "project"
        with pytest.raises(NotFittedError, match=r"inputs \['wave', 'facts'\].*Give another project_name"):
            other.predict(wave())

    def test_the_same_data_goes_on_where_it_ended(self, auto, capfd):
        plan = md.Training(patience=0)
        fitted(auto(max_trials=2, training=plan))
        heard = []
        more = fitted(auto(max_trials=3, training=plan), callbacks=[lambda record: heard.append(record.epoch)])
        assert heard == [0]
        assert more.history["number"].tolist() == [0, 1, 2]
        uninterrupted = fitted(auto(max_trials=3, name="whole", training=plan))
        drop = ["seconds"]
        assert repr(more.history.drop(columns=drop).to_dict("list")) == repr(
            uninterrupted.history.drop(columns=drop).to_dict("list")
        )

    def test_a_finished_project_is_not_searched_again(self, auto):
        first = fitted(auto(max_trials=2))
        heard = []
        again = fitted(auto(max_trials=2), callbacks=[heard.append])
        assert heard == []
        assert again.predict(rows())["price"].tolist() == first.predict(rows())["price"].tolist()

    @pytest.mark.parametrize(
        "change",
        [
            {"y": {**targets(), "price": targets()["price"] * 10}},
            {"x": {**rows(), "wave": wave() * 3}},
            {"sample_weight": np.linspace(1, 2, SIZE)},
            {"epochs": 2},
            {"batch_size": 8},
            {"validation_split": 0.4},
        ],
    )
    def test_other_data_or_settings_move_the_old_project_aside(self, auto, change, capfd):
        fitted(auto())
        x, y = change.pop("x", rows()), change.pop("y", targets())
        auto().fit(x, y, **{"epochs": 1, "verbose": 1, **change})
        assert "held another project (other data or settings); it was moved to" in capfd.readouterr().out
        assert sorted(path.name for path in auto().directory.iterdir()) == ["project", "project-before-1"]

    @pytest.mark.parametrize(
        "change",
        [
            {"loss_weights": [1.0, 2.0]},
            {"loss_weights": FixedWeights([1.0, 3.0])},
            {"objective": "val_loss"},
            {"seed": 1},
            {"max_model_size": 10_000},
            {"training": md.Training(learning_rate=0.5)},
        ],
    )
    def test_so_do_other_arguments_of_the_model(self, auto, change):
        fitted(auto(loss_weights=FixedWeights([1.0, 2.5])))
        fitted(auto(**{"loss_weights": FixedWeights([1.0, 2.5]), **change}))
        assert len(list(auto().directory.iterdir())) == 2

    def test_overwriting_leaves_one_project(self, auto):
        fitted(auto(max_trials=2))
        model = fitted(auto(overwrite=True), y={**targets(), "price": targets()["price"] + 1})
        assert len(model.history) == 1
        assert len(list(auto().directory.iterdir())) == 1

    def test_the_exported_model_is_saved_and_loaded_alone(self, auto, tmp_path):
        model = fitted(auto())
        again = md.load(model.export_model().save(tmp_path / "kept"))
        assert again.predict(rows())["price"].tolist() == model.predict(rows())["price"].tolist()
        assert isinstance(model.export_model(), md.Model)
        assert again.metadata["scores"] == model.export_model().metadata["scores"]

    def test_parts_without_a_name_work_in_this_process_and_say_that_no_other_can_open_them(self, tmp_path):
        def make():
            flow = md.Input()
            net = nn.Linear(3, 4)
            return md.AutoModel(flow, md.RegressionHead()(md.TorchBlock(net)(flow)), max_trials=1, directory=tmp_path)

        model = make()
        with pytest.warns(UserWarning, match="kept in memory only"):
            fitted(model, wave(), targets()["price"])
        assert model.predict(wave()).shape == (SIZE,)
        with pytest.raises(NotFittedError, match="holds no finished project"):
            make().predict(wave())
        again = make()
        with pytest.warns(UserWarning, match="kept in memory only"):
            fitted(again, wave(), targets()["price"])
        assert again.predict(wave()).shape == (SIZE,)


def test_a_project_that_cannot_be_stored_is_an_error_before_the_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file is a file\. Choose another folder"):
        md.AutoModel(md.Input(), md.RegressionHead(), directory=tmp_path / "file")
    with pytest.raises(ConfigError, match="project_name must be the name of a folder, got 3"):
        md.AutoModel(md.Input(), md.RegressionHead(), project_name=3)  # type: ignore[arg-type]
