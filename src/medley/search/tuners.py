"""How the next trial's values are chosen and when a trial is given up: Optuna's ways under the names users know."""

from __future__ import annotations

import logging
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar, final

from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

T = TypeVar("T")

STARTUP_TRIALS = 5  # random ones before a model of the trials is used; searches here are short


class Tuner(ABC):
    """A way to search. Subclass it to bring any Optuna sampler and pruner; studies minimise."""

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """A fresh sampler. One per trial, seeded by the trial's number, makes a resumed search repeat the other."""

    @abstractmethod
    def pruner(self, epochs: int) -> BasePruner:
        """A pruner of trials of at most `epochs` epochs, which report their value once per epoch, from epoch 0."""


@final
class TPE(Tuner):
    """Tree-structured Parzen estimator over all parameters together; conditional ones form groups. The default.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; multivariate: Falkner et
    al., "BOHB", ICML 2018.
    """

    def sampler(self, seed: int) -> BaseSampler:
        return _parzen(seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _hopeless(epochs)


@final
class RandomSearch(Tuner):
    """Every trial at random.

    Source: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012.
    """

    def sampler(self, seed: int) -> BaseSampler:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _hopeless(epochs)


@final
class Greedy(Tuner):
    """The best trial so far with the parameters of one block drawn anew."""

    def sampler(self, seed: int) -> BaseSampler:
        from medley.search.samplers import GreedySampler

        return GreedySampler(seed)

    def pruner(self, epochs: int) -> BasePruner:
        return _hopeless(epochs)


@final
class BayesianOptimization(Tuner):
    """A Gaussian process over what all trials share; what only some have is chosen as by `TPE`.

    Without scipy, which the process needs, all is chosen as by `TPE`.
    """

    def sampler(self, seed: int) -> BaseSampler:
        if find_spec("scipy") is None:
            return _parzen(seed)
        from medley.search.samplers import GaussianProcess

        return _unwarned(
            lambda: GaussianProcess(
                seed=seed,
                independent_sampler=_parzen(seed),
                n_startup_trials=STARTUP_TRIALS,
                warn_independent_sampling=False,
            )
        )

    def pruner(self, epochs: int) -> BasePruner:
        return _hopeless(epochs)


@final
class Hyperband(Tuner):
    """Many short trials, few long ones: trials go on only where they are among the best third of their bracket.

    Brackets follow from the study's name and the trial's number, so a search repeats if its study is named.
    Source: Li et al., "Hyperband", JMLR 2018; values are chosen as by `TPE`, as in Falkner et al., "BOHB", ICML 2018.
    """

    def sampler(self, seed: int) -> BaseSampler:
        return _parzen(seed)

    def pruner(self, epochs: int) -> BasePruner:
        from optuna.pruners import HyperbandPruner

        return _unwarned(lambda: HyperbandPruner(min_resource=1, max_resource=max(epochs, 1), reduction_factor=3))


TUNERS: dict[str, type[Tuner]] = {
    "greedy": Greedy,
    "random": RandomSearch,
    "hyperband": Hyperband,
    "bayesian": BayesianOptimization,
    "tpe": TPE,
}


def choose_tuner(tuner: str | Tuner | type[Tuner] | None = None) -> Tuner:
    """What a caller's `tuner=` argument means.

    Args:
        tuner: a name, a `Tuner` or a subclass of it; None is the default, `TPE`.

    Raises:
        ConfigError: it is none of these.

    >>> type(choose_tuner("greedy")).__name__
    'Greedy'
    >>> choose_tuner("gredy")
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: Expected the tuner argument to be one of greedy, random, hyperband, bayesian, tpe, \
or a Tuner, but got gredy. Did you mean 'greedy'?
    """
    if tuner is None:
        return TPE()
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
    """Keeps Optuna's notes on every study and trial off the screen, in this thread only; warnings still come."""
    here = threading.get_ident()

    def loud(record: logging.LogRecord) -> bool:
        return record.thread != here or record.levelno >= logging.WARNING

    import optuna  # makes its loggers  # noqa: F401

    # A filter of a logger does not hold for those below it.
    names = [name for name in logging.root.manager.loggerDict if name.startswith("optuna")]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(loud)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(loud)


def _parzen(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return _unwarned(lambda: TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True))


def _hopeless(epochs: int) -> BasePruner:
    from medley.search.pruners import HopelessPruner

    return HopelessPruner(epochs)


def _unwarned(make: Callable[[], T]) -> T:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return make()
