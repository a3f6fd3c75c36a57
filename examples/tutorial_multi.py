"""Two inputs, two targets: first with default encoders, then with a drawn graph; both searched.

100 images and 100 rows of 20 numbers, all of them random, so the scores mean nothing.
Run: `python examples/tutorial_multi.py`
"""

from __future__ import annotations

import tempfile
from time import monotonic

import numpy as np

import medley as ak


def data(rows: int = 100, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images (rows, 32, 32, 3) and numbers (rows, 20); a number (rows, 1) and one of five classes (rows,)."""
    rng = np.random.default_rng(seed)
    images = rng.random((rows, 32, 32, 3), dtype=np.float32)
    numbers = rng.random((rows, 20), dtype=np.float32)
    return [images, numbers], [rng.random((rows, 1), dtype=np.float32), rng.integers(5, size=rows)]


def defaults(directory: str, max_trials: int, epochs: int, verbose: int) -> ak.AutoModel:
    """Bare heads: every input gets its default encoder."""
    x, y = data()
    model = ak.AutoModel(
        inputs=[ak.ImageInput(), ak.StructuredDataInput()],
        outputs=[
            ak.RegressionHead(metrics=["mae"]),
            ak.ClassificationHead(loss="categorical_crossentropy", metrics=["accuracy"]),
        ],
        project_name="defaults",
        directory=directory,
        overwrite=True,
        max_trials=max_trials,
    )
    model.fit(x, y, epochs=epochs, verbose=verbose)
    # Validate on 15 % of the rows, drawn at random.
    model.fit(x, y, validation_split=0.15, epochs=epochs, verbose=verbose)
    # Or pass validation rows.
    split = 20
    x_val, y_val = [array[:split] for array in x], [array[:split] for array in y]
    x_train, y_train = [array[split:] for array in x], [array[split:] for array in y]
    model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=epochs, verbose=verbose)
    return model


def drawn(directory: str, max_trials: int, epochs: int, verbose: int) -> ak.AutoModel:
    """A graph drawn by hand: arguments that are not set are searched."""
    input_node1 = ak.ImageInput()
    output_node = ak.Normalization()(input_node1)
    output_node = ak.ImageAugmentation()(output_node)
    output_node1 = ak.ConvBlock()(output_node)
    output_node2 = ak.ResNetBlock(version="v2")(output_node)
    output_node1 = ak.Merge()([output_node1, output_node2])

    input_node2 = ak.StructuredDataInput()
    output_node = ak.CategoricalToNumerical()(input_node2)
    output_node2 = ak.DenseBlock()(output_node)

    output_node = ak.Merge()([output_node1, output_node2])
    output_node1 = ak.ClassificationHead()(output_node)
    output_node2 = ak.RegressionHead()(output_node)

    model = ak.AutoModel(
        inputs=[input_node1, input_node2],
        outputs=[output_node1, output_node2],
        project_name="drawn",
        directory=directory,
        overwrite=True,
        max_trials=max_trials,
    )
    x, y = data()
    model.fit(x, [y[1], y[0]], validation_split=0.15, epochs=epochs, verbose=verbose)
    return model


def main(max_trials: int = 10, epochs: int = 10, verbose: int = 1) -> None:
    """Runs both programs and prints how long they took."""
    start = monotonic()
    x, y = data()
    with tempfile.TemporaryDirectory() as directory:
        model = defaults(directory, max_trials, epochs, verbose)
        print(model.evaluate(x, y, return_dict=True))
        model = drawn(directory, max_trials, epochs, verbose)
        print(model.summary())
        print(model.evaluate(x, [y[1], y[0]], return_dict=True))
    print(f"both programs: {monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
