"""Pretrained encoders: exported with their tokenizers, they need neither torch nor transformers."""

import json
import subprocess
import sys

import numpy as np
import pytest

import medley as md
from medley.runtime import load

pytestmark = pytest.mark.slow
SIZE = 16


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    texts = ["a lovely old house by the sea", None, "it fits badly", "the quality is great, the colour poor"]
    photos = [None if row % 5 == 1 else rng.integers(0, 256, (40, 32, 3), dtype=np.uint8) for row in range(SIZE)]
    return {"note": [texts[row % 4] for row in range(SIZE)], "photo": photos}


@pytest.fixture(scope="module")
def model(rows, tiny, tmp_path_factory):
    note, photo = md.TextInput(name="note"), md.ImageInput(name="photo")
    joined = md.Merge()(
        [
            md.PretrainedTextBlock(tiny("bert"), "attention", trainable=False)(note),
            md.PretrainedTextBlock(tiny("roberta"), "mean", trainable="lora")(note),
            md.PretrainedImageBlock(tiny("vit"), "cls", trainable=False)(photo),
            md.PretrainedImageBlock(tiny("convnext"), "mean", trainable=1)(photo),
        ]
    )
    head = md.RegressionHead(name="stars")(md.DenseBlock(num_layers=1, num_units=8)(joined))
    auto = md.AutoModel([note, photo], head, max_trials=1, directory=tmp_path_factory.mktemp("search"))
    auto.fit(rows, {"stars": np.linspace(1, 5, SIZE)}, epochs=1, validation_split=0.25, verbose=0)
    return auto.export_model()


def test_they_predict_the_same_where_transformers_cannot_be_imported(model, rows, tmp_path):
    path = model.export(tmp_path / "model.onnx")
    expected = model.predict(rows)
    ours = load(path)
    np.testing.assert_allclose(ours.predict(rows), expected, rtol=1e-4, atol=1e-4)
    texts = [node for node in ours.session.get_inputs() if node.type == "tensor(int32)"]
    assert [isinstance(node.shape[1], str) for node in texts] == [False, True]  # attention pools states, padding too
    for place in (0, 2):  # alone, a short text takes fewer steps
        alone = {name: values[place : place + 1] for name, values in rows.items()}
        np.testing.assert_allclose(ours.predict(alone), expected[place : place + 1], rtol=1e-4, atol=1e-4)
    code = (
        "import sys, json\n"
        "for name in ('torch', 'transformers', 'peft'):\n"
        "    sys.modules[name] = None\n"
        "from medley.runtime import load\n"
        "print(load(sys.argv[1]).predict({'note': json.loads(sys.argv[2]), 'photo': None}).tolist())\n"
    )
    words = json.dumps(rows["note"][:4])
    done = subprocess.run([sys.executable, "-c", code, str(path), words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    predicted = model.predict({"note": rows["note"][:4], "photo": None})
    np.testing.assert_allclose(json.loads(done.stdout), predicted, rtol=1e-4, atol=1e-4)
