"""A trial of a search: resolves the graph, builds the network, trains and evaluates it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import torch

from medley.balance.balancer import Balancer
from medley.balance.choose import balancer
from medley.core.batch import Rows
from medley.core.linear import SupervisedCodec
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.errors import MedleyError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.untie import untie
from medley.heads.linear_skip import LinearSkip
from medley.model.model import Model
from medley.model.records import Record
from medley.model.tasks import Task, tasks_of
from medley.search.checkpoint import TrialCheckpoints
from medley.search.evaluation import Evaluation
from medley.search.last_epochs import deadline_before, epochs_on_all_rows, train_on_all_rows
from medley.search.search_spec import ResolvedDefault, SearchSpec, resolved_or_default
from medley.search.stages import FirstStageResult, find_first_stage, first_stage_plan, train_first_stage
from medley.search.suggest import TrialSuggest
from medley.search.training_plan import training_plan
from medley.search.weaknesses import replace_heads
from medley.train.best import choose_voters
from medley.train.fit import VALIDATION_BATCH, fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.ranks import Ranks
from medley.train.run import FitResult
from medley.trust.trust import Trust


@dataclass
class TrialResult:
    """The result of a trial.

    Args:
        number: from 0.
        state: `"complete"`, `"pruned"`, `"failed"` or, where it can be continued, `"interrupted"`.
        score: the objective at the best epoch; lower is better.
        params: parameter name -> value.
        records: one per epoch.
        best: index of the best epoch in `records`.
        reason: why it stopped early or failed, or None.
        seconds: wall time.
        size: number of parameters of the network.
        scores: of the trained model, under the names of `Record.flat`.
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

    @property
    def has_model(self) -> bool:
        """Whether the trial may have a model: it is complete, or was interrupted."""
        return self.state in ("complete", "interrupted")

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


def new_network(
    search_spec: SearchSpec, graph: Graph, specs: Mapping[str, Spec], first_stage: FirstStageResult | None = None
) -> Network:
    """A network with new weights, on the device; a first stage keeps those that it was trained to."""
    torch.manual_seed(search_spec.seed)
    network = Network(graph, specs, search_spec.data.targets, search_spec.data.frozen.modules)
    if first_stage is not None:
        network.load_state_dict(first_stage.weights, strict=False)
    return network.to(search_spec.data.device)


def check_size(network: Network, max_size: int | None, result: TrialResult) -> None:
    """Records the number of parameters of a network in the result of its trial.

    Raises:
        OversizedError: it is above `max_size`.
    """
    result.size = sum(parameter.numel() for parameter in network.parameters())
    if max_size is not None and result.size > max_size:
        raise OversizedError(f"Oversized model: {result.size:,} parameters, max_model_size is {max_size:,}.")


def _key(search_spec: SearchSpec, graph: Graph, plan: Training, sources: Sequence[Source]) -> str:
    """A checksum of what a training is made from, besides what is the same for a whole project."""
    digest = hashlib.blake2b(digest_size=16)
    blocks = [repr(node.block) for node in graph.nodes()]
    plan = replace(plan, threads=None)  # it differs between executors
    digest.update(repr((blocks, plan, search_spec.seed, search_spec.loss_weights)).encode())
    for source in sources:
        if isinstance(source.codec, SupervisedCodec):  # depends on the time there was
            for name, value in source.codec.state().items():
                digest.update(name.encode())
                digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()


def run(
    search_spec: SearchSpec,
    suggest: TrialSuggest,
    hooks: TrainingHooks,
    result: TrialResult,
    default: ResolvedDefault | None = None,
    checkpoints: TrialCheckpoints | None = None,
) -> Model:
    """Runs one trial, or continues it from its checkpoints.

    Args:
        search_spec: the search specification.
        suggest: chooses the values.
        hooks: callbacks, messages and the deadline of the training.
        result: filled in place.
        default: the resolved default, for trial 0, so that it is not resolved again.
        checkpoints: of this trial; None keeps none.

    Returns:
        The trained model.

    Raises:
        OversizedError: the network is too large.
        MedleyError: the graph cannot be resolved with the suggested values.
        ArtifactError, ConfigError: the checkpoints are of another training.
    """
    graph, plan = resolved_or_default(search_spec, suggest, default)
    return train(search_spec, graph, plan, hooks, result, checkpoints or TrialCheckpoints(None))


