"""Other libraries as contenders of `benchmarks/speed.py`, each run by the Python of an environment of its own.

`PYTHON speed_peers.py NAME PART FILE` imports the library, trains the work of a part (b or c) on the rows of FILE, and
runs an epoch for each line of the standard input, whose seconds it prints. It imports neither medley nor torch. A
library that cannot be imported ends the process with its error, which `speed.py` reports.

AutoKeras builds its network from the same declaration as medley's (the layers by their names, its own defaults for the
rest), in a search of one trial; then Keras trains on. Of the others, whose networks cannot be declared layer by layer,
it is only said whether they can be imported.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from time import perf_counter
from typing import Any

MODULES = {
    "autokeras": "autokeras",
    "autogluon": "autogluon.multimodal",
    "ludwig": "ludwig.api",
    "widedeep": "pytorch_widedeep",
}
"""Name of a peer -> what is imported."""

BATCH = 64


def autokeras(part: str, rows: dict[str, Any]) -> Iterator[float]:
    """(b) `ConvBlock` for the image, (c) `TextBlock` for the text; `DenseBlock` for the numbers, merged; two heads."""
    import autokeras as ak  # pyright: ignore[reportMissingImports]
    import numpy as np
    import tensorflow as tf

    first = ak.ImageInput() if part == "b" else ak.TextInput()
    numbers = ak.Input()
    if part == "b":
        encoded = ak.ConvBlock(
            kernel_size=3, num_blocks=3, num_layers=1, filters=32, max_pooling=True, separable=False, dropout=0
        )(first)
    else:
        encoded = ak.TextBlock()(first)
    dense = ak.DenseBlock(num_layers=1, num_units=32, use_batchnorm=False, dropout=0)(numbers)
    joined = ak.Merge(merge_type="concatenate")([encoded, dense])
    heads = [ak.ClassificationHead(dropout=0)(joined), ak.ClassificationHead(dropout=0)(joined)]
    auto = ak.AutoModel([first, numbers], heads, max_trials=1, directory=tempfile.mkdtemp(), overwrite=True, seed=0)
    classes = np.eye(10, dtype="float32")[rows["classes"]]
    x, y = [rows["first"], rows["numbers"]], [classes, rows["answers"].astype("float32")[:, None]]
    auto.fit([values[:256] for values in x], [values[:256] for values in y], epochs=1, batch_size=BATCH, verbose=0)
    model = auto.export_model()
    data = tf.data.Dataset.from_tensor_slices((tuple(x), tuple(y))).shuffle(len(y[0])).batch(BATCH)
    while True:
        start = perf_counter()
        model.fit(data, epochs=1, verbose=0)
        yield perf_counter() - start


CONTENDERS: dict[str, Callable[[str, dict[str, Any]], Iterator[float]]] = {"autokeras": autokeras}


def main(name: str, part: str, file: str) -> None:
    """Runs epochs of a peer on demand."""
    import_module(MODULES[name])
    if name not in CONTENDERS:
        raise SystemExit("it is installed; speed_peers.py has no contender of it")
    import numpy as np

    with np.load(file) as arrays:
        rows = {key: arrays[key] for key in arrays.files}
    loop = CONTENDERS[name](part, rows)
    for _ in sys.stdin:
        print(f"seconds {next(loop)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
