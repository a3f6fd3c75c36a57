"""What every test starts from: one thread, fixed seeds, and the place of the larger data sets."""

import gc
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from medley.model.model import Model

# No test asks the hub.
os.environ["HF_HUB_OFFLINE"] = "1"

# No test starts from the encoder of an installed package, unless it asks for it: others would take seconds longer.
os.environ["MEDLEY_ENCODERS"] = "off"

# Test workers share the cores: threads that fight for them make a small network many times slower.
torch.set_num_threads(1)

# Thousands of tests and the modules that they import are searched for garbage less often: it took a tenth of an export.
gc.set_threshold(20_000, 20, 20)

# Nothing that tests compute is kept for later runs, nor taken from earlier ones.
os.environ["MEDLEY_CACHE"] = "memory"

# No deadline and no "too slow": a busy machine is not a defect of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that draw their data at random draw more of it on request."""
    parser.addoption("--random-tables", type=int, default=0, help="number of random tables (tests/e2e)")
    parser.addoption(
        "--malformed-requests", type=int, default=120, help="number of requests to the server (tests/serve)"
    )
    parser.addoption("--damaged-files", type=int, default=0, help="number of damaged files (tests/e2e)")
    parser.addoption("--mutants", type=int, default=300, help="number of mutants of saved models that are tried")
    parser.addoption("--first-mutant", type=int, default=0, help="number of the first mutant of each model")


@pytest.fixture(autouse=True)
def _seeds():
    """Same draws in every test, in whatever order and on whatever worker it runs."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def data_folder() -> Path:
    """The folder of the larger data sets: $MEDLEY_DATA, else ``shared/data`` beside the checkout.

    Skips the test that asks where there is no such folder.
    """
    named = os.environ.get("MEDLEY_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no folder of data sets: set MEDLEY_DATA")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the larger data sets (``shared_data / "mnist"``); skips where it is absent."""
    return data_folder()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a tiny pretrained model by kind (``tiny("vit")``), each made once."""
    pytest.importorskip("transformers")
    from medley.testing.tiny_models import tiny_model

    made: dict[str, str] = {}

    def folder(kind: str) -> str:
        if kind not in made:
            made[kind] = tiny_model(kind, tmp_path_factory.mktemp("pretrained") / kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def tiny_writer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a tiny model that writes or segments, by kind (``tiny_writer("blip")``), each made once."""
    pytest.importorskip("transformers")
    from medley.testing import tiny_writers

    made: dict[str, str] = {}

    def folder(kind: str) -> str:
        if kind not in made:
            made[kind] = tiny_writers.tiny_writer(kind, tmp_path_factory.mktemp("writers") / kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def make_model() -> Callable[..., "Model"]:
    """Builds a model with random weights and fitted codecs; one that starts from a linear path predicts like it."""
    return _untrained


def _untrained(inputs, outputs, x, y, loss_weights=None, **metadata):
    from medley.core.resolve import take_default
    from medley.graph.graph import build_graph
    from medley.graph.network import Network
    from medley.model.model import Model
    from medley.search.encodings import Encodings
    from medley.search.labelled_rows import LabelledRows
    from medley.search.search_spec import SearchSpec, resolved
    from medley.train.plan import Training

    graph = build_graph(inputs, outputs)
    size = len(next(iter(y.values())))
    data = Encodings(
        LabelledRows(x, y, None, size), None, {n: h.codec() for n, h in graph.heads.items()}, torch.device("cpu")
    )
    settled, _ = resolved(SearchSpec(graph, data, Training(), None, lambda values: 0.0, 0), take_default)
    sources = data.sources(settled)
    torch.manual_seed(3)
    network = Network(settled, {source.name: source.codec.spec for source in sources}, data.targets)
    network.adapt(data.rows(settled)[0].slice(0, size))
    return Model(settled, sources, data.targets, network, metadata)
