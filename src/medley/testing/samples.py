"""Samples for tests: specs, rows of inputs, labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from medley.core.head import Head
from medley.core.input import InputBlock
from medley.core.layer import Layer
from medley.core.resolve import representation
from medley.core.spec import Column, Spec, vector

ROWS = 12
"""Number of rows of every sample: enough for statistics and several classes, few enough to be fast."""

TABLE = Spec(
    (5,),
    "C",
    columns=(
        Column("age", "numeric", bins=(-1.0, -0.3, 0.4, 1.2)),
        Column("height", "numeric", bins=(-1.5, 0.0, 1.5), missing=True),
        Column("switch", "numeric"),
        Column("colour", "categorical", cardinality=4),
        Column("town", "categorical", cardinality=30, missing=True),
    ),
)
ENSEMBLE = Spec((4, 6), "ED")
TOKENS = Spec((7,), "T", "int64", cardinality=50)

SINGLE_SPECS = (
    vector(6),
    Spec((3, 8, 8), "CHW"),
    Spec((1, 12, 9), "CHW"),
    Spec((2, 6, 6, 6), "CZHW"),
    Spec((4, 3, 8, 8), "SCHW"),
    Spec((7, 4), "TD"),
    TOKENS,
    TABLE,
    ENSEMBLE,
)
SPEC_GROUPS = (
    (vector(5), vector(5)),
    (vector(4), vector(7), vector(2)),
    (Spec((3, 8, 8), "CHW"), Spec((3, 8, 8), "CHW")),
    (Spec((7, 4), "TD"), Spec((7, 4), "TD")),
)


def readable_groups(block: Layer) -> list[tuple[Spec, ...]]:
    """Groups of one or several specs that a layer may be called on."""
    return [*((spec,) for spec in readable_specs(block)), *SPEC_GROUPS]


def readable_specs(block: Layer | Head) -> list[Spec]:
    """Single specs that a block may be called on."""
    return [spec for spec in SINGLE_SPECS if block.reads == "any" or representation(spec) in ("plain", block.reads)]


def values(spec: Spec, seed: int, rows: int = ROWS) -> Tensor:
    """Random encoded rows (B, *spec.shape); the second is all zeros, as a black image or an empty text."""
    rng = np.random.default_rng(seed)
    if spec.is_table:
        array = np.stack([_cells(column, rng, rows) for column in spec.columns], 1)
    elif spec.dtype == "int64":
        array = rng.integers(1, max(spec.cardinality, 2), (rows, *spec.shape))
        length = rng.integers(1, spec.shape[-1] + 1, (rows, 1))
        array = np.where(np.arange(spec.shape[-1]) < length, array, 0).astype(np.int32)
    else:
        array = rng.normal(size=(rows, *spec.shape))
    array[1] = 0
    return torch.from_numpy(array if array.dtype == np.int32 else array.astype(np.float32))


def _cells(column: Column, rng: np.random.Generator, rows: int) -> np.ndarray:
    if column.kind == "categorical":
        return rng.integers(0, column.cardinality, rows).astype(float)
    cells = rng.normal(size=rows)
    return np.where(rng.random(rows) < 0.3, np.nan, cells) if column.missing else cells


def input_rows(block: InputBlock) -> list[list[Any]]:
    """Rows of every kind that an input declares, some of them None; of all kinds if it declares none."""
    return [rows for kind, rows in _rows_by_kind().items() if not block.kinds or kind in block.kinds]


def _rows_by_kind() -> dict[str, list[Any]]:
    rng = np.random.default_rng(0)
    texts = ["red", "green", "a blue one", "", "the old house by the sea", "RED!"]
    samples: dict[str, list[Any]] = {
        "vector": [*rng.normal(size=(ROWS, 6)).astype(np.float32)],
        "image": [*rng.integers(0, 256, (ROWS, 10, 10, 3), dtype=np.uint8)],
        "series": [*rng.normal(size=(ROWS, 9, 2)).astype(np.float32)],
        "text": [texts[i % len(texts)] for i in range(ROWS)],
        "number": [[float(number), f"c{number % 3}", number] for number in range(ROWS)],
        "audio": [(row, 8_000) for row in rng.normal(0, 0.1, size=(ROWS, 1600)).astype(np.float32)],
        "set": [["a", "b", "c"][: 1 + i % 3] for i in range(ROWS)],
    }
    for rows in samples.values():
        rows[2] = rows[9] = None
    return samples


def labels() -> list[Any]:
    """Labels of many kinds, without missing ones: classes, sets of classes, numbers, several numbers per row."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(50.0, 9.0, (ROWS, 2))
    return [
        ["cat", "dog", "cow", "dog"] * (ROWS // 4),
        [True, False, False] * (ROWS // 3),
        [3, 1] * (ROWS // 2),
        [0.5, 1.5, 2.5] * (ROWS // 3),
        [["a"], [], ["a", "b"], ["c"]] * (ROWS // 4),
        numbers[:, 0].tolist(),
        numbers.tolist(),
    ]
