"""The best weights of each task, of each member, and of all together."""

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.spec import vector
from medley.data.split import FOLDS
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.heads import ClassificationHead, RegressionHead
from medley.model.tasks import tasks_of
from medley.series.input import Input
from medley.tabular import DenseBlock, DenseEnsembleBlock
from medley.train.best import TOGETHER, BestWeights, choose_voters, validation_outputs

SIZE = 40


def build(block, second=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(SIZE, 3)).astype("float32")
    source = Input(name="x")
    heads = [RegressionHead(dropout=0.0, name="price"), ClassificationHead(dropout=0.0, name="kind")]
    trunks = [block(source), (second or block)(source)]
    graph = build_graph(source, [head(trunk) for head, trunk in zip(heads, trunks, strict=True)])
    labels = {"price": x[:, 0], "kind": np.where(x[:, 1] > 0, "a", "b")}
    codecs = {head.name: head.codec().fit(labels[head.name]) for head in heads}
    network = Network(graph, {"x": vector(3)}, codecs)
    encoded = {"x": Encoded(x, np.ones(SIZE, bool))}
    targets = {name: codec.encode(labels[name]) for name, codec in codecs.items()}
    return network, tasks_of(graph, codecs), Rows(encoded, targets, folds=np.arange(SIZE) % FOLDS)


def dense():
    return build(DenseBlock(num_layers=1, num_units=4, use_batchnorm=False, dropout=0.0, name="trunk"))


def ensemble_block(members, name):
    settings = {"dropout": 0.0, "input_dropout": 0.0, "discrete": False, "periodic": 0, "name": name}
    return DenseEnsembleBlock(1, 4, members, **settings)


def ensemble(members=5):
    return build(ensemble_block(members, "trunk"))


def fill(network, value):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_each_task_has_its_best_weights():
    network, tasks, _ = dense()
    best = BestWeights(network, tasks)
    for value, price, kind in ((1.0, 0.5, 0.9), (2.0, 0.7, 0.1), (3.0, 0.9, 0.9)):
        fill(network, value)
        best.update(price + kind, {"price": torch.tensor([price]), "kind": torch.tensor([kind])})
    weights = best.by_head()
    key = next(name for name, _ in network.named_parameters())
    assert weights["price"][key].unique().tolist() == [1.0]
    assert weights["kind"][key].unique().tolist() == [2.0]
    assert best.weights[TOGETHER][key].unique().tolist() == [2.0]


def test_tasks_share_weights_if_separate_ones_hardly_improve():
    network, tasks, _ = dense()
    best = BestWeights(network, tasks)
    for value, price, kind in ((1.0, 0.5000, 0.9), (2.0, 0.5001, 0.1)):
        fill(network, value)
        best.update(price + kind, {"price": torch.tensor([price]), "kind": torch.tensor([kind])})
    weights = best.by_head()
    assert weights["price"] is weights["kind"]


def test_members_keep_the_epoch_that_was_best_for_each():
    network, tasks, _ = ensemble()
    best = BestWeights(network, tasks)
    assert best.is_member_wise
    fill(network, 1.0)
    best.update(1.0, {name: torch.tensor([0.5, 0.5, 0.5, 0.5, 0.5]) for name in ("price", "kind")})
    fill(network, 2.0)
    best.update(1.0, {name: torch.tensor([0.1, 0.9, 0.1, 0.9, 0.9]) for name in ("price", "kind")})
    for name, tensor in best.by_head()["price"].items():
        if not name.startswith("prior__") and not name.endswith("voters"):
            assert [tensor[member].unique().tolist() for member in range(5)] == [[2.0], [1.0], [2.0], [1.0], [1.0]], (
                name
            )


def test_ensembles_of_different_sizes_are_chosen_as_a_whole():
    network, tasks, _ = build(ensemble_block(5, "small"), ensemble_block(10, "large"))
    best = BestWeights(network, tasks)
    for value, loss in ((1.0, 0.5), (2.0, 0.1)):
        fill(network, value)
        best.update(loss, {"price": torch.full((5,), loss), "kind": torch.full((10,), loss)})
    for weights in best.by_head().values():
        assert {float(weights[name].max()) for name, _ in network.named_parameters()} == {2.0}


def test_update_returns_whether_any_task_has_improved():
    network, tasks, _ = dense()
    best = BestWeights(network, tasks)
    assert best.update(1.0, {"price": torch.tensor([0.5]), "kind": torch.tensor([0.5])})
    assert not best.update(2.0, {"price": torch.tensor([0.6]), "kind": torch.tensor([0.6])})
    assert best.update(2.0, {"price": torch.tensor([0.4]), "kind": torch.tensor([0.6])})


def test_the_state_is_restored():
    network, tasks, _ = ensemble()
    best = BestWeights(network, tasks)
    best.update(1.0, {name: torch.rand(5) for name in ("price", "kind")})
    again = BestWeights(network, tasks)
    again.restore(best.state(), torch.device("cpu"))
    assert again.state().keys() == best.state().keys()
    assert all(torch.equal(again.state()[name], tensor) for name, tensor in best.state().items())


def test_every_row_is_predicted_out_of_fold():
    network, tasks, rows = ensemble()
    network.eval()
    raw, losses = validation_outputs(network, tasks, rows, 16)
    with torch.no_grad():
        network.part("price").returns_members = True
        member_outputs = network(rows.slice(0, SIZE))["price"]
        network.part("price").returns_members = False
    expected = member_outputs[torch.arange(SIZE), rows.folds]
    torch.testing.assert_close(raw["price"], expected)
    for fold in range(FOLDS):
        mine = rows.folds == fold
        mean = (expected[mine] - rows.targets["price"][mine]).square().mean()
        torch.testing.assert_close(losses["price"][fold], mean)


def test_the_group_of_members_that_is_clearly_better_votes_alone():
    network, tasks, rows = ensemble(members=10)
    with torch.no_grad():
        for task in tasks:
            network.part(task.name).linear.weight.zero_()
            network.part(task.name).linear.bias[:5] = 0.0
            network.part(task.name).linear.bias[5:] = 50.0
    chosen = choose_voters(network, tasks, rows, 16)
    assert chosen == {"price": [0], "kind": [0]}
    network.eval()
    with torch.no_grad():
        assert not network(rows.slice(0, 4))["price"].any()


def test_half_of_the_groups_may_vote():
    network, tasks, rows = ensemble(members=20)
    with torch.no_grad():
        for task in tasks:
            network.part(task.name).linear.weight.zero_()
            network.part(task.name).linear.bias[:] = 50.0
            network.part(task.name).linear.bias[5:10] = 1.0
            network.part(task.name).linear.bias[15:] = -1.0
    assert choose_voters(network, tasks, rows, 16)["price"] == [1, 3]
