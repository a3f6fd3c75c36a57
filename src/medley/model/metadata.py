"""What a saved model's metadata holds: the values that medley itself reads again, each with its rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medley.core.rules import Choice, Either, Fields, Items, Json, Maybe, Named, Real, StateRules, Text, Whole, require
from medley.errors import MedleyError

_SCORE = Real(is_finite=False)
_PLAIN = Either(Text(), _SCORE, Json(depth=3))
_RECORD = Fields(
    {
        "epoch": Whole(0),
        "seconds": _SCORE,
        "learning_rate": _SCORE,
        "train": Named(_SCORE),
        "val": Named(_SCORE),
    }
)
_TRIAL = Fields(
    {
        "number": Whole(0),
        "state": Text(),
        "score": Maybe(_SCORE),
        "seconds": _SCORE,
        "size": Whole(0),
        "reason": Maybe(Text()),
        "params": Named(_PLAIN),
    }
)

RULES = StateRules(
    left_out=Maybe(Named(Text())),
    tasks=Maybe(Named(Fields({"kind": Text(), "reason": Text()}, optional=frozenset({"kind", "reason"})))),
    leaks=Maybe(Items(Fields({"column": Text(), "target": Text(), "how": Text()}))),
    unreadable_rows=Maybe(Named(Items(Fields({"row": Json(depth=2)})))),
    dropped_rows=Maybe(Items(Json(depth=3))),
    not_learned=Maybe(Items(Text())),
    worse_than_linear=Maybe(Named(Items(_SCORE, 2))),
    replaced=Maybe(Named(Choice("linear", "constant"))),
    wanted_epochs=Maybe(Whole(0)),
    time=Maybe(Text()),
    shifted=Maybe(Named(_SCORE)),
    findings=Maybe(Items(Text())),
    encoding_milliseconds=Maybe(Named(_SCORE)),
    rows=Maybe(Fields({"train": Whole(0), "held_out": Whole(0)})),
    folds=Maybe(Whole(0)),
    duplicate_rows=Maybe(Whole(0)),
    split_by=Maybe(Named(Text())),
    scores=Maybe(Named(_SCORE)),
    training=Maybe(Named(_PLAIN)),
    epochs=Maybe(Items(_RECORD)),
    trials=Maybe(Items(_TRIAL)),
    search=Maybe(Fields({"trials": Whole(0), "ended": Maybe(Text())})),
    versions=Maybe(Named(Text())),
    params=Maybe(Named(_PLAIN)),
    seed=Maybe(Whole(0)),
    loss_weights=Maybe(Named(Real(low=0.0))),
)


def read_metadata(metadata: Any, heads: list[str]) -> dict[str, Any]:
    """Checks a saved model's metadata; values that medley does not read again may be anything.

    Args:
        metadata: as it stands in the file.
        heads: names of the model's heads.

    Raises:
        ArtifactError: a value is of another type.
    """
    try:
        require(isinstance(metadata, Mapping), "It must be an object.")
        values = RULES.read(metadata)
        weights = values["loss_weights"]
        require(weights is None or set(weights) == set(heads), f"loss_weights must name the heads {heads}.")
    except MedleyError as error:
        raise error.within("metadata") from None
    return {name: value for name, value in metadata.items() if value is not None or name not in RULES.rules}
