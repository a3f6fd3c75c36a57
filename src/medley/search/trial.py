"""One trial: resolve, build, train, measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import torch

from medley.balance.choose import balancer
from medley.core.block import DataSummary
from medley.core.input import Input
from medley.core.linear import SupervisedCodec
from medley.core.resolve import Suggest, resolve, settle
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.errors import GraphError, MedleyError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.untie import untie
from medley.model.model import Model
from medley.model.records import Record
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.stages import FirstStageResult, first_plan, stage_of, train_first_stage
from medley.search.suggest import DefaultSuggest, Token, TrialSuggest
from medley.tables.view import TableView
from medley.train.best import choose_voters
from medley.train.fit import VALIDATION_BATCH, Validation, fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training, default_batch_size, default_epochs, default_learning_rate
from medley.train.run import FitResult

CUT_SHORT = ("time ran out", "interrupted")
"""Why a training ended before its plan did."""

NOT_LEARNED = 0.995
"""Validation loss over that of the best constant prediction, from which on a target counts as not learned."""


@dataclass(frozen=True)
class SearchSpec:
    """What is searched, and how its trials are trained and compared; the same for all trials.

    Args:
        graph: as declared, with unset fields.
        data: encoded once, shared by all trials.
        plan: the training's settings, with unset fields.
        loss_weights: how several losses are balanced.
        score: a record's flat values -> objective to minimise.
        seed: of weights, order, dropout.
        max_model_size: largest number of parameters a network may have, or None.
        table: how the models read a table, if they do.
        about: JSON values to add to the models' metadata.
        by_task: whether each task keeps the weights that were best for it.
    """

    graph: Graph
    data: Encodings
    plan: Training
    loss_weights: Any
    score: Callable[[Mapping[str, float]], float]
    seed: int
    max_model_size: int | None = None
    table: TableView | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    by_task: bool = True

    @property
    def summary(self) -> DataSummary:
        """What defaults depend on besides the specs."""
        return DataSummary(self.data.parts[0].size, len(self.graph.inputs), self.data.heads)

    @property
    def batch_size(self) -> int:
        """Rows per step."""
        return self.plan.batch_size or default_batch_size(self.summary.rows)

    @property
    def epochs(self) -> int:
        """Epochs of a whole training."""
        return self.plan.epochs or default_epochs(self.summary.rows, self.batch_size)

    @property
    def steps(self) -> int:
        """Steps of a whole training."""
        return self.epochs * -(-self.summary.rows // self.batch_size)


@dataclass
class TrialResult:
    """The result of a trial.

    Args:
        number: from 0.
        state: `"complete"`, `"pruned"` or `"failed"`.
        score: the objective at the best epoch; lower is better.
        params: parameter name -> value.
        records: one per epoch.
        best: index of the best epoch in `records`.
        reason: why it stopped early or failed, or None.
        seconds: wall time.
        size: parameters of the network.
        scores: of the network that was kept, under the names of `Record.flat`.
    """

    number: int
    state: str = "failed"
    score: float = float("inf")
    params: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    best: int = -1
    reason: str | None = None
    seconds: float = 0.0
    size: int = 0
    scores: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Columns of the search's history: `param.<name>` per parameter, the best epoch's scores, all curves."""
        return {
            "number": self.number,
            "state": self.state,
            "score": self.score,
            "seconds": self.seconds,
            "size": self.size,
            "reason": self.reason,
            **{f"param.{name}": value for name, value in self.params.items()},
            **(self.scores or (self.records[self.best].flat() if self.records else {})),
            "curves": [record.flat() for record in self.records],
        }


class OversizedError(MedleyError):
    """A network has more parameters than `max_model_size` allows."""


