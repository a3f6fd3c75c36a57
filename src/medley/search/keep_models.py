"""What is learned once for the models that a search keeps, and not for every trial."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from medley.core.spec import Spec
from medley.errors import ArtifactError
from medley.model.forward import compute_embeddings, joined_embeddings
from medley.model.model import Model
from medley.model.row_features import row_features
from medley.search.results import SearchResults
from medley.search.trial_data import TrialData
from medley.train.fit import VALIDATION_BATCH
from medley.train.validated import sample_rows
from medley.trust.reference import Reference


def keep_models(results: SearchResults, data: TrialData, *, is_temporary: bool) -> None:
    """Completes the models that a search keeps: calibrations, intervals, and the reference of unusual rows and drift.

    Args:
        results: of the search; its models are changed, and saved again.
        data: of the search.
        is_temporary: whether the project is deleted at the end of the process, so that nothing is saved.
    """
    for number in results.best_numbers:
        with suppress(ArtifactError):  # of an earlier run, and damaged since; `best` warns of it
            model = results.model(number)
            if model.validation is None or model.trust.reference is not None:
                continue
            specs = {source.name: source.codec.spec for source in model.sources}
            if specs != {source.name: source.codec.spec for source in data.sources(model.graph)}:
                continue  # of an earlier run that had the time for other encodings
            _learn_reference(model, specs, data)
            if not is_temporary and results.store is not None and results.store.has_model(number):
                results.store.save(number, model)


def _learn_reference(model: Model, specs: Mapping[str, Spec], data: TrialData) -> None:
    """Stores histograms of the rows that a model was validated on, and where their embeddings lie."""
    encoded = {name: parts[-1] for name, parts in data.read(model.graph).items()}
    _, parts, x = sample_rows(encoded, data.parts[-1].x)
    rows = data.frozen.for_models().rows(model.network, specs, parts, None, None)
    embeddings = joined_embeddings(compute_embeddings(model.network, rows, VALIDATION_BATCH))
    reference = Reference.of(row_features(model.sources, parts, x, model.table), embeddings)
    model.trust = replace(model.trust, reference=reference)
