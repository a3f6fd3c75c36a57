from torch import nn

from medley.nn.mlp import mlp


def test_options_that_are_off_add_no_module():
    assert [type(module) for module in mlp(4, [3, 2])] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU]


def test_dropout_and_normalisation_follow_each_layer():
    layers = mlp(4, [3], batchnorm=True, dropout=0.25)
    assert [type(module) for module in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]
    assert layers[3].p == 0.25
