"""Tuners: sample the values of trials and prune trials, by means of Optuna."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, TypeVar, final

from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

T = TypeVar("T")

STARTUP_TRIALS = 5
"""Random trials before a model of the trials is used; few, since searches are short."""


class Tuner(ABC):
    """A search algorithm. Subclass it to use any sampler and pruner of Optuna; the objective is minimised."""

    rounds: ClassVar[int] = 0
    """Number of rounds that a search has at least where trials can be trained together; those of a round do not know of
    each other's results. 0: trials are tried one after the other. Otherwise the sampler and the pruner must read only
    results of completed and pruned trials, through `study.get_trials`."""

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Returns a new sampler. Each trial has its own, seeded by its number, so a resumed search is reproducible."""

    @abstractmethod
    def pruner(self, epochs: int) -> BasePruner:
        """Returns a pruner for trials of at most `epochs` epochs, which report a value per epoch, from epoch 0."""


@final
class Local(Tuner):
    """Local moves from the best trial so far, at first the default, which widen with the number of trials. The default.

    A good default is seldom improved by values from anywhere in the search space, so near ones are tried first.
    """

    rounds = 4

    def sampler(self, seed: int) -> BaseSampler:
        from medley.search.samplers import LocalSampler

        return LocalSampler(seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _pruner(epochs)


@final
class TPE(Tuner):
    """Multivariate tree-structured Parzen estimator; conditional parameters form groups.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; multivariate: Falkner et
    al., "BOHB", ICML 2018.
    """

    rounds = 4

    def sampler(self, seed: int) -> BaseSampler:
        return _tpe_sampler(seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _pruner(epochs)


@final
class RandomSearch(Tuner):
    """Random search.

    Source: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012.
    """

    rounds = 2

    def sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _pruner(epochs)


@final
class Greedy(Tuner):
    """Takes the values of the best trial so far, and samples those of one block again."""

    rounds = 4

    def sampler(self, seed: int) -> BaseSampler:
        from medley.search.samplers import GreedySampler

        return GreedySampler(seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _pruner(epochs)


@final
class BayesianOptimization(Tuner):
    """Bayesian optimisation with a Gaussian process over the parameters that all trials have; `TPE` for the others.

    If scipy, which the process requires, is not installed, `TPE` samples all parameters.
    """

    rounds = 4

    def sampler(self, seed: int) -> BaseSampler:
        if find_spec("scipy") is None:
            return _tpe_sampler(seed)
        from medley.search.samplers import GaussianProcess

        return _without_warnings(
            lambda: GaussianProcess(
                seed=seed,
                independent_sampler=_tpe_sampler(seed),
                n_startup_trials=STARTUP_TRIALS,
                warn_independent_sampling=False,
            )
        )

    def pruner(self, epochs: int) -> BasePruner:
        return _pruner(epochs)


@final
class Hyperband(Tuner):
    """Many short trials and few long ones: a trial continues only if it is among the best third of its bracket.

    Brackets depend on the name of the study and the number of the trial, so a search in a study of the same name is
    reproducible. Values are sampled as by `TPE`. Source: Li et al., "Hyperband", JMLR 2018; Falkner et al., "BOHB",
    ICML 2018.
    """

    def sampler(self, seed: int) -> BaseSampler:
        return _tpe_sampler(seed)

    def pruner(self, epochs: int) -> BasePruner:
        from optuna.pruners import HyperbandPruner

        return _without_warnings(
            lambda: HyperbandPruner(min_resource=1, max_resource=max(epochs, 1), reduction_factor=3)
        )


TUNERS: dict[str, type[Tuner]] = {
    "local": Local,
    "greedy": Greedy,
    "random": RandomSearch,
    "hyperband": Hyperband,
    "bayesian": BayesianOptimization,
    "tpe": TPE,
}


def resolve_tuner(tuner: str | Tuner | type[Tuner] | None = None) -> Tuner:
    """The tuner for a caller's `tuner=` argument.

    Args:
        tuner: a name, a `Tuner` or a subclass of it; None is the default, `Local`.

    Raises:
        ConfigError: it is none of these.

    >>> type(resolve_tuner("greedy")).__name__
    'Greedy'
    >>> resolve_tuner("gredy")
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: Expected the tuner argument to be one of local, greedy, random, hyperband, \
bayesian, tpe, or a Tuner, but got gredy. Did you mean 'greedy'?
    """
    if tuner is None:
        return Local()
    if isinstance(tuner, Tuner):
        return tuner
    if isinstance(tuner, type) and issubclass(tuner, Tuner):
        return tuner()
    if isinstance(tuner, str) and tuner in TUNERS:
        return TUNERS[tuner]()
    hint = did_you_mean(tuner, TUNERS) if isinstance(tuner, str) else ""
    raise ConfigError(
        f"Expected the tuner argument to be one of {', '.join(TUNERS)}, or a Tuner, but got {tuner}.{hint}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Suppresses Optuna's log messages below warnings, in this thread only."""
    thread = threading.get_ident()

    def passes(record: logging.LogRecord) -> bool:
        return record.thread != thread or record.levelno >= logging.WARNING

    if "optuna" not in sys.modules:
        # Optuna keeps the error of an optional import that fails, and with it the frames that led to it and their data.
        importer = threading.Thread(target=import_module, args=("optuna",))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # in notebooks; its bars are not shown
            importer.start()
            importer.join()
    import optuna  # makes its loggers  # noqa: F401

    # A filter of a logger does not hold for those below it.
    names = [name for name in logging.root.manager.loggerDict if name.startswith("optuna")]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(passes)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(passes)


def _tpe_sampler(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return _without_warnings(
        lambda: TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True)
    )


def _pruner(epochs: int) -> BasePruner:
    from medley.search.pruners import ReachPruner

    return ReachPruner(epochs)


def _without_warnings(make: Callable[[], T]) -> T:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return make()
