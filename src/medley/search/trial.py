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
from torch import Tensor

from medley.balance.choose import balancer
from medley.core.linear import SupervisedCodec
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.errors import MedleyError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.untie import untie
from medley.model.model import Model
from medley.model.records import Record
from medley.model.tasks import tasks_of
from medley.search.checkpoint import TrialCheckpoints
from medley.search.last_epochs import deadline_before, epochs_on_all_rows, train_on_all_rows
from medley.search.search_spec import ResolvedDefault, SearchSpec, resolved_or_default
from medley.search.stages import FirstStageResult, find_first_stage, first_stage_plan, train_first_stage
from medley.search.suggest import TrialSuggest
from medley.search.training_plan import training_plan
from medley.search.weaknesses import replace_heads, replace_weak_heads, shifted_columns, worse_than_linear
from medley.train.best import choose_voters
from medley.train.fit import VALIDATION_BATCH, Validation, fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.ranks import Ranks
from medley.train.validated import validation_predictions
from medley.trust.trust import Trust

NOT_LEARNED = 0.995
"""Validation loss divided by that of the constant baseline from which a target counts as not learned."""


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
    # Without what differs between executors: the number of threads.
    plan = replace(plan, threads=None, epochs=search_spec.epochs, batch_size=search_spec.batch_size)
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
    data, ranks = search_spec.data, Ranks.current()
    sources = data.sources(graph)
    specs = {source.name: source.codec.spec for source in sources}
    checkpoints.begin(_key(search_spec, graph, plan, sources))
    stage, first_stage = find_first_stage(graph), None
    if stage is not None:
        network = new_network(search_spec, graph, specs)
        check_size(network, search_spec.max_model_size, result)  # before time is spent on the first stage
        frozen_results = data.frozen_results(graph, network, hooks)
        settings = first_stage_plan(replace(plan, batch_size=search_spec.batch_size))
        first_stage = train_first_stage(
            graph,
            stage,
            specs,
            data.targets,
            settings,
            data.rows(graph, frozen_results),
            hooks,
            search_spec.seed,
            search_spec.loss_weights,
            checkpoints,
        )
        graph = first_stage.graph
    network = new_network(search_spec, graph, specs, first_stage)
    check_size(network, search_spec.max_model_size, result)
    tasks = tasks_of(graph, data.targets)
    names = [task.name for task in tasks]
    task_balancer = balancer(search_spec.loss_weights, names, head_weights=[task.head.weight for task in tasks])
    rows = first_stage.rows if first_stage is not None else data.rows(graph, data.frozen_results(graph, network, hooks))
    if first_stage is None and len(rows) > 1:  # members leave out folds only if they are validated on them
        rows = [rows[0].with_folds(None), *rows[1:]]
    plan = replace(plan, batch_size=search_spec.batch_size, epochs=search_spec.epochs)
    val = rows[1] if len(rows) > 1 else None
    deadline = hooks.deadline if val is None else deadline_before(plan, hooks.deadline)
    main_hooks = replace(hooks, checkpoint=partial(checkpoints.offer, "main"), deadline=deadline)
    main_start = monotonic()
    fit_arguments = (tasks, task_balancer, plan, rows[0], val, main_hooks, search_spec.seed)
    is_interrupted = first_stage is not None and (
        first_stage.training.stopped == "interrupted" or hooks.is_interrupted()
    )
    if ranks is not None:  # rank 0 alone hears of an interrupt
        is_interrupted = bool(ranks.number(is_interrupted))
    try:
        state = None if is_interrupted else checkpoints.state("main")
        trained = fit(network, *fit_arguments, state, stopped="interrupted" if is_interrupted else None)
    except KeyboardInterrupt:
        if first_stage is None or not hooks.keeps_partial:
            raise
        network = new_network(
            search_spec, graph, specs, first_stage
        )  # the outputs of the first stage, which is complete
        trained = fit(network, *fit_arguments, stopped="interrupted")
    main_seconds = monotonic() - main_start
    weights = dict(zip(names, task_balancer.loss_weights, strict=True))
    result.records, result.best, result.score = trained.records, trained.best_epoch, trained.best_score
    scores = trained.records[trained.best_epoch].flat() if trained.records else {}
    not_learned: list[str] = []
    outputs: dict[str, Tensor] = {}
    weaknesses: dict[str, Any] = {}
    joint_graph, joint_network = graph, network
    evaluated = rows[0] if val is None and rows[0].folds is not None else val
    read = {} if evaluated is None else data.read(graph)
    encoded = {name: encoded_parts[-1] for name, encoded_parts in read.items()}
    if trained.weights and (hooks.by_task or not trained.records):
        untied = untie(graph, specs, data.targets, trained.weights, data.frozen.modules)
        try:
            check_size(untied[1], search_spec.max_model_size, result)
            graph, network = untied
        except OversizedError:  # without copies, all heads share the weights of the best epoch over all tasks
            check_size(network, search_spec.max_model_size, result)
        network.to(data.device).eval()
        if rows[0].folds is not None:
            choose_voters(network, tasks, rows[0], VALIDATION_BATCH, ranks)
        validation = Validation(network, tasks, weights, evaluated, ranks=ranks)
        final = validation.scores()
        if evaluated is not None:
            worse = worse_than_linear(tasks, validation.outputs, sources, encoded, evaluated)
            weaknesses["worse_than_linear"] = worse if ranks is None else ranks.content(worse)
        if search_spec.table is not None:  # a network that the caller has drawn stays as it was trained
            worse = None if first_stage is not None else weaknesses.get("worse_than_linear")
            weaknesses["replaced"] = replace_weak_heads(network, data.targets, validation.relative, worse)
            final = validation.scores() if weaknesses["replaced"] else final
        not_learned = [name for name, relative in validation.relative.items() if relative >= NOT_LEARNED]
        outputs = validation.outputs
        scores |= {f"val_{name}": value for name, value in final.items()}
        result.score = hooks.score(scores) if final else result.score
    result.scores = scores
    trust = None
    if evaluated is not None:
        part, where = data.parts[-1], "validation_data" if data.parts[-1].where else "training"
        labels = (data.labels[-1], part.weight, part.numbers)
        if val is not None and (time := search_spec.about.get("time")):
            weaknesses["shifted"] = shifted_columns(sources, read, data.parts, search_spec.table, [time])
        # What is learnt from them is learnt once for the models that are kept: `keep_models`.
        trust = Trust(validation_predictions(network, tasks, evaluated, *labels, where, part.groups, outputs))
    last_epochs = epochs_on_all_rows(plan, trained, main_seconds, hooks.deadline, rows)
    if ranks is not None:  # each has measured another time
        last_epochs = int(ranks.number(last_epochs))
    if last_epochs:
        last_plan = replace(plan, epochs=last_epochs)
        last = (tasks, task_balancer, last_plan, rows, hooks, search_spec.seed, checkpoints)
        last_epochs = train_on_all_rows(joint_network, *last)
    if last_epochs:
        graph, network = joint_graph, joint_network
        replace_heads(network, data.targets, weaknesses.get("replaced", {}))
    result.reason, result.seconds = trained.stopped, monotonic() - start_time
    metadata = {
        **search_spec.about,
        "training": plan.to_json(),
        "balance": task_balancer.describe(),
        "loss_weights": weights,
        "params": result.params,
        "scores": scores,
        "epochs": [record.to_json() for record in trained.records],
        "seed": search_spec.seed,
        "not_learned": not_learned,
        "wanted_epochs": trained.wanted,
        **weaknesses,
        "plan": training_plan(
            graph, sources, trained, None if first_stage is None else first_stage.training, last_epochs
        ),
        "unreadable_rows": data.unreadable_rows,
    }
    frozen = data.frozen.for_models()
    return Model(graph, sources, data.targets, network, metadata, data.device, search_spec.table, trust, frozen)
