"""Results of first layers that are handed to a network again."""

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.shape import Flatten
from medley.fusion import Merge
from medley.graph.reuse import ReusableNetwork
from medley.heads import RegressionHead
from medley.image.conv import ConvBlock
from medley.image.input import ImageInput
from medley.model.forward import compute_outputs
from medley.series.input import Input


def test_outputs_are_the_same_and_first_layers_do_not_run(make_model):
    rng = np.random.default_rng(0)
    x = {
        "photo": [rng.integers(0, 255, (8, 8, 3), dtype=np.uint8) if n % 4 else None for n in range(20)],
        "wave": rng.normal(size=(20, 3)).astype("float32"),
    }
    photo, wave = ImageInput(name="photo"), Input(name="wave")
    conv = Flatten()(ConvBlock(num_layers=1, num_blocks=1, filters=4, kernel_size=3, dropout=0.0)(photo))
    model = make_model([photo, wave], [RegressionHead(name="y")(Merge()([conv, wave]))], x, {"y": np.arange(20.0)})
    encoded = {source.name: source.codec.encode(x[source.input_name]) for source in model.sources}
    rows = Rows(encoded)
    expected = compute_outputs(model.network, rows, 64)["y"]
    reusable = ReusableNetwork(model.network)
    assert set(reusable.keys.values()) == {"photo"}  # the wave is read as it is
    results = {key: Encoded(value.numpy(), encoded["photo"].present) for key, value in reusable.results(rows).items()}
    for part in reusable.network.steps:
        if part.sources == {"photo"}:
            part.module.forward = None  # would fail if it were run
    np.testing.assert_allclose(compute_outputs(reusable.network, Rows(encoded | results), 64)["y"], expected, atol=1e-6)
    index = np.array([3, 3, 0, 19])
    moved = {name: Encoded(part.array[index], part.present[index]) for name, part in (encoded | results).items()}
    np.testing.assert_allclose(
        compute_outputs(reusable.network, Rows(moved), 64)["y"], expected[torch.from_numpy(index)], atol=1e-6
    )
