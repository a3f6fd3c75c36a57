"""What `import medley` offers: the lazy names, the stub that spells them out for editors, and what they cost."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import medley

MODULES = [medley, medley.extend]

# What AutoKeras 1.1 and 3.0 export, with the arguments that can be given without their names, in order.
SEARCH = "project_name max_trials directory objective tuner overwrite seed max_model_size"
AUTOKERAS = {
    "AutoModel": f"inputs outputs {SEARCH}",
    "BayesianOptimization": "",
    "BertBlock": "max_sequence_length",
    "CategoricalToNumerical": "",
    "ClassificationHead": "num_classes multi_label loss metrics dropout",
    "ConvBlock": "kernel_size num_blocks num_layers filters max_pooling separable dropout",
    "DenseBlock": "num_layers num_units use_batchnorm dropout",
    "EfficientNetBlock": "version pretrained",
    "Embedding": "max_features embedding_dim dropout",
    "Flatten": "",
    "Greedy": "",
    "Hyperband": "",
    "ImageAugmentation": "translation_factor vertical_flip horizontal_flip rotation_factor zoom_factor contrast_factor",
    "ImageBlock": "block_type normalize augment",
    "ImageClassifier": f"num_classes multi_label loss metrics {SEARCH}",
    "ImageInput": "",
    "ImageRegressor": f"output_dim loss metrics {SEARCH}",
    "Input": "",
    "Merge": "merge_type",
    "Normalization": "axis",
    "RNNBlock": "return_sequences bidirectional num_layers layer_type",
    "RandomSearch": "",
    "RegressionHead": "output_dim loss metrics dropout",
    "ResNetBlock": "version pretrained",
    "SpatialReduction": "reduction_type",
    "StructuredDataBlock": "normalize",
    "StructuredDataClassifier": f"column_names column_types num_classes multi_label loss metrics {SEARCH}",
    "StructuredDataInput": "column_names column_types",
    "StructuredDataRegressor": f"column_names column_types output_dim loss metrics {SEARCH}",
    "TemporalReduction": "reduction_type",
    "TextBlock": "block_type max_tokens pretraining",
    "TextClassifier": f"num_classes multi_label loss metrics {SEARCH}",
    "TextInput": "",
    "TextRegressor": f"output_dim loss metrics {SEARCH}",
    "TextToIntSequence": "output_sequence_length max_tokens",
    "TextToNgramVector": "max_tokens ngrams",
    "TimeseriesForecaster": (
        f"output_dim column_names column_types lookback predict_from predict_until loss metrics {SEARCH}"
    ),
    "TimeseriesInput": "lookback column_names column_types",
    "Transformer": "max_features pretraining embedding_dim num_heads dense_dim dropout",
    "XceptionBlock": "pretrained",
    "image_dataset_from_directory": (
        "directory batch_size color_mode image_size interpolation shuffle seed validation_split subset"
    ),
    "text_dataset_from_directory": "directory batch_size max_length shuffle seed validation_split subset",
}
# Bases of that library's users' own parts; their constructors take no arguments worth keeping.
AUTOKERAS_BASES = {"Block", "Head", "Node"}


def stubbed(stub: Path) -> dict[str, str]:
    """Name -> module, as the stub says."""
    names = {}
    for node in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                # Without `as` the name would be private to the stub, and a checker would not know it.
                assert alias.asname == alias.name, f"write `import {alias.name} as {alias.name}`"
                names[alias.name] = str(node.module)
    return names


@pytest.mark.parametrize("module", MODULES)
def test_the_stub_names_what_is_public_and_where_it_lives(module):
    public = {name: f"medley.{home}" for home, names in module._PUBLIC.items() for name in names}
    stub = stubbed(Path(module.__file__).with_suffix(".pyi"))
    stub.pop("extend", None)
    stub.pop("plot", None)
    missing = [f"from {public[name]} import {name} as {name}" for name in public if name not in stub]
    assert missing == [], f"the stub of {module.__name__} lacks these lines"
    assert stub == public


def test_no_name_is_public_twice():
    listed = [name for module in MODULES for names in module._PUBLIC.values() for name in names]
    assert sorted({name for name in listed if listed.count(name) > 1}) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_can_be_had(module):
    for name in module.__all__:
        assert getattr(module, name) is not None, name
    assert set(dir(module)) == set(module.__all__)


def test_looking_around_imports_nothing():
    code = "import sys, medley; dir(medley); medley.__version__; print(*(m for m in sys.modules if m[:7] == 'medley.'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == []


def test_a_misspelt_name_gets_a_hint():
    with pytest.raises(AttributeError, match=r"medley has no 'ConvBlok'\. Did you mean 'ConvBlock'\?"):
        medley.ConvBlok  # noqa: B018


def test_a_star_import_brings_the_public_names():
    names = {}
    exec("from medley import *", names)
    assert set(medley.__all__) <= set(names)


def test_every_name_of_autokeras_is_here():
    assert {name for name in AUTOKERAS if name not in medley.__all__} == set()
    assert {name for name in AUTOKERAS_BASES if name not in medley.extend.__all__} == set()


@pytest.mark.parametrize("name", sorted(AUTOKERAS))
def test_arguments_come_in_the_order_that_users_know(name):
    wanted = AUTOKERAS[name].split()
    parameters = inspect.signature(getattr(medley, name)).parameters.values()
    assert [parameter.name for parameter in parameters if parameter.name != "name"][: len(wanted)] == wanted
    assert all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in list(parameters)[: len(wanted)])
    if name not in ("AutoModel", "image_dataset_from_directory", "text_dataset_from_directory"):
        assert all(p.default is not p.empty for p in parameters), "it can be made without arguments"
