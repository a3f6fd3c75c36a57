"""Whatever the files of a model hold, loading, predicting, describing and saving end well or with an error of ours.

`make test` tries 300 mutants; `pytest tests/fuzz --mutants 10000` tries more, and `--first-mutant` starts elsewhere.
"""

import resource
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import medley as md
from medley.errors import ArtifactError, MedleyError, MedleyWarning, NotRegisteredError

from .guard import watched
from .mutants import rows_of, write_exported_mutant, write_mutant

GOLDEN = sorted(path.parent for path in (Path(__file__).parents[1] / "golden").glob("*/*/model.json"))
EXPORTED = [folder for folder in GOLDEN if (folder / "model.onnx").is_file()]

MOST_SECONDS = 10.0
"""Processor time of one mutant; most take hundredths of a second."""

MOST_BYTES = 1_000_000_000
"""What the process may grow by over all mutants of one model."""


def use(model, rows, folder):
    """Does with a model what its user may do."""
    model.describe()
    predictions = model.predict(rows)
    model.predict_proba(rows)
    labelled = with_labels(model, rows, predictions)
    model.evaluate(*labelled)
    model.fit_more(*labelled, epochs=1)
    if model.trust.reference is not None:
        model.predict(rows, explain=True)
    use_intervals(model, rows)
    model.save(folder)


def with_labels(model, rows, predictions):
    """Rows with the predictions for them as labels: a table, or rows and labels."""
    if model.table is not None:
        return ({**rows, **predictions.round()[list(model.table.targets.values())]},)  # counts are whole numbers
    return rows, predictions


def use_intervals(model, rows):
    """Asks for intervals where a model has some."""
    if model.trust.conformal:
        model.predict(rows, interval=0.5)


def use_exported(model, rows, folder):
    """Does with an exported model what its user may do."""
    model.predict(rows)
    model.predict_proba(rows)
    use_intervals(model, rows)


def outcome(load, use_model, path, rows, folder):
    """How loading and using a model ended: the error that was raised, if any."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = load(path)
        except ArtifactError:
            return "refused"
        except NotRegisteredError:
            return "refused"
        except Exception:
            return f"load: {traceback.format_exc()}"
        try:
            use_model(model, rows, folder)
        except (MedleyError, MedleyWarning):
            return "loaded, and refused the rows"
        except Exception:
            return f"use: {traceback.format_exc()}"
    return "loaded"


def try_mutants(golden, write, load, use_model, seeds, folder):
    """Tries mutants; returns how they ended, and those that ended badly."""
    rows, bad, counts = rows_of(golden), {}, {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        write(golden, folder / "mutant", seed)
        begin = time.process_time()
        path = folder / "mutant" / "model.onnx" if write is write_exported_mutant else folder / "mutant"
        with watched(folder):
            end = outcome(load, use_model, path, rows, folder / "again")
        seconds = time.process_time() - begin
        if seconds > MOST_SECONDS:
            end = f"took {seconds:.1f} seconds"
        counts[end if ":" not in end else "bad"] = counts.get(end if ":" not in end else "bad", 0) + 1
        if end not in ("refused", "loaded", "loaded, and refused the rows"):
            bad[seed] = end
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_BYTES, f"{golden.name}: {grown / 1e9:.1f} GB"
    return counts, bad


def check(golden, write, load, use_model, config, folder, models):
    """Tries this model's part of all mutants."""
    number = max(config.getoption("--mutants") // models, 1)
    first = config.getoption("--first-mutant")
    counts, bad = try_mutants(golden, write, load, use_model, range(first, first + number), folder)
    print(golden.name, counts)
    shown = "\n\n".join(f"{seed}: {end}" for seed, end in list(bad.items())[:10])
    assert not bad, f"{len(bad)} of {number} mutants of {golden.name} ended badly:\n{shown}"


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_mutants_of_saved_models(golden, request, tmp_path):
    check(golden, write_mutant, md.load, use, request.config, tmp_path, len(GOLDEN) + len(EXPORTED))


@pytest.mark.parametrize("golden", EXPORTED, ids=lambda path: path.name)
def test_mutants_of_exported_models(golden, request, tmp_path):
    from medley import runtime

    check(
        golden, write_exported_mutant, runtime.load, use_exported, request.config, tmp_path, len(GOLDEN) + len(EXPORTED)
    )


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_the_models_themselves_load(golden, tmp_path):
    with watched(tmp_path):
        assert outcome(md.load, use, golden, rows_of(golden), tmp_path / "again") == "loaded"


def test_mutants_differ(tmp_path):
    texts = set()
    for seed in range(20):
        write_mutant(GOLDEN[0], tmp_path / "mutant", seed)
        texts.add((tmp_path / "mutant" / "model.json").read_bytes())
    assert len(texts) > 10
