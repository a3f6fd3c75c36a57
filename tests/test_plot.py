"""Plots of matplotlib: each draws what the report shows, from the same numbers."""

import pytest
from sklearn.metrics import confusion_matrix

import medley as md
from medley.errors import ConfigError, NotFittedError

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def rows():
    return {
        "size": [row % 17 / 3 for row in range(60)],
        "shape": ["round", "flat", "long"] * 20,
        "kind": [["cat", "dog"][row % 17 + row % 5 > 10] for row in range(60)],
        "price": [row % 17 * 3.0 + row * 7 % 11 for row in range(60)],
    }


@pytest.fixture(scope="module")
def model(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plotted")
    return md.fit(rows, ["kind", "price"], max_trials=2, epochs=2, verbose=0, directory=folder)


@pytest.mark.parametrize("name", md.plot.__all__)
def test_every_plot_is_drawn_with_labels(name, model, rows, tmp_path):
    arguments = (model,) if name in ("learning_curves", "trials") else (model, rows)
    figure = getattr(md.plot, name)(*arguments)
    assert all(axes.get_title() and axes.get_xlabel() for axes in figure.axes)
    figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 5_000


def test_the_confusion_matrix_is_that_of_predictions(model, rows):
    texts = [int(text.get_text()) for text in md.plot.confusion(model, rows).axes[0].texts]
    expected = confusion_matrix(rows["kind"], model.predict(rows)["kind"])
    assert texts == expected.ravel().tolist()


def test_validation_rows_are_plotted_where_none_are_passed(model):
    shown = sum(int(text.get_text()) for text in md.plot.confusion(model).axes[0].texts)
    assert shown == len(model.validation.rows)


def test_errors_name_the_target(model, rows):
    with pytest.raises(ConfigError, match="Did you mean"):
        md.plot.roc(model, rows, target="kimd")
    with pytest.raises(ConfigError, match="classes"):
        md.plot.roc(model, rows, target="price")
    with pytest.raises(NotFittedError):
        md.plot.learning_curves(md.History([]))