def resolved(search_spec: SearchSpec, suggest: Suggest) -> tuple[Graph, Training]:
    """The graph and the training with every value chosen.

    Raises:
        GraphError: a part cannot read what it is joined to, or an input is read by nothing that was chosen.
    """
    graph = search_spec.graph
    outputs = resolve(graph.outputs, graph.names, search_spec.data.spec, suggest, search_spec.summary)
    found = {node.block.name: node.block for node in Graph.walk(outputs) if isinstance(node.block, Input)}
    if unread := [name for name in graph.input_names if name not in found]:
        raise GraphError(
            f"Inputs and outputs not connected. With these values no output reads {', '.join(map(repr, unread))}: "
            "a block that is called on several nodes takes only the first. Join them with Merge() before it."
        )
    inputs = tuple(found[name] for name in graph.input_names)
    defaults = (
        {"learning_rate": default_learning_rate(search_spec.steps)} if search_spec.plan.learning_rate is None else {}
    )
    plan = settle(search_spec.plan, "training", suggest, defaults)
    return Graph(inputs, tuple(outputs)), plan


class ResolvedDefault:
    """The graph and the training with their defaults: resolved once, for the checks before a search and for trial 0.

    Args:
        search_spec: what is searched.

    Attributes:
        graph: resolved.
        plan: the training, every field set.

    Raises:
        GraphError: a part cannot read what it is joined to, or an input is read by nothing that was chosen.
    """

    def __init__(self, search_spec: SearchSpec) -> None:
        self._suggest = DefaultSuggest()
        self.graph, self.plan = resolved(search_spec, self._suggest)

    @property
    def params(self) -> dict[str, Token]:
        """Parameter name -> what stands for the default in a study."""
        return self._suggest.params

    def is_chosen_by(self, suggest: TrialSuggest) -> bool:
        """Asks a trial for all parameters; whether it takes the defaults, so that this is its graph and training."""
        return self._suggest.replay(suggest)


def made_plan(graph: Graph, sources: Sequence[Source], trained: FitResult, first: FitResult | None) -> dict[str, Any]:
    """What a training was planned to be, as JSON: `medley.fit(plan=...)` repeats it without a clock.

    Args:
        graph: of the model.
        sources: of the model.
        trained: how the training went.
        first: how that of the first stage went, if there was one.
    """
    codecs = {source.name: source.codec for source in sources}
    choices = {name: dict(codec.choices) for name, codec in codecs.items() if isinstance(codec, SupervisedCodec)}
    choices |= {str(block.name): dict(block.choices) for block in graph.inputs if block.choices}
    stages = [trained] if first is None else [first, trained]
    return {
        "epochs": trained.epochs,
        "first_epochs": None if first is None else first.epochs,
        "inputs": choices,
        "complete": all(stage.stopped not in CUT_SHORT for stage in stages),
    }


def _network(
    search_spec: SearchSpec, graph: Graph, specs: Mapping[str, Spec], first: FirstStageResult | None
) -> Network:
    """A network with fresh weights, on the device; a first stage keeps those that it was trained to."""
    torch.manual_seed(search_spec.seed)
    network = Network(graph, specs, search_spec.data.targets, search_spec.data.frozen.modules)
    if first is not None:
        network.load_state_dict(first.weights, strict=False)
    return network.to(search_spec.data.device)


def check_size(network: Network, most: int | None, result: TrialResult) -> None:
    """Writes the number of a network's parameters into the result of its trial.

    Raises:
        OversizedError: it is above `most`.
    """
    result.size = sum(parameter.numel() for parameter in network.parameters())
    if most is not None and result.size > most:
        raise OversizedError(f"Oversized model: {result.size:,} parameters, max_model_size is {most:,}.")


