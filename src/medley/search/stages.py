"""Training a network in two stages: what columns and texts say first, then what encoders of images and the like add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from medley.balance.choose import balancer
from medley.core.batch import Rows
from medley.core.block import Node
from medley.core.codec import TargetCodec
from medley.core.input import Input
from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.graph.graph import Graph
from medley.graph.network import Network, part_key
from medley.graph.untie import untie
from medley.model.forward import compute_outputs
from medley.model.tasks import tasks_of
from medley.train.best import choose_voters, validation_outputs
from medley.train.fit import VALIDATION_BATCH, fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.run import FitResult

FIRST_EPOCHS = 15
FIRST_FRACTION = 0.35
"""Of the time left, what the first stage may take."""


@dataclass(frozen=True)
class FirstStageResult:
    """A first stage that was trained.

    Args:
        graph: the whole one, with the first stage as it is now.
        weights: of the first stage, by their names in a network of that graph.
        rows: training and validation rows with the first stage's answers, for training rows those out of fold.
        training: how it went.
    """

    graph: Graph
    weights: dict[str, Tensor]
    rows: list[Rows]
    training: FitResult


def stage_of(graph: Graph) -> Node | None:
    """The node that ends the first stage of a resolved graph; None where there is one stage only."""
    return next((node for node in graph.nodes() if isinstance(node.block, Layer) and node.block.is_stage), None)


def train_first_stage(
    graph: Graph,
    stage: Node,
    specs: Mapping[str, Spec],
    targets: Mapping[str, TargetCodec],
    plan: Training,
    rows: Sequence[Rows],
    hooks: TrainingHooks,
    seed: int,
    loss_weights: Any = None,
) -> FirstStageResult:
    """Trains the first stage of a graph; a Ctrl-C ends it with its best epoch so far.

    Args:
        graph: resolved, with heads that start at the answers of `stage`.
        stage: joins the first stage's outputs.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        plan: of this stage's training.
        rows: training rows with folds, and validation rows.
        hooks: of the whole training.
        seed: of weights and order.
        loss_weights: how the losses of the heads are balanced.
    """
    first = _first_graph(graph, stage)
    torch.manual_seed(seed)
    network = Network(first, specs, targets).to(rows[0].device)
    tasks = tasks_of(first, targets)
    deadline = None
    if hooks.deadline is not None:
        now = monotonic()
        deadline = now + (hooks.deadline - now) * FIRST_FRACTION
    balance = balancer(loss_weights, [task.name for task in tasks], head_weights=[task.head.weight for task in tasks])
    inner = TrainingHooks(
        lambda scores: scores["val_relative_loss"],
        lambda record, score: "interrupted" if hooks.is_interrupted() else None,
        deadline=deadline,
    )
    trained = fit(network, tasks, balance, plan, rows[0], None, inner, seed)
    first, network = untie(first, specs, targets, trained.weights)
    network.to(rows[0].device).eval()
    choose_voters(network, tasks, rows[0], VALIDATION_BATCH)
    outputs = [
        validation_outputs(network, tasks, rows[0], VALIDATION_BATCH)[0],
        *(compute_outputs(network, part, VALIDATION_BATCH) for part in rows[1:]),
    ]
    key = str(stage.block.name)
    answered = []
    for part, raw in zip(rows, outputs, strict=True):
        vectors = [raw[name] for name, _ in stage.block.heads]  # type: ignore[attr-defined]
        answers = torch.cat([torch.ones_like(vectors[0][:, :1]), *vectors], 1)
        answered.append(part.with_input(key, answers).with_folds(None))  # the next stage has validation rows of its own
    joined, names = _joined(graph, stage, first)
    weights = {}
    for name, tensor in network.state_dict().items():
        kind, _, rest = name.partition(".")
        part, _, inside = rest.partition(".")
        if kind == "parts":
            weights[f"parts.{part_key(names[part]) if part in names else part}.{inside}"] = tensor
    return FirstStageResult(joined, weights, answered, trained)


def _first_graph(graph: Graph, stage: Node) -> Graph:
    """The heads on what the first stage's outputs read."""
    heads = {str(node.block.name): node.block for node in graph.outputs}
    outputs = tuple(Node(heads[node.block.head], node.inputs) for node in stage.inputs)  # type: ignore[attr-defined]
    reached = {id(node.block) for node in Graph.walk(outputs)}
    return Graph(tuple(block for block in graph.inputs if id(block) in reached), outputs)


def _joined(graph: Graph, stage: Node, first: Graph) -> tuple[Graph, dict[str, str]]:
    """The graph with the first stage's heads as they were trained; key of a head's part -> name of its part there."""
    reads = {str(node.block.name): node.inputs for node in first.outputs}
    names: dict[str, str] = {}
    outputs = []
    for node in stage.inputs:
        head = node.block.head  # type: ignore[attr-defined]
        names[part_key(head)] = str(node.block.name)
        outputs.append(Node(node.block, reads[head]))
    new_stage = Node(stage.block, tuple(outputs))
    copies: dict[int, Node] = {id(stage): new_stage}

    def copied(node: Node) -> Node:
        if id(node) not in copies:
            inputs = tuple(map(copied, node.inputs))
            is_same = isinstance(node.block, Input) or inputs == node.inputs
            copies[id(node)] = node if is_same else Node(node.block, inputs)
        return copies[id(node)]

    return Graph(graph.inputs, tuple(map(copied, graph.outputs))), names


def first_plan(plan: Training) -> Training:
    """How a first stage is trained: small steps from the linear path."""
    epochs = plan.first_epochs or FIRST_EPOCHS
    return replace(plan, learning_rate=2e-3, schedule="cosine", beta2=0.98, epochs=epochs, average=0.0, patience=0)
