"""The reference of unusual rows and drift, from the rows that a model was validated on."""

from __future__ import annotations

from dataclasses import replace

from medley.model.forward import compute_embeddings, joined_embeddings
from medley.model.model import Model
from medley.model.row_features import row_features
from medley.search.trial_data import TrialData
from medley.train.fit import VALIDATION_BATCH
from medley.train.validated import sample_rows
from medley.trust.reference import Reference


def learn_reference(model: Model, data: TrialData) -> None:
    """Stores histograms of the rows that a model was validated on, and where their embeddings lie."""
    specs = {source.name: source.codec.spec for source in model.sources}
    encoded = {name: parts[-1] for name, parts in data.read(model.graph).items()}
    _, parts, x = sample_rows(encoded, data.parts[-1].x)
    rows = data.frozen.for_models().rows(model.network, specs, parts, None, None)
    embeddings = joined_embeddings(compute_embeddings(model.network, rows, VALIDATION_BATCH))
    reference = Reference.of(row_features(model.sources, parts, x, model.table), embeddings)
    model.trust = replace(model.trust, reference=reference)