def train(
    search_spec: SearchSpec,
    graph: Graph,
    plan: Training,
    hooks: TrainingHooks,
    result: TrialResult,
    checkpoints: TrialCheckpoints,
) -> Model:
    """Trains the network of one trial; see `run`.

    Args:
        search_spec: the search specification.
        graph: resolved.
        plan: resolved.
        hooks: as of `run`, like the others.
        result: filled in place.
        checkpoints: of this trial.
    """
    start_time = monotonic()
    plan = replace(plan, batch_size=search_spec.batch_size, epochs=search_spec.epochs)
    trial = _Trial(search_spec, graph, plan, hooks, result, checkpoints)
    checkpoints.begin(_key(search_spec, graph, plan, trial.sources))
    trial.train_first_stage()
    trained = trial.train_network()
    evaluation = trial.evaluate(trained)
    trust = evaluation.trust()
    last_epochs = trial.train_on_all_rows(trained, evaluation)
    result.reason, result.seconds = trained.stopped, monotonic() - start_time
    return trial.model(trained, evaluation, trust, last_epochs)


class _Trial:
    """The training of one trial. Its methods are called once, in the order in which they are defined.

    Args:
        search_spec: as of `train`, like the others.
        graph: likewise.
        plan: likewise, with the number of epochs and the batch size.
        hooks: likewise.
        result: likewise.
        checkpoints: likewise.

    Attributes:
        sources: the fitted sources that the graph reads.
        first_stage: the result of the first stage, if there is one; `graph` then contains it as trained.
        network: what `train_network` has trained, like the next five.
        tasks: of the network.
        balancer: combines their losses.
        loss_weights: head name -> factor in the total loss.
        rows: training rows, then validation rows if there are any.
        seconds: that this training took.
    """

    network: Network
    tasks: list[Task]
    balancer: Balancer
    loss_weights: dict[str, float]
    rows: list[Rows]
    seconds: float

    def __init__(
        self,
        search_spec: SearchSpec,
        graph: Graph,
        plan: Training,
        hooks: TrainingHooks,
        result: TrialResult,
        checkpoints: TrialCheckpoints,
    ) -> None:
        self.search_spec, self.data = search_spec, search_spec.data
        self.graph, self.plan = graph, plan
        self.hooks, self.result, self.checkpoints = hooks, result, checkpoints
        self.sources = self.data.sources(graph)
        self._specs = {source.name: source.codec.spec for source in self.sources}
        self.first_stage: FirstStageResult | None = None
        self._ranks = Ranks.current()

    def train_first_stage(self) -> None:
        """Trains the first stage of the graph, if it has one."""
        stage = find_first_stage(self.graph)
        if stage is None:
            return
        network = self._new_network()  # its size is checked before time is spent on the first stage
        frozen_results = self.data.frozen_results(self.graph, network, self.hooks)
        self.first_stage = train_first_stage(
            self.graph,
            stage,
            self._specs,
            self.data.targets,
            first_stage_plan(self.plan),
            self.data.rows(self.graph, frozen_results),
            self.hooks,
            self.search_spec.seed,
            self.search_spec.loss_weights,
            self.checkpoints,
        )
        self.graph = self.first_stage.graph

    def train_network(self) -> FitResult:
        """Trains the network, or its second stage, on the training rows.

        Raises:
            KeyboardInterrupt: it was interrupted, and there is no first stage whose outputs could be kept.
        """
        self.network = self._new_network()
        self.tasks = tasks_of(self.graph, self.data.targets)
        names, head_weights = [task.name for task in self.tasks], [task.head.weight for task in self.tasks]
        self.balancer = balancer(self.search_spec.loss_weights, names, head_weights=head_weights)
        self.rows = self._rows()
        deadline = self.hooks.deadline if self._val is None else deadline_before(self.plan, self.hooks.deadline)
        offer = partial(self.checkpoints.offer, "main")
        hooks = replace(self.hooks, checkpoint=offer, deadline=deadline, grows=True)
        if self.first_stage is not None:
            hooks = replace(hooks, on_start=self._randomize_heads)
        arguments = (self.tasks, self.balancer, self.plan, self.rows[0], self._val, hooks, self.search_spec.seed)
        start_time = monotonic()
        is_interrupted = self.first_stage is not None and (
            self.first_stage.training.stopped == "interrupted" or hooks.is_interrupted()
        )
        if self._ranks is not None:  # rank 0 alone hears of an interrupt
            is_interrupted = bool(self._ranks.number(is_interrupted))
        try:
            state = None if is_interrupted else self.checkpoints.state("main")
            trained = fit(self.network, *arguments, state, stopped="interrupted" if is_interrupted else None)
        except KeyboardInterrupt:
            if self.first_stage is None or not hooks.keeps_partial:
                raise
            self.network = self._new_network()  # the outputs of the first stage, which is complete
            trained = fit(self.network, *arguments, stopped="interrupted")
        self.seconds = monotonic() - start_time
        self.loss_weights = dict(zip(names, self.balancer.loss_weights, strict=True))
        self.result.records, self.result.best = trained.records, trained.best_epoch
        self.result.score = trained.best_score
        return trained

    def evaluate(self, trained: FitResult) -> Evaluation:
        """Gives each task the weights of its best epoch, where that is wanted, and evaluates the resulting network."""
        scores = trained.records[trained.best_epoch].flat() if trained.records else {}
        rows = self.rows[0] if self._val is None and self.rows[0].folds is not None else self._val
        encoded = {} if rows is None else self.data.read(self.graph)
        parts = (self.graph, self.network, self.tasks, self.sources, rows, encoded)
        evaluation = Evaluation(self.search_spec, *parts, scores, self._ranks)
        if trained.weights and (self.hooks.by_task or not trained.records):
            evaluation.graph, evaluation.network = self._untied(trained)
            if evaluation.validate(self.loss_weights, starts_at_linear=self.first_stage is None):
                self.result.score = self.hooks.score(evaluation.scores)
        evaluation.compare_times()
        self.result.scores = evaluation.scores
        return evaluation

    def train_on_all_rows(self, trained: FitResult, evaluation: Evaluation) -> int:
        """Trains the network on validation rows, too, if there is time; the evaluation is of the network before.

        Returns:
            The number of these epochs. If there are any, the network takes the place of the evaluated one.
        """
        epochs = epochs_on_all_rows(self.plan, trained, self.seconds, self.hooks.deadline, self.rows)
        if self._ranks is not None:  # each has measured another time
            epochs = int(self._ranks.number(epochs))
        if not epochs:
            return 0
        plan, seed = replace(self.plan, epochs=epochs), self.search_spec.seed
        arguments = (self.tasks, self.balancer, plan, self.rows, self.hooks, seed, self.checkpoints)
        epochs = train_on_all_rows(self.network, *arguments)
        if epochs:
            evaluation.graph, evaluation.network = self.graph, self.network
            replace_heads(self.network, self.data.targets, evaluation.weaknesses.get("replaced", {}))
        return epochs

    def model(self, trained: FitResult, evaluation: Evaluation, trust: Trust | None, last_epochs: int) -> Model:
        """The trained model with its metadata."""
        first_training = None if self.first_stage is None else self.first_stage.training
        metadata = {
            **self.search_spec.about,
            "training": self.plan.to_json(),
            "balance": self.balancer.describe(),
            "loss_weights": self.loss_weights,
            "params": self.result.params,
            "scores": evaluation.scores,
            "epochs": [record.to_json() for record in trained.records],
            "seed": self.search_spec.seed,
            "not_learned": evaluation.not_learned,
            "wanted_epochs": trained.wanted,
            **evaluation.weaknesses,
            "plan": training_plan(evaluation.graph, self.sources, trained, first_training, last_epochs),
            "unreadable_rows": self.data.unreadable_rows,
        }
        return Model(
            evaluation.graph,
            self.sources,
            self.data.targets,
            evaluation.network,
            metadata,
            self.data.device,
            self.search_spec.table,
            trust,
            self.data.frozen.for_models(),
        )

    @property
    def _val(self) -> Rows | None:
        """The validation rows."""
        return self.rows[1] if len(self.rows) > 1 else None

    def _new_network(self) -> Network:
        network = new_network(self.search_spec, self.graph, self._specs, self.first_stage)
        check_size(network, self.search_spec.max_model_size, self.result)
        return network

    def _randomize_heads(self) -> None:
        """Lets encoders learn from the first step; until then, the network predicts like its first stage."""
        modules = (module for task in self.tasks for module in self.network.part(task.name).modules())
        for skip in (module for module in modules if isinstance(module, LinearSkip)):
            skip.randomize()

    def _rows(self) -> list[Rows]:
        """Training rows, then validation rows if there are any, as the network reads them."""
        if self.first_stage is not None:
            return self.first_stage.rows
        rows = self.data.rows(self.graph, self.data.frozen_results(self.graph, self.network, self.hooks))
        if len(rows) > 1:  # members leave out folds only if they are validated on them
            return [rows[0].with_folds(None), *rows[1:]]
        return rows

    def _untied(self, trained: FitResult) -> tuple[Graph, Network]:
        """The graph and the network in which each task has the weights of its best epoch."""
        max_size = self.search_spec.max_model_size
        graph, network = untie(self.graph, self._specs, self.data.targets, trained.weights, self.data.frozen.modules)
        try:
            check_size(network, max_size, self.result)
        except OversizedError:  # without copies, all heads share the weights of the best epoch over all tasks
            graph, network = self.graph, self.network
            check_size(network, max_size, self.result)
        network.to(self.data.device).eval()
        if self.rows[0].folds is not None:
            choose_voters(network, self.tasks, self.rows[0], VALIDATION_BATCH, self._ranks)
        return graph, network
