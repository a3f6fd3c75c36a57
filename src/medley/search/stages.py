"""Training in two stages: first the part that reads columns and texts, then encoders of images and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from medley.balance.choose import balancer
from medley.core.batch import Rows
from medley.core.block import Node
from medley.core.codec import TargetCodec
from medley.core.input import InputBlock
from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.graph.graph import Graph
from medley.graph.network import Network, part_key
from medley.graph.untie import untie
from medley.model.forward import compute_outputs
from medley.model.tasks import tasks_of
from medley.search.checkpoint import TrialCheckpoints
from medley.train.best import choose_voters, validation_outputs
from medley.train.fit import VALIDATION_BATCH, fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.ranks import Ranks
from medley.train.run import FitResult

FIRST_EPOCHS = 15
"""Epochs of the first stage."""

FIRST_FRACTION = 0.35
"""Fraction of the remaining time that the first stage may take."""


@dataclass(frozen=True)
class FirstStageResult:
    """A trained first stage.

    Args:
        graph: the whole graph, with the first stage as trained.
        weights: of the first stage, by their names in a network of that graph.
        rows: training and validation rows with the outputs of the first stage; out-of-fold outputs for training rows.
        training: the result of the training.
    """

    graph: Graph
    weights: dict[str, Tensor]
    rows: list[Rows]
    training: FitResult


def find_first_stage(graph: Graph) -> Node | None:
    """The last node of the first stage of a resolved graph; None if there is only one stage."""
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
    checkpoints: TrialCheckpoints | None = None,
) -> FirstStageResult:
    """Trains the first stage of a graph; a Ctrl-C ends it with its best epoch so far.

    Args:
        graph: resolved, with heads that start at the outputs of `stage`.
        stage: the last node of the first stage.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        plan: of this stage's training.
        rows: training rows with folds, and validation rows.
        hooks: of the whole training.
        seed: of weights and order.
        loss_weights: how the losses of the heads are balanced.
        checkpoints: of the trial; None keeps none.
    """
    checkpoints = checkpoints or TrialCheckpoints(None)
    first_graph = _first_graph(graph, stage)
    torch.manual_seed(seed)
    network = Network(first_graph, specs, targets).to(rows[0].device)
    tasks = tasks_of(first_graph, targets)
    deadline = None
    if hooks.deadline is not None:
        now = monotonic()
        deadline = now + (hooks.deadline - now) * FIRST_FRACTION
    task_balancer = balancer(
        loss_weights, [task.name for task in tasks], head_weights=[task.head.weight for task in tasks]
    )
    stage_hooks = TrainingHooks(
        lambda scores: scores["val_relative_loss"],
        deadline=deadline,
        checkpoint=partial(checkpoints.offer, "first"),
        on_end=partial(checkpoints.save, "first"),
        keeps_partial=hooks.keeps_partial,
    )
    state = checkpoints.state("first")
    trained = fit(network, tasks, task_balancer, plan, rows[0], None, stage_hooks, seed, state)
    first_graph, network = untie(first_graph, specs, targets, trained.weights)
    network.to(rows[0].device).eval()
    ranks = Ranks.current()
    compute = compute_outputs if ranks is None else ranks.outputs
    choose_voters(network, tasks, rows[0], VALIDATION_BATCH, ranks)
    outputs = [
        validation_outputs(network, tasks, rows[0], VALIDATION_BATCH, ranks)[0],
        *(compute(network, part, VALIDATION_BATCH) for part in rows[1:]),
    ]
    key = str(stage.block.name)
    next_rows = []
    for part, raw in zip(rows, outputs, strict=True):
        vectors = [raw[name] for name, _ in stage.block.heads]  # type: ignore[attr-defined]
        stage_output = torch.cat([torch.ones_like(vectors[0][:, :1]), *vectors], 1)
        next_rows.append(part.with_input(key, stage_output).with_folds(None))  # validation rows are those of the split
    joined_graph, names = _replace_first_stage(graph, stage, first_graph)
    weights = {}
    for name, tensor in network.state_dict().items():
        root, _, path = name.partition(".")
        part, _, parameter = path.partition(".")
        if root == "parts":
            weights[f"parts.{part_key(names[part]) if part in names else part}.{parameter}"] = tensor
    return FirstStageResult(joined_graph, weights, next_rows, trained)


def _first_graph(graph: Graph, stage: Node) -> Graph:
    """The graph of the first stage, with the heads of the whole graph."""
    heads = {str(node.block.name): node.block for node in graph.outputs}
    outputs = tuple(Node(heads[node.block.head], node.inputs) for node in stage.inputs)  # type: ignore[attr-defined]
    reached = {id(node.block) for node in Graph.walk(outputs)}
    return Graph(tuple(block for block in graph.inputs if id(block) in reached), outputs)


def _replace_first_stage(graph: Graph, stage: Node, first_graph: Graph) -> tuple[Graph, dict[str, str]]:
    """Replaces the first stage of a graph by the trained one.

    Returns:
        The new graph; and key of a head's part in `first_graph` -> name of that part in the new graph.
    """
    reads = {str(node.block.name): node.inputs for node in first_graph.outputs}
    names: dict[str, str] = {}
    outputs = []
    for node in stage.inputs:
        head = node.block.head  # type: ignore[attr-defined]
        names[part_key(head)] = str(node.block.name)
        outputs.append(Node(node.block, reads[head]))
    new_stage = Node(stage.block, tuple(outputs))
    copies: dict[int, Node] = {id(stage): new_stage}

    def copy(node: Node) -> Node:
        if id(node) not in copies:
            inputs = tuple(map(copy, node.inputs))
            is_unchanged = isinstance(node.block, InputBlock) or inputs == node.inputs
            copies[id(node)] = node if is_unchanged else Node(node.block, inputs)
        return copies[id(node)]

    return Graph(graph.inputs, tuple(map(copy, graph.outputs))), names


def first_stage_plan(plan: Training) -> Training:
    """The plan for training a first stage: a low learning rate, since heads start at the linear path."""
    epochs = plan.first_epochs or FIRST_EPOCHS
    return replace(plan, learning_rate=2e-3, schedule="cosine", beta2=0.98, epochs=epochs, average=0.0, patience=0)
