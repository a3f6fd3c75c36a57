"""What is done while a fault strikes, and what must be true afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

import medley as md
from medley.search import checkpoint

torch.set_num_threads(1)


class Scenario:
    """One thing that a user does."""

    name: ClassVar[str]

    def prepare(self, folder: Path) -> None:
        """Makes what the action starts from."""

    def act(self, folder: Path) -> None:
        """Does it; may be called again after a fault."""
        raise NotImplementedError

    def check_after_fault(self, folder: Path) -> None:
        """Raises if something is lost already, before it is repeated."""

    def digest(self, folder: Path) -> str:
        """The bits of the result."""
        raise NotImplementedError


def digest_of(model: md.Model) -> str:
    content = hashlib.sha256()
    for name, tensor in sorted(model.network.state_dict().items()):
        content.update(name.encode() + tensor.numpy().tobytes())
    return content.hexdigest()


def rows(count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 3)).astype("float32")
    return x, np.array(["no", "yes"])[(x[:, 0] > 0).astype(int)], 3 * x[:, 1]


def automodel(folder: Path, **options: Any) -> md.AutoModel:
    x = md.Input(name="x")
    node = md.DenseBlock(num_layers=1, dropout=0.3)(x)
    heads = [md.ClassificationHead(name="kind")(node), md.RegressionHead(name="price")(node)]
    return md.AutoModel([x], heads, **{"project_name": "p", "directory": folder, "max_trials": 2, **options})


class Search(Scenario):
    """A search, with a checkpoint after every step."""

    name = "search"

    def act(self, folder: Path) -> None:
        x, kind, price = rows()
        automodel(folder).fit({"x": x}, {"kind": kind, "price": price}, epochs=2, batch_size=16, verbose=0)

    def digest(self, folder: Path) -> str:
        auto = automodel(folder)
        trials = auto.history.drop(columns="seconds").to_dict("records")
        for trial in trials:
            for record in trial["curves"]:
                record.pop("seconds", None)
        return digest_of(auto.model) + hashlib.sha256(repr(trials).encode()).hexdigest()


class Save(Scenario):
    """A model is saved over another one."""

    name = "save"

    def __init__(self) -> None:
        self._models: list[md.Model] = []

    def models(self) -> list[md.Model]:
        if not self._models:
            x, kind, price = rows()
            for seed in (0, 1):
                place = Path(os.environ["FAULTS_CACHE"]) / str(seed)
                if not place.is_dir():
                    auto = automodel(place.parent / "searches", project_name=str(seed), max_trials=1, seed=seed)
                    auto.fit({"x": x}, {"kind": kind, "price": price}, epochs=1, verbose=0)
                    auto.model.save(place)
                self._models.append(md.load(place))
        return self._models

    def prepare(self, folder: Path) -> None:
        self.models()[0].save(folder / "model")

    def act(self, folder: Path) -> None:
        self.models()[1].save(folder / "model")

    def check_after_fault(self, folder: Path) -> None:
        assert self.digest(folder) in map(digest_of, self.models())

    def digest(self, folder: Path) -> str:
        return digest_of(md.load(folder / "model"))


class CommandLine(Scenario):
    """`medley fit`."""

    name = "medley fit"
    overwrite: ClassVar[bool] = False

    def prepare(self, folder: Path) -> None:
        x, kind, price = rows()
        lines = [f"{a},{b},{label},{number}" for (a, b, _), label, number in zip(x, kind, price, strict=True)]
        (folder / "t.csv").write_text("\n".join(["a,b,kind,price", *lines]))

    def act(self, folder: Path) -> None:
        from medley.cli.main import main

        target = "price" if self.overwrite else "kind"
        arguments = ["fit", str(folder / "t.csv"), "--target", target, "-o", str(folder / "m"), "--trials", "1"]
        arguments += ["--epochs", "2", "--time-limit", "1h", "-q", *(["--overwrite"] if self.overwrite else [])]
        if not self.overwrite and (folder / "m" / "model.json").is_file():
            arguments.append("--resume")  # an interrupted search has saved its best network so far
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            code = main(arguments)
        assert code == 0, printed.getvalue()

    def digest(self, folder: Path) -> str:
        return digest_of(md.load(folder / "m"))


class Overwrite(CommandLine):
    """`medley fit --overwrite`: the old model stays until there is a new one."""

    name = "medley fit --overwrite"
    overwrite = True

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        CommandLine.act(_PLAIN, folder)

    def check_after_fault(self, folder: Path) -> None:
        assert md.load(folder / "m").output_names in (["kind"], ["price"])


_PLAIN = CommandLine()

SCENARIOS = {scenario.name: scenario for scenario in (Search(), Save(), CommandLine(), Overwrite())}


def quiet() -> None:
    """Silences warnings, and takes checkpoints after every step."""
    warnings.simplefilter("ignore")
    checkpoint.INTERVAL, checkpoint.MAX_COST = 0.0, float("inf")
