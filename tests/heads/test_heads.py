"""The declarations: arguments, networks, JSON, errors."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from medley.core import registry
from medley.core.config import from_json, to_json
from medley.core.metric import Metric
from medley.core.resolve import settle, take_default
from medley.core.space import Float, OneOf
from medley.core.spec import Spec, vector
from medley.errors import ArtifactError, ConfigError
from medley.heads import ClassificationHead, RegressionHead


@registry.register("tests.heads.absolute")
def absolute_loss(raw, target):
    return (raw - target).abs().squeeze(1)


@registry.register("tests.heads.share")
def share(y_true, y_pred):
    return 1.0


def test_the_order_of_arguments_is_that_of_autokeras():
    head = ClassificationHead(3, False, "categorical_crossentropy", ["accuracy"], 0.25)
    assert (head.num_classes, head.multi_label, head.loss) == (3, False, "categorical_crossentropy")
    assert (head.metrics, head.dropout, head.weight) == (["accuracy"], 0.25, 1.0)
    head = RegressionHead(2, "mae", ["mse"], 0.5, loss_weight=2)
    assert (head.output_dim, head.loss, head.metrics, head.dropout, head.weight) == (2, "mae", ["mse"], 0.5, 2.0)


def test_heads_of_the_autokeras_tutorial():
    head = ClassificationHead(loss="categorical_crossentropy", metrics=["accuracy"])
    for labels in (np.random.default_rng(0).integers(0, 2, 50), np.random.default_rng(0).integers(0, 5, (50, 1))):
        codec = head.codec().fit(labels)
        module = head.build(vector(4), codec)
        loss = head.loss_function(codec)(module(torch.zeros(50, 4)), torch.from_numpy(codec.encode(labels).array))
        assert loss.shape == (50,)
        assert codec.decode(module(torch.zeros(50, 4)).detach().numpy()).shape == labels.shape
    assert list(head.metric_functions(codec)) == ["accuracy"]
    assert list(RegressionHead(metrics=["mae"]).metric_functions(RegressionHead().codec().fit([1.0, 2.0]))) == ["mae"]


def test_default_metrics():
    classes = ClassificationHead()
    assert list(classes.metric_functions(classes.codec().fit([0, 1]))) == ["accuracy"]
    numbers = RegressionHead()
    assert list(numbers.metric_functions(numbers.codec().fit([0, 1]))) == ["mean_squared_error"]
    assert list(RegressionHead(metrics="mae").metric_functions(numbers.codec().fit([0, 1]))) == ["mae"]
    assert list(RegressionHead(metrics=[]).metric_functions(numbers.codec().fit([0, 1]))) == []


@pytest.mark.parametrize(
    ("head", "labels", "outputs"),
    [
        (ClassificationHead(dropout=0), [0, 1], 1),
        (ClassificationHead(dropout=0), [0, 1, 2], 3),
        (ClassificationHead(dropout=0, num_classes=7), [0, 1, 2], 7),
        (ClassificationHead(dropout=0, multi_label=True), [["a"], ["b", "c"]], 3),
        (RegressionHead(dropout=0), [1.0, 2.0], 1),
        (RegressionHead(dropout=0), [[1.0, 2.0]], 2),
    ],
)
def test_a_head_on_a_vector_is_one_linear_layer(head, labels, outputs):
    module = head.build(vector(5), head.codec().fit(labels))
    assert type(module) is nn.Linear
    assert (module.in_features, module.out_features) == (5, outputs)


def test_zero_dropout_adds_no_layer():
    codec = RegressionHead().codec().fit([1.0, 2.0])
    module = RegressionHead(dropout=0.25).build(vector(5), codec)
    assert [type(layer) for layer in module] == [nn.Dropout, nn.Linear]
    assert module[0].p == 0.25
    settled = settle(RegressionHead(), "regression_head", take_default)
    assert settled.dropout == 0.0
    assert type(settled.build(vector(5), codec)) is nn.Linear


@pytest.mark.parametrize(
    ("spec", "features"),
    [
        (Spec((64, 8, 8), "CHW"), 64),  # features of a map: averaged
        (Spec((16, 4, 8, 8), "CZHW"), 16),
        (Spec((100, 32), "TD"), 32),
        (Spec((3, 32, 32), "CHW"), 3072),  # pixels: all of them
        (Spec((64, 2, 2), "CHW"), 256),  # tiny
        (Spec((50,), "T"), 50),
    ],
)
def test_heads_read_features_of_any_shape(spec, features):
    codec = ClassificationHead().codec().fit([0, 1, 2])
    for dropout in (0.0, 0.5):
        module = ClassificationHead(dropout=dropout).build(spec, codec)
        x = torch.randn(2, *spec.shape)
        assert module(x).shape == (2, 3)
        linear = next(layer for layer in module.modules() if isinstance(layer, nn.Linear))
        assert linear.in_features == features


def test_maps_and_sequences_are_averaged_over_positions():
    codec = RegressionHead().codec().fit([0.0, 1.0])
    for shape, axes, places in (((64, 8, 8), "CHW", (2, 3)), ((100, 32), "TD", (1,))):
        module = RegressionHead(dropout=0).build(Spec(shape, axes), codec)
        x = torch.randn(3, *shape)
        torch.testing.assert_close(module(x), module[-1](x.mean(places)))


HEADS = [
    ClassificationHead(),
    ClassificationHead(
        4,
        loss="focal",
        metrics=["acc", share],
        dropout=0.5,
        loss_weight=0.3,
        class_weight={0: 2.0, 3: 0.5},
        name="breed",
    ),
    ClassificationHead(multi_label=True, class_weight="balanced", dropout=OneOf(0.0, 0.1)),
    ClassificationHead(loss=OneOf("crossentropy", "focal"), loss_weight=Float(0.1, 1.0)),
    RegressionHead(),
    RegressionHead(2, absolute_loss, ["mae", "r2"], 0.0, 2.0),
]


@pytest.mark.parametrize("head", HEADS)
def test_declarations_survive_json(head):
    content = to_json(head)
    restored = from_json(json.loads(json.dumps(content)))
    assert type(restored) is type(head)
    assert to_json(restored) == content
    assert restored.weight == head.weight if isinstance(head.loss_weight, float) else True


def test_class_weights_survive_json():
    for weights, labels in (({0: 2.0}, [0, 1]), ({"a": 2.0}, ["a", "b"]), ({False: 2.0}, [False, True])):
        head = from_json(json.loads(json.dumps(to_json(ClassificationHead(class_weight=weights)))))
        assert head.codec().fit(labels).weights.tolist() == [2.0, 1.0]


def test_an_unregistered_function_is_an_error_in_to_json():
    with pytest.raises(ArtifactError, match="has no registered name"):
        to_json(ClassificationHead(loss=lambda raw, target: raw))


def test_searched_arguments_are_resolved():
    head = ClassificationHead(loss=OneOf("focal", "crossentropy"), loss_weight=Float(0.5, 2.0))
    codec = head.codec().fit([0, 1, 1, 1])
    settled = settle(head, "classification_head", take_default)
    assert settled.loss == "focal"
    assert settled.weight == 0.5
    assert codec.loss == "focal"
    assert settled.loss_function(codec)(torch.zeros(1, 1), torch.zeros(1, 1)).shape == (1,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClassificationHead(loss="categorical_crossentrpy"), "Did you mean 'categorical_crossentropy'"),
        (lambda: ClassificationHead(loss="mse"), "loss 'mse' is not known to a classification head"),
        (lambda: ClassificationHead(loss=OneOf("focal", "focale")), "loss 'focale' is not known"),
        (lambda: ClassificationHead(loss=3), "a name or a function .* got 3"),
        (lambda: ClassificationHead(metrics=["acuracy"]), "Did you mean 'accuracy'"),
        (lambda: ClassificationHead(metrics=["mae"]), "metric 'mae' is not known to a classification head"),
        (lambda: ClassificationHead(metrics=3), "metrics must be a list .* got 3"),
        (lambda: ClassificationHead(metrics=[3]), "a metric must be a name or a function .* got 3"),
        (lambda: ClassificationHead(num_classes=1), "num_classes must be a whole number of at least 2, got 1"),
        (lambda: ClassificationHead(num_classes="3"), "num_classes must be a whole number"),
        (lambda: ClassificationHead(num_classes=True), "num_classes must be a whole number"),
        (lambda: ClassificationHead(multi_label="yes"), "multi_label must be True or False, got 'yes'"),
        (lambda: ClassificationHead(dropout=1.0), "at least 0 and below 1, got 1.0"),
        (lambda: ClassificationHead(dropout=-0.1), "dropout must be at least 0 and below 1"),
        (lambda: ClassificationHead(loss_weight=-1), "loss_weight must be a non-negative number, got -1"),
        (lambda: ClassificationHead(loss_weight=float("nan")), "loss_weight must be a non-negative number"),
        (lambda: ClassificationHead(class_weight="balance"), "class_weight must be 'balanced' or a dict"),
        (lambda: ClassificationHead(class_weight=[1, 2]), "class_weight must be 'balanced' or a dict"),
        (lambda: ClassificationHead(class_weight={0: -1}), "class_weight of 0 must be a non-negative number, got -1"),
        (lambda: ClassificationHead(multi_label=True, loss="categorical_crossentropy"), "one class per row"),
        (lambda: ClassificationHead(multi_label=True, metrics=["mcc"]), "'mcc' is for one class per row"),
        (lambda: ClassificationHead(multi_label=True, metrics=["top_3_accuracy"]), "is for one class per row"),
        (lambda: ClassificationHead(multi_label=True, loss=absolute_loss, class_weight="balanced"), "apply it in"),
        (lambda: RegressionHead(loss="mean_squard_error"), "Did you mean 'mean_squared_error'"),
        (lambda: RegressionHead(metrics=["accuracy"]), "'accuracy' is not known to a regression head"),
        (lambda: RegressionHead(output_dim=0), "output_dim must be a whole number of at least 1, got 0"),
        (lambda: RegressionHead(dropout=2), "below 1, got 2"),
    ],
)
def test_invalid_arguments_are_errors(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_all_errors_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)4 errors.*num_classes.*loss 'ce'.*metric 'foo'.*loss_weight"):
        ClassificationHead(0, loss="ce", metrics=["foo"], loss_weight=-1)


def test_a_codec_of_another_head_is_an_error():
    with pytest.raises(ConfigError, match="got NumberCodec"):
        ClassificationHead().loss_function(RegressionHead().codec().fit([1.0]))
    with pytest.raises(ConfigError, match="got ClassCodec"):
        RegressionHead().metric_functions(ClassificationHead().codec().fit([0, 1]))


def test_heads_are_registered():
    assert registry.lookup("heads.classification") is ClassificationHead
    assert registry.lookup("heads.regression") is RegressionHead
    head = ClassificationHead(metrics=["accuracy"])
    assert all(isinstance(metric, Metric) for metric in head.metric_functions(head.codec().fit([0, 1])).values())


def test_codecs_run_without_torch():
    # An exported model decodes its outputs on machines that have none.
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from medley.heads import ClassificationHead, RegressionHead\n"
        "codec = ClassificationHead(metrics=['auc']).codec().fit(['a', 'b', 'c'])\n"
        "print(codec.decode(codec.prior[None] + [[0, 1, 0]]), RegressionHead().codec().fit([1.0, 2.0]).mean)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['b'] [1.5]"
