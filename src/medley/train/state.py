"""A training as one value: taken between two steps, written as JSON and safetensors, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import torch
from torch import Tensor

from medley.core.files import remove_leftovers, write_file
from medley.core.serialization import json_bytes, read_json
from medley.errors import ArtifactError
from medley.model.records import Record

STATE = "state.json"


@dataclass(frozen=True)
class StepperState:
    """All that the steps of a training depend on.

    Args:
        tensors: by name, on the CPU: weights, the optimiser's moments, the balancer's memory.
        values: JSON: the learning rate, the loss scale.
    """

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


@dataclass
class LoopPosition:
    """Where the loop of a training is; the loop updates it as it runs.

    Args:
        epoch: the running one, from 0.
        order: the rows (N,) of the running epoch in their order; None before it begins.
        seen: how many of them were trained on.
        outputs: head name -> (N, K) raw outputs of the rows in this order, of which the first `seen` are filled.
        seconds: wall time of the running epoch so far.
    """

    epoch: int = 0
    order: Tensor | None = None
    seen: int = 0
    outputs: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, raw: Mapping[str, Tensor], rows: int) -> None:
        """Notes the raw outputs (B, K) of the next rows of an epoch.

        Args:
            raw: by head name.
            rows: of the whole epoch, N.
        """
        count = 0
        for name, output in raw.items():
            if name not in self.outputs:  # in one piece: small pieces that stay fragment the memory around them
                self.outputs[name] = output.new_empty((rows, *output.shape[1:]))
            count = len(output)
            self.outputs[name][self.seen : self.seen + count] = output
        self.seen += count

    def seen_outputs(self) -> dict[str, Tensor]:
        """Head name -> raw outputs (seen, K) of the rows that were trained on, as views."""
        return {name: output[: self.seen] for name, output in self.outputs.items()}

    def next_epoch(self) -> None:
        """Moves to the beginning of the next epoch."""
        self.epoch, self.order, self.seen, self.outputs, self.seconds = self.epoch + 1, None, 0, {}, 0.0

    def copy(self, device: torch.device | str = "cpu") -> LoopPosition:
        """A copy that the loop does not change, with its outputs on a device."""
        outputs = {}
        for name, output in self.outputs.items():
            outputs[name] = output.new_empty(output.shape, device=device)
            outputs[name][: self.seen] = output[: self.seen]
        order = None if self.order is None else self.order.clone()
        return replace(self, order=order, outputs=outputs)


@dataclass(frozen=True)
class TrainingState:
    """Everything that changes while a network is trained, as it is between two steps.

    What the training is made from is not part of it, and must be the same where it continues: the graph and frozen
    weights, the rows, the plan, the loss weights, the objective. A training that continues ends in the same bits as one
    that was never stopped, on the same machine.

    Random numbers are those of torch, which alone training draws from.

    Args:
        stepper: weights, optimiser, schedule, balancer and loss scale.
        position: epoch and step, and the order of the epoch's rows.
        records: of the epochs so far.
        best_epoch: place of the best of them; -1 before the first has ended.
        best_score: its objective, the smaller the better.
        last_gain: place of the last epoch that was the best so far for the objective or for any task.
        best_weights: as `BestWeights.state` gives them; empty before the first epoch has ended.
        random: states of random generators: `"cpu"`, `"cuda"` where one is used, `"shuffle"` for the order of rows.
        elapsed: seconds of training so far, which the clock of a deadline continues from.
        rows: number of training rows N.
        batch_size: rows per step.
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

    @property
    def step(self) -> int:
        """Steps so far, over all epochs."""
        per_epoch = -(-self.rows // self.batch_size)
        return self.position.epoch * per_epoch + -(-self.position.seen // self.batch_size)

    def save(self, folder: str | Path) -> None:
        """Writes the state as `state.json` and one safetensors file. A process that is killed leaves the old state.

        Args:
            folder: created where missing; a state in it is replaced.

        Raises:
            OSError: the folder cannot be written.
        """
        from safetensors.torch import save

        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        name = f"tensors-{token_hex(4)}.safetensors"
        write_file(path / name, save(self._tensors()))
        write_file(path / STATE, json_bytes(self._values() | {"tensors": name}))
        for old in path.glob("tensors-*.safetensors"):
            if old.name != name:
                old.unlink()

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Reads what `save` wrote; runs no code.

        Raises:
            ArtifactError: the folder holds no state, or a damaged one, or one of another format.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = Path(folder)
        if not (path / STATE).is_file():
            raise ArtifactError(f"{path} holds no training state: {STATE} is missing.")
        content = read_json(path / STATE)
        try:
            return cls._from_parts(content, load((path / Path(content["tensors"]).name).read_bytes()))
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
        }

    def _tensors(self) -> dict[str, Tensor]:
        position = self.position
        return {
            **with_prefix("stepper", self.stepper.tensors),
            **with_prefix("best", self.best_weights),
            **with_prefix("random", self.random),
            **with_prefix("outputs", position.seen_outputs()),
            **({} if position.order is None else {"order": position.order}),
        }

    @classmethod
    def _from_parts(cls, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        outputs = {}
        for name, output in section("outputs", tensors).items():
            outputs[name] = output.new_empty((content["rows"], *output.shape[1:]))
            outputs[name][: len(output)] = output
        position = LoopPosition(content["epoch"], tensors.get("order"), content["seen"], outputs, content["seconds"])
        return cls(
            StepperState(section("stepper", tensors), content["stepper"]),
            position,
            tuple(Record(**record) for record in content["records"]),
            content["best_epoch"],
            content["best_score"],
            content["last_gain"],
            section("best", tensors),
            section("random", tensors),
            content["elapsed"],
            content["rows"],
            content["batch_size"],
        )


def random_state(device: torch.device, shuffle: torch.Generator) -> dict[str, Tensor]:
    """The states of torch's random generators that a training draws from.

    Args:
        device: of the training.
        shuffle: draws the order of rows.
    """
    state = {"cpu": torch.get_rng_state(), "shuffle": shuffle.get_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(state: Mapping[str, Tensor], device: torch.device, shuffle: torch.Generator) -> None:
    """Puts back what `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    shuffle.set_state(state["shuffle"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names that begin with `<prefix>/`.

    >>> with_prefix("best", {"weight": torch.ones(1)})
    {'best/weight': tensor([1.])}
    """
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def section(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `with_prefix`; tensors with other prefixes are left out."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