def run(
    search_spec: SearchSpec,
    suggest: TrialSuggest,
    hooks: TrainingHooks,
    result: TrialResult,
    default: ResolvedDefault | None = None,
) -> Model:
    """Runs one trial to its end and writes into `result` how it went.

    Args:
        search_spec: what is searched.
        suggest: chooses the values.
        hooks: callbacks, notes and the deadline of the training.
        result: filled in place.
        default: of trial 0, which takes its graph from here instead of resolving it again.

    Returns:
        The trained model.

    Raises:
        OversizedError: the network is too large.
        MedleyError: the graph cannot be resolved with the suggested values.
    """
    began = monotonic()
    if default is not None and default.is_chosen_by(suggest):
        graph, plan = default.graph, default.plan
    else:
        graph, plan = resolved(search_spec, suggest)
    data = search_spec.data
    sources = data.sources(graph)
    specs = {source.name: source.codec.spec for source in sources}
    stage, first = stage_of(graph), None
    if stage is not None:
        if search_spec.max_model_size is not None:  # before the first stage is trained in vain
            check_size(Network(graph, specs, data.targets, data.frozen.modules), search_spec.max_model_size, result)
        settings = first_plan(replace(plan, batch_size=search_spec.batch_size))
        first = train_first_stage(
            graph,
            stage,
            specs,
            data.targets,
            settings,
            data.rows(graph),
            hooks,
            search_spec.seed,
            search_spec.loss_weights,
        )
        graph = first.graph
    network = _network(search_spec, graph, specs, first)
    check_size(network, search_spec.max_model_size, result)
    tasks = tasks_of(graph, data.targets)
    names = [task.name for task in tasks]
    balance = balancer(search_spec.loss_weights, names, head_weights=[task.head.weight for task in tasks])
    rows = first.rows if first is not None else data.rows(graph, data.frozen_results(graph, network, hooks))
    if first is None and len(rows) > 1:  # members leave out folds only where these are what is validated on
        rows = [rows[0].with_folds(None), *rows[1:]]
    plan = replace(plan, batch_size=search_spec.batch_size, epochs=search_spec.epochs)
    val = rows[1] if len(rows) > 1 else None
    rest = (tasks, balance, plan, rows[0], val, hooks, search_spec.seed)
    is_over = first is not None and (first.training.stopped == "interrupted" or hooks.is_interrupted())
    try:
        trained = fit(network, *rest, stopped="interrupted" if is_over else None)
    except KeyboardInterrupt:
        if first is None:
            raise
        network = _network(search_spec, graph, specs, first)  # the answers of the first stage, which is complete
        trained = fit(network, *rest, stopped="interrupted")
    weights = dict(zip(names, balance.loss_weights, strict=True))
    result.records, result.best, result.score = trained.records, trained.best_epoch, trained.best_score
    scores = trained.records[trained.best_epoch].flat() if trained.records else {}
    weak: list[str] = []
    if trained.weights and (hooks.by_task or not trained.records):
        untied = untie(graph, specs, data.targets, trained.weights, data.frozen.modules)
        try:
            check_size(untied[1], search_spec.max_model_size, result)
            graph, network = untied
        except OversizedError:  # no copies: heads share the weights that were best for all together
            check_size(network, search_spec.max_model_size, result)
        network.to(data.device).eval()
        measured = rows[0] if val is None and rows[0].folds is not None else val
        if rows[0].folds is not None:
            choose_voters(network, tasks, rows[0], VALIDATION_BATCH)
        validation = Validation(network, tasks, weights, measured)
        final = validation.scores()
        weak = [name for name, relative in validation.relative.items() if relative >= NOT_LEARNED]
        scores |= {f"val_{name}": value for name, value in final.items()}
        result.score = hooks.score(scores) if final else result.score
    result.scores = scores
    result.reason, result.seconds = trained.stopped, monotonic() - began
    metadata = {
        **search_spec.about,
        "training": plan.to_json(),
        "balance": balance.describe(),
        "loss_weights": weights,
        "params": result.params,
        "scores": scores,
        "epochs": [record.to_json() for record in trained.records],
        "seed": search_spec.seed,
        "not_learned": weak,
        "plan": made_plan(graph, sources, trained, None if first is None else first.training),
        "bad_rows": data.bad_rows,
    }
    frozen = data.frozen.for_models()
    return Model(graph, sources, data.targets, network, metadata, data.device, search_spec.table, frozen)
