"""The training state: the complete state of a training between two steps, saved as JSON and safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import torch
from torch import Tensor

from medley.core.files import remove_leftovers, write_file
from medley.core.serialization import json_bytes, read_json
from medley.errors import ArtifactError
from medley.model.records import Record
from medley.train.epoch_plan import EpochPlan, as_growth

STATE = "state.json"


@dataclass(frozen=True)
class StepperState:
    """The state of a stepper.

    Args:
        tensors: by name, on the CPU: weights, moments of the optimiser, state of the balancer.
        values: JSON: learning rate, loss scale, number of steps.
    """

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


@dataclass
class LoopPosition:
    """The position of the training loop, which the loop updates.

    Args:
        epoch: the current epoch, from 0.
        order: the order of rows (N,) in the current epoch; None before it begins.
        seen: number of rows that were trained on in this epoch.
        outputs: head name -> raw outputs (N, K) for the rows in this order, of which the first `seen` are filled.
        seconds: wall time of the current epoch so far.
    """

    epoch: int = 0
    order: Tensor | None = None
    seen: int = 0
    outputs: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, raw: Mapping[str, Tensor], rows: int) -> None:
        """Adds the outputs of a step.

        Args:
            raw: head name -> raw outputs (B, K).
            rows: number of rows N of the epoch.
        """
        count = 0
        for name, output in raw.items():
            if name not in self.outputs:  # allocated at once, since many small tensors would fragment memory
                self.outputs[name] = output.new_empty((rows, *output.shape[1:]))
            count = len(output)
            self.outputs[name][self.seen : self.seen + count] = output
        self.seen += count

    def trained_outputs(self) -> dict[str, Tensor]:
        """Head name -> raw outputs (seen, K) for the rows that were trained on, as views."""
        return {name: output[: self.seen] for name, output in self.outputs.items()}

    def next_epoch(self) -> None:
        """Moves to the beginning of the next epoch."""
        self.epoch, self.order, self.seen, self.outputs, self.seconds = self.epoch + 1, None, 0, {}, 0.0

    def copy(self, device: torch.device | str = "cpu") -> LoopPosition:
        """A copy that the loop does not change, with outputs on a device."""
        outputs = {}
        for name, output in self.outputs.items():
            outputs[name] = output.new_empty(output.shape, device=device)
            outputs[name][: self.seen] = output[: self.seen]
        order = None if self.order is None else self.order.clone()
        return replace(self, order=order, outputs=outputs)


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes while a network is trained, between two steps.

    The graph and frozen weights, rows, plan, loss weights and objective are not part of the state, and must be the same
    when a training is resumed. On the same machine, a resumed training gives bit-identical results.

    Args:
        stepper: weights, optimiser, schedule, balancer and loss scale.
        position: epoch and step, and the order of rows.
        records: of the epochs so far.
        best_epoch: index of the best epoch; -1 before the end of the first.
        best_score: objective of the best epoch, lower is better.
        last_gain: index of the last epoch that was the best so far for the objective or for any task.
        best_weights: as returned by `BestWeights.state`; empty before the end of the first epoch.
        random: states of torch's random generators: `"cpu"`, `"cuda"` if used, `"shuffle"` for the order of rows.
        elapsed: seconds of training so far.
        rows: number of training rows N.
        batch_size: rows per step.
        plan: planned number of epochs, and how it grew.
        stopped: why training ended before the last epoch, or None.
    """

    stepper: StepperState
    position: LoopPosition
    records: tuple[Record, ...]
    best_epoch: int
    best_score: float
    last_gain: int
    best_weights: Mapping[str, Tensor]
    random: Mapping[str, Tensor]
    elapsed: float
    rows: int
    batch_size: int
    plan: EpochPlan = field(default_factory=EpochPlan)
    stopped: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the training has ended."""
        return self.stopped is not None or 0 < self.plan.epochs <= self.position.epoch

    @property
    def step(self) -> int:
        """Steps so far, over all epochs."""
        per_epoch = -(-self.rows // self.batch_size)
        return self.position.epoch * per_epoch + -(-self.position.seen // self.batch_size)

    def save(self, folder: str | Path) -> None:
        """Writes the state as `state.json` and a safetensors file. If the process is killed, the old state remains.

        Args:
            folder: created if missing; a state in it is replaced.

        Raises:
            OSError: the folder cannot be written.
        """
        from safetensors.torch import save

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        name, data = f"tensors-{token_hex(4)}.safetensors", save(self._tensors())
        write_file(path / name, data)
        checksum = sha256(data).hexdigest()
        write_file(path / STATE, json_bytes(self._values() | {"tensors": name, "sha256": checksum}))
        for old in path.glob("tensors-*.safetensors"):
            if old.name != name:
                old.unlink()

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Reads a state that was written by `save`. Does not run code from the files.

        Raises:
            ArtifactError: the folder does not contain a state, or the state is damaged or has another format.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = Path(folder)
        if not (path / STATE).is_file():
            raise ArtifactError(f"{path} does not contain a training state: {STATE} is missing.")
        content = read_json(path / STATE)
        try:
            data = (path / Path(content["tensors"]).name).read_bytes()
            if sha256(data).hexdigest() != content["sha256"]:
                raise ValueError("the checksum of its tensors is another one")
            return cls._from_parts(content, load(data))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path} is damaged: {error!r}. Start the training again without it.") from error

    def _values(self) -> dict[str, Any]:
        return {
            "stepper": self.stepper.values,
            "epoch": self.position.epoch,
            "seen": self.position.seen,
            "seconds": self.position.seconds,
            "records": [record.to_json() for record in self.records],
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "last_gain": self.last_gain,
            "elapsed": self.elapsed,
            "rows": self.rows,
            "batch_size": self.batch_size,
            "epochs": self.plan.epochs,
            "growth": self.plan.growth,
            "stopped": self.stopped,
        }

    def _tensors(self) -> dict[str, Tensor]:
        position = self.position
        return {
            **add_prefix("stepper", self.stepper.tensors),
            **add_prefix("best", self.best_weights),
            **add_prefix("random", self.random),
            **add_prefix("outputs", position.trained_outputs()),
            **({} if position.order is None else {"order": position.order}),
        }

    @classmethod
    def _from_parts(cls, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        outputs = {}
        for name, output in select_prefix("outputs", tensors).items():
            outputs[name] = output.new_empty((content["rows"], *output.shape[1:]))
            outputs[name][: len(output)] = output
        position = LoopPosition(content["epoch"], tensors.get("order"), content["seen"], outputs, content["seconds"])
        return cls(
            StepperState(select_prefix("stepper", tensors), content["stepper"]),
            position,
            tuple(Record(**record) for record in content["records"]),
            content["best_epoch"],
            content["best_score"],
            content["last_gain"],
            select_prefix("best", tensors),
            select_prefix("random", tensors),
            content["elapsed"],
            content["rows"],
            content["batch_size"],
            EpochPlan(content["epochs"], list(as_growth(content["growth"]))),
            content["stopped"],
        )


def random_state(device: torch.device, shuffle: torch.Generator) -> dict[str, Tensor]:
    """The states of the random generators that a training uses.

    Args:
        device: of the training.
        shuffle: random generator for the order of rows.
    """
    state = {"cpu": torch.get_rng_state(), "shuffle": shuffle.get_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(state: Mapping[str, Tensor], device: torch.device, shuffle: torch.Generator) -> None:
    """Restores the states that were returned by `random_state`."""
    torch.set_rng_state(state["cpu"])
    shuffle.set_state(state["shuffle"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def copy_to_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names that begin with `<prefix>/`.

    >>> add_prefix("best", {"weight": torch.ones(1)})
    {'best/weight': tensor([1.])}
    """
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `add_prefix`; tensors with other prefixes are omitted."""
    key_start = f"{prefix}/"
    return {name.removeprefix(key_start): tensor for name, tensor in tensors.items() if name.startswith(key_start)}
