"""The graph API: searches and trains networks of several inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from medley.auto.best_model import BestModelViews
from medley.auto.conclusion import conclude
from medley.auto.duration import seconds
from medley.auto.fit_arguments import check_fit, check_folder, check_names, check_writable
from medley.auto.training_rows import training_parts
from medley.balance.choose import balancer
from medley.callbacks.callback import CallbackLike
from medley.core.arguments import check_whole_number
from medley.core.block import to_snake_case
from medley.core.words import BalancerName, TunerName
from medley.errors import ConfigError, ErrorCollector, NotFittedError
from medley.graph.graph import build_graph
from medley.model.copying import available
from medley.model.forward import resolve_device
from medley.model.model import Model
from medley.model.records import History
from medley.search.budget import Budget
from medley.search.encodings import Encodings
from medley.search.execute.choose import resolve_executor
from medley.search.execute.executor import Executor
from medley.search.keep_models import keep_models
from medley.search.labelled_rows import LabelledRows
from medley.search.objective import Objective, metric_directions, read_objective
from medley.search.progress import Progress
from medley.search.results import SearchResults, search_metadata
from medley.search.search_spec import ResolvedDefault, SearchSpec
from medley.search.store import Store
from medley.search.stream import Stream
from medley.search.study import Limits, Study
from medley.search.temporary import temporary_folder
from medley.search.trial import TrialResult
from medley.search.tuners import Tuner, resolve_tuner
from medley.train.plan import Training

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from medley.balance.balancer import Balancer
    from medley.tables.view import TableView


class AutoModel(BestModelViews):
    """Searches and trains a network of one or several inputs and targets.

    Args:
        inputs: an input or a list of inputs.
        outputs: heads, either alone (`ClassificationHead()`: each input gets its default encoder, the encoders are
            merged, and every head reads the result) or connected to a graph (`ClassificationHead()(node)`).
        project_name: the folder of the search under `directory`; default: named after the class.
        max_trials: maximal number of trials. With 1, only the default network is trained, with all fields that are set.
        directory: contains the project folder; default: the current directory. Without `project_name` and `directory`,
            the search uses a temporary folder that is removed with this object.
        objective: the number by which trials are compared. Default: the mean over heads of the validation loss divided
            by the loss of the best constant prediction. Or `"val_loss"`, `"val_accuracy"`, `"val_<head>_<metric>"`, an
            `Objective`, or a list of them.
        tuner: a name such as `"greedy"`, `"tpe"`, `"hyperband"`, a tuner class or object; default: `"local"`.
        overwrite: start anew if the project exists. Otherwise, a search over the same data is resumed; a search over
            other data moves the old project aside.
        seed: random seed of splits, weights, order and sampler; the same seed gives the same result. Default: 0.
        max_model_size: maximal number of parameters of a network.
        loss_weights: how several losses are combined: numbers in the order of the heads, a dict by head name,
            `"uncertainty"`, or a method by name (`"pcgrad"`, `"mgda"`, ...).
        time_limit: seconds, or "10m", for the whole `fit`.
        device: `"auto"` uses a GPU if there is one.
        training: training hyperparameters, to fix or search them.
        keep: number of the best models that are kept.

    Raises:
        ConfigError: an argument is invalid; all errors are reported together.
        GraphError: inputs and outputs are not connected.

    >>> import medley as md, numpy as np, tempfile
    >>> x, y = np.random.default_rng(0).normal(size=(64, 3)), np.arange(64) % 2
    >>> facts, kind = md.StructuredDataInput(), md.ClassificationHead()
    >>> auto = md.AutoModel(facts, kind, max_trials=1, directory=tempfile.mkdtemp())
    >>> history = auto.fit(x, y, epochs=2, verbose=0)
    >>> auto.predict(x).shape
    (64,)
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        project_name: str | None = None,
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: str | Objective | Sequence[str | Objective] | None = None,
        tuner: TunerName | type[Tuner] | Tuner | None = None,
        overwrite: bool = False,  # noqa: FBT001, FBT002  (the order and names are those users know)
        seed: int | None = None,
        max_model_size: int | None = None,
        *,
        loss_weights: BalancerName | str | Sequence[float] | Mapping[str, float] | float | Balancer | None = None,
        time_limit: float | str | None = None,
        device: Any = "auto",
        training: Training | None = None,
        keep: int = 3,
    ) -> None:
        errors = ErrorCollector()
        check_whole_number(errors, max_trials, "max_trials", optional=False)
        check_whole_number(errors, keep, "keep", optional=False)
        check_whole_number(errors, max_model_size, "max_model_size")
        check_whole_number(errors, seed, "seed", at_least=0)
        check_folder(errors, project_name, directory)
        with errors.collecting(ConfigError):
            self._tuner = resolve_tuner(tuner)
        with errors.collecting(ConfigError):
            self.time_limit = seconds(time_limit)
        errors.raise_if_any(ConfigError)
        self.graph = build_graph(inputs, outputs)
        self.project_name = project_name or to_snake_case(type(self))
        self._is_temporary = project_name is None and directory is None
        self.max_trials = max_trials
        self.directory = Path(directory or ".")
        self.objective = objective
        self.overwrite = overwrite
        self.seed = seed or 0
        self.max_model_size = max_model_size
        self.loss_weights = loss_weights
        self.device = resolve_device(device)
        self.training = training or Training()
        self.keep = keep
        self._balancer()  # reports errors in the weights now
        self._search_results: SearchResults | None = None
        self._searched: Path | None = None  # the folder of its own search

    def __getstate__(self) -> dict[str, Any]:
        # The models come first: their errors name the part that cannot be pickled.
        state = {"_search_results": self._search_results, **self.__dict__, "_searched": None}
        return {**state, "directory": Path()} if self._is_temporary else state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self.device = available(self.device)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        sample_weight: Any = None,
        callbacks: Sequence[CallbackLike] | None = None,
        verbose: int = 1,
        *,
        resume: bool = False,
        executor: str | Executor | None = None,
        workers: int | None = None,
    ) -> History:
        """Searches and trains; the best epoch of the best trial then is the model.

        Args:
            x: rows of the inputs: a list in order, a dict by name, or the rows themselves for a single input; or rows
                with labels: `(x, y)`, what `image_dataset_from_directory` returns, a data set or loader of torch.
            y: labels of the heads, likewise; None or NaN where missing.
            epochs: epochs per trial; default: depends on the number of rows.
            batch_size: rows per step; default: depends on the number of rows.
            validation_split: fraction of the rows that is drawn at random, stratified, for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a data set for validation instead.
            sample_weight: (N,) weights, or a dict of such by head.
            callbacks: as `Callback`, or functions of the `Record` of an epoch; if one returns True, the trial ends.
            verbose: 0 silent, 1 bars and a line per trial, 2 a line per epoch.
            resume: only continue a search over the same data, in the middle of an epoch if it was killed; an error if
                there is none. Left out, such a search is continued too, but where there is none one begins.
            executor: where trials run: "serial" (here), "stacked" (here, equal networks together), "processes" of this
                machine, "files" (workers on other machines), or "ray"; see docs/scale.md. Default: "serial", or stacks
                in processes for a long search whose networks differ in numbers only (docs/search.md).
            workers: number of trials that run at the same time; default: one per CPU core.

        Returns:
            The records of the best trial, like Keras's `History`.

        Raises:
            ConfigError, DataError: arguments or rows are invalid; all errors are reported before the training.
            SearchError: all trials failed.
        """
        budget = Budget.start(self.time_limit)
        check_fit(epochs, batch_size, validation_split, validation_data, callbacks, verbose)
        chosen = resolve_executor(executor, workers)
        parts = training_parts(self.graph, x, y, sample_weight, validation_split, validation_data, self.seed)
        verbose = int(verbose) if verbose != "auto" else 1
        options = {"verbose": verbose, "budget": budget, "resume": resume, "executor": chosen}
        return self.search(*parts, epochs, batch_size, callbacks, **options)

    def search(
        self,
        train: LabelledRows,
        val: LabelledRows | None,
        epochs: int | None = None,
        batch_size: int | None = None,
        callbacks: Sequence[CallbackLike] | None = None,
        *,
        verbose: int = 1,
        budget: Budget | None = None,
        table: TableView | None = None,
        metadata: Mapping[str, Any] | None = None,
        patience: int | None = None,
        stream: Stream | None = None,
        choices: Mapping[str, Any] | None = None,
        resume: bool = False,
        executor: Executor | None = None,
    ) -> History:
        """Searches and trains on rows that are already split.

        Args:
            train: training rows.
            val: validation rows; None if the training rows have folds.
            epochs: as in `fit`, like `batch_size`, `callbacks` and `verbose`.
            batch_size: as in `fit`.
            callbacks: as in `fit`.
            verbose: as in `fit`.
            budget: the time limit and its start; default: starts now.
            table: how the models read a table, if they do.
            metadata: JSON for the metadata of the models.
            patience: number of trials without improvement after which the search ends (`study.is_out_of_patience`).
            choices: JSON of earlier choices that depended on the time limit, to store with the project.
            stream: reads the rows of inputs, if they are not in `train` and `val`.
            resume: as in `fit`.
            executor: runs the trials; None lets the search choose.
        """
        if self._is_temporary and self._searched is None:
            self.directory = temporary_folder(self)
        check_writable(self.folder)
        budget = Budget.start(self.time_limit) if budget is None else budget
        plan = self.training
        plan = replace(plan, epochs=epochs or plan.epochs, batch_size=batch_size or plan.batch_size)
        search_spec = self._search_spec(train, val, plan, stream, table, metadata or {}, budget)
        settings = (callbacks or (), verbose, budget, patience, choices or {}, executor)
        study = self._prepare(search_spec, *settings, resume=resume)
        self._search_results, self._searched = study.search_results, self.folder
        try:
            study.run()
            self.model.metadata.update(search_metadata(study.results, study.ended))
            unlearned = None if self.model.metadata["plan"].get("last_epochs") else val
            conclude(self.model, train, unlearned, budget, study.progress.log)
            keep_models(study.search_results, search_spec.data, is_temporary=self._is_temporary)
        finally:
            study.store.end()
        return History(study.ranked[0].records)

    def _prepare(
        self,
        search_spec: SearchSpec,
        callbacks: Sequence[CallbackLike],
        verbose: int,
        budget: Budget,
        patience: int | None,
        choices: Mapping[str, Any],
        executor: Executor | None,
        *,
        resume: bool,
    ) -> Study:
        data = cast(Encodings, search_spec.data)
        default = ResolvedDefault(search_spec)  # encodes the inputs of the default network, which the digest covers
        is_encoded_elsewhere = executor is not None and executor.encodes
        if data.stream is not None and not (data.stream.is_sharded and is_encoded_elsewhere):
            data.rows(default.graph)  # now, so that errors in the rows are reported before anything is trained
        graph, plan, balance = self.graph.declarations(), search_spec.plan, self._balancer().describe()
        settings = (graph, plan, balance, self.objective, self.seed, self.max_model_size)
        digest = data.digest([repr(setting) for setting in settings])
        progress = Progress(verbose)
        store = Store(self.folder)
        choices = {**choices, "rows": search_spec.summary.rows, "codecs": data.choices()}
        overwrite = (self.overwrite or self._searched == self.folder) and not resume
        if message := store.begin(digest, overwrite=overwrite, choices=choices, resume=resume):
            progress.log(message)
        limits = Limits(self.max_trials, budget.training_deadline, self.keep, patience)
        return Study(search_spec, self._tuner, limits, store, progress, callbacks, default, executor)

    def _search_spec(
        self,
        train: LabelledRows,
        val: LabelledRows | None,
        plan: Training,
        stream: Stream | None,
        table: TableView | None,
        metadata: Mapping[str, Any],
        budget: Budget,
    ) -> SearchSpec:
        heads = self.graph.heads
        codecs = {name: head.codec() for name, head in heads.items()}
        choices = Store(self.folder).unfinished_choices(train.size)
        data = Encodings(train, val, codecs, self.device, stream, budget.linear_seconds, choices)
        score = read_objective(self.objective, list(heads), metric_directions(heads, data.targets))
        settings = (self.loss_weights, score, self.seed, self.max_model_size, table, metadata)
        return SearchSpec(self.graph, data, plan, *settings, by_task=self.objective is None)

    def _balancer(self) -> Balancer:
        heads = self.graph.heads
        return balancer(self.loss_weights, list(heads), head_weights=[head.weight for head in heads.values()])

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.directory / self.project_name

    @property
    def model(self) -> Model:
        """The best model of this object's `fit`, or of the project on disk.

        Raises:
            NotFittedError: there is no model.
        """
        return self._results().best()

    def _results(self) -> SearchResults:
        if self._search_results is None or not self._search_results.best_numbers:
            store = Store(self.folder)
            if self._is_temporary or not store.exists or store.best() is None:
                where = "" if self._is_temporary else f", and {self.folder} holds no finished project"
                raise NotFittedError(f"Nothing is fitted yet{where}; call fit first.")
            results = SearchResults(store.results(), self.keep, store, self.device)
            check_names(self.graph, results.best(), self.folder)
            self._search_results = results
        return self._search_results

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """The best model's predictions: `Model.predict`."""
        return self.model.predict(x, batch_size)

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """The best model's probabilities: `Model.predict_proba`."""
        return self.model.predict_proba(x, batch_size)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int = 0,
        sample_weight: Any = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002  (Keras's)
    ) -> Any:
        """Losses and metrics over the observed labels.

        Returns:
            Numbers in the order of Keras (`loss`, then the loss of each head if there are several, then metrics), or a
            dict by name with `return_dict=True`.
        """
        scores = self.model.evaluate(x, y, batch_size, sample_weight)
        return scores if return_dict else list(scores.values())

    def export_model(self) -> Model:
        """The best model."""
        return self.model

    def best_models(self) -> list[Model]:
        """The models that were kept, in order, the best first.

        Raises:
            NotFittedError: nothing is fitted.
        """
        return self._results().best_models()

    @property
    def history(self) -> pd.DataFrame:
        """A row per trial: state, score, seconds, size, reason, parameters, scores at the best epoch, curves.

        Columns: `number`, `state`, `score`, `seconds`, `size`, `reason`, one `param.<name>` per parameter, one per
        score at the best epoch, and `curves` (a list with a dict per epoch).
        """
        import pandas as pd

        return pd.DataFrame([trial.row() for trial in self._trials()])

    def _trials(self) -> list[TrialResult]:
        if self._search_results is not None:
            return self._search_results.trials
        return [] if self._is_temporary else Store(self.folder).results()

    def plot(self) -> Figure:
        """The search as an image: every trial's score, and the loss curves of the best. Needs `medley[plot]`.

        Raises:
            NotFittedError: nothing has been searched.
            MissingDependencyError: matplotlib is not installed.
        """
        from medley.report.curves import plot_search

        return plot_search([trial.row() for trial in self._trials()], self.keep)

    def summary(self) -> str:
        """The best model's parts, shapes and parameters; before `fit`, the drawn graph."""
        try:
            return self.model.summary()
        except NotFittedError:
            return "\n".join(self.graph.declarations())
