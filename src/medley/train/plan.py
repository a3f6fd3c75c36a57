"""The settings of a training; unset fields are searched, like those of a block."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from medley.core.arguments import check_whole_number
from medley.core.space import Float, OneOf, Space, searched, space_of
from medley.errors import ConfigError, ErrorCollector, did_you_mean
from medley.train.epoch_plan import as_growth

OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("one_cycle", "cosine", "constant")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
STEPPERS = ("auto", "eager", "compiled")


@dataclass(frozen=True)
class Training:
    """Optimiser, learning-rate schedule and other settings of a training.

    Unset fields are searched or chosen for the data.

    Args:
        learning_rate: the highest learning rate of the schedule; searched if unset.
        weight_decay: decoupled for `"adamw"`, L2 for the others; biases and norms never decay. Searched if unset.
        optimizer: `"adamw"`, `"adam"` or `"sgd"` (Nesterov momentum .9).
        schedule: `"one_cycle"` (warm-up over 30 % of the steps, cosine to 0), `"cosine"` (warm-up over 5 %) or
            `"constant"`.
        epochs: number of epochs; None chooses by the number of rows.
        batch_size: rows per step; None chooses by the number of rows.
        clip: gradients with a larger norm are scaled down to it; 0 turns this off.
        patience: epochs without improvement of the objective after which training stops; 0 never stops early.
        precision: `"auto"` uses bfloat16 autocast on GPUs that support it, and on CPUs that do for networks of some
            size; float32 elsewhere.
        beta2: decay rate of the optimiser's second moments; of `"adamw"` and `"adam"`.
        average: decay rate of a moving average of the weights, which is then validated and saved; 0 for no average.
        stepper: `"compiled"` runs each training step as one compiled program, which needs a C++ compiler and takes half
            a minute to compile, once per shape of a network; `"eager"` does not; `"auto"` compiles on a CPU where
            training is long enough to pay for it.
        first_epochs: epochs of the first stage (`FirstStage`), if there is one; None for 15.
        last_epochs: epochs at the end in which validation rows are learned from, too, when all that they tell is known;
            None for half as many as before. They are left out where the time is short, or where the best epoch came
            early. The scores of a model are those before them.
        growth: repeats a training whose number of epochs grew: pairs of epochs that were done, and the number that was
            planned until then (`EpochPlan`).
        threads: CPU threads; None for one for small networks, which several would slow down, and all for others.

    Raises:
        ConfigError: a field has an invalid value; all errors are reported at once.

    >>> Training(optimizer="adam", learning_rate=1e-3, schedule="constant").optimizer
    'adam'
    >>> Training(optimizer="adan")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: Training: optimizer must be one of ..., got 'adan'. Did you mean 'adam'?
    """

    learning_rate: float | Space | None = searched(Float(3e-4, 1e-2, log=True, default=3e-3))
    weight_decay: float | Space | None = searched(OneOf(0.0, 1e-3, 1e-2, 5e-2, default=1e-2))
    optimizer: str = "adamw"
    schedule: str = "one_cycle"
    epochs: int | None = None
    batch_size: int | None = None
    clip: float = 1.0
    patience: int = 10
    precision: str = "auto"
    threads: int | None = None
    beta2: float = 0.999
    average: float = 0.0
    first_epochs: int | None = None
    last_epochs: int | None = 0
    growth: tuple[tuple[int, int], ...] = ()
    stepper: str = "auto"

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        choices_of = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "stepper": STEPPERS}
        for name, options in choices_of.items():
            value = getattr(self, name)
            if value not in options:
                choices = ", ".join(map(repr, options))
                hint = did_you_mean(value, options)
                errors.add(f"must be one of {choices}, got {value!r}.{hint}", where="Training", argument=name)
        for name in ("epochs", "batch_size", "threads", "first_epochs"):
            check_whole_number(errors, getattr(self, name), name, where="Training")
        check_whole_number(errors, self.last_epochs, "last_epochs", at_least=0, where="Training")
        for name in ("learning_rate", "weight_decay", "clip", "patience", "beta2", "average"):
            value = getattr(self, name)
            if space_of(self, name) and (value is None or isinstance(value, Space)):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                errors.add(f"must be a number of at least 0, got {value!r}.", where="Training", argument=name)
            elif name in ("beta2", "average") and value >= 1:
                errors.add(f"must be below 1, got {value!r}.", where="Training", argument=name)
        try:
            object.__setattr__(self, "growth", as_growth(self.growth))
        except (TypeError, ValueError):
            rule = "must be pairs of whole numbers that increase from pair to pair"
            errors.add(f"{rule}, got {self.growth!r}.", where="Training", argument="growth")
        errors.raise_if_any(ConfigError)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {**asdict(self), "growth": [list(pair) for pair in self.growth]}


def default_batch_size(rows: int) -> int:
    """The default number of rows per step for a number of training rows.

    >>> default_batch_size(85), default_batch_size(5_000), default_batch_size(57_000)
    (32, 64, 128)
    """
    return 32 if rows < 2_000 else 64 if rows < 20_000 else 128 if rows < 200_000 else 256


def default_learning_rate(steps: int) -> float:
    """The default of the highest learning rate: 0.003, and up to 0.01 for fewer than 1,000 steps.

    >>> default_learning_rate(5_000), default_learning_rate(25)
    (0.003, 0.01)
    """
    return min(max(0.003 * (1_000 / steps) ** 0.5, 0.003), 0.01)


def default_epochs(rows: int, batch_size: int) -> int:
    """The default number of epochs: about 5,000 steps, between 10 and 100 epochs.

    >>> default_epochs(85, 32), default_epochs(57_000, 128)
    (100, 12)
    """
    steps = -(-rows // batch_size)
    return int(min(max(-(-5_000 // steps), 10), 100))
