"""What is learned once for the models that a search keeps, and not for every trial."""

from __future__ import annotations

from contextlib import suppress

from medley.errors import ArtifactError
from medley.search.learn_reference import learn_reference
from medley.search.results import SearchResults
from medley.search.trial_data import TrialData


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
            learn_reference(model, data)
            if not is_temporary and results.store is not None and results.store.has_model(number):
                results.store.save(number, model)
