"""The codec of the linear path: encodes rows of several inputs as the outputs of linear models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State, state_below
from medley.core.linear import FeatureBlock, Labels, LinearFeatures, LinearRows, SupervisedCodec, to_raw_outputs
from medley.core.registry import lookup, name_of
from medley.core.rules import require
from medley.core.spec import Spec
from medley.data.split import FOLDS
from medley.errors import DataError, NotFittedError
from medley.linear.fitting import fit_models, has_optional, join_features
from medley.linear.neighbours import COUNTS, LocalMeans
from medley.linear.ridge import (
    ITERATIONS,
    MIN_ITERATIONS,
    STRENGTHS,
    RidgeFit,
    fit_ridge,
    principal_components,
    seconds_per_product,
)
from medley.linear.saved_state import INTERCEPT, RULES, block_widths, read_head, read_width, weight_rules

SCALE = 0.1

LEAN_COST = 1.3
"""Time of a model with optional features and the one without, over that of the first."""


class LinearPathCodec(SupervisedCodec):
    """Encodes rows as the outputs of linear models: a 1, raw outputs of each head, and all outputs standardised.

    One ridge regression reads all features; if there are texts or the like, each block of features also has a separate
    one. Training rows are encoded out of fold, other rows by the mean of the models of all folds. The mean targets of
    neighbouring rows are further features if pairs of columns are such as coordinates on a map (`LocalMeans`). The
    principal components of texts are appended to the outputs.

    Args:
        local_means: whether mean targets of neighbouring rows may be features.
        iterations: of the solver; None to choose by the time available.
        alone: whether each text has a separate model; None to choose by the time available.

    Attributes:
        choices: the chosen `iterations` and `alone`.

    Shape: a mapping {input name: rows} -> (B, D).
    """

    def __init__(self, *, local_means: bool = True, iterations: int | None = None, alone: bool | None = None) -> None:
        self.local_means = local_means
        self.iterations = iterations
        self.alone = alone
        self.choices: Mapping[str, Any] = {}
        self.features: dict[str, LinearFeatures] = {}
        self._heads: list[tuple[str, LinearLink, int, int]] = []  # name, link, number of outputs, of raw outputs
        self._models: list[dict[str, Any]] = []  # {"blocks": positions, or None for all; "strengths": of the ridge}
        self._weights: list[np.ndarray] = []  # (F, J) float16
        self._intercepts: list[np.ndarray] = []
        self._fold_models: list[tuple[np.ndarray, np.ndarray]] = []  # of a sample: (folds, F, J), (folds, J); not saved
        self._mean = np.zeros(0, np.float32)
        self._scale = np.ones(0, np.float32)
        self._local = LocalMeans()
        self._local_mean = np.zeros(0, np.float32)
        self._local_scale = np.ones(0, np.float32)
        self._fingerprint = ""
        self._widths: dict[str, list[tuple[int, bool]]] = {}  # of each block, and whether it has a model
        self._components: list[np.ndarray] = []  # (F, P) float16, of each block with a separate model

    @property
    def spec(self) -> Spec:
        """A vector: 1, raw outputs of each head, outputs of all models, local means, principal components."""
        if not self._heads:
            raise NotFittedError("The linear path is not fitted yet: call fit_encode first.")
        heads = tuple((head, raw) for head, _, _, raw in self._heads)
        width = 1 + sum(raw for _, raw in heads) + len(self._mean) + len(self._local_mean)
        width += sum(components.shape[1] for components in self._components)
        return Spec((width,), "D", linear_outputs=heads)

    def fit_encode(self, values: LinearRows, labels: Labels) -> Encoded:
        """Fits features and models to training rows.

        Args:
            values: input name -> rows.
            labels: of the same rows.

        Returns:
            Encoded rows (N, D), out of fold.
        """
        self.features = dict(values.features)
        for name, features in self.features.items():
            if values[name] is None:
                raise DataError("the input is None in the training rows; leave it out.", where=name)
            features.fit(values[name])
        blocks, present = self._blocks(values)
        rows = len(present)
        self._fingerprint = _fingerprint(blocks)
        targets, observed, groups = self._targets(labels)
        folds = labels.folds if labels.folds is not None else np.random.default_rng(0).permutation(rows) % FOLDS
        problem = (targets, observed, folds, groups, self._weights_of(labels))
        numbers = self._numbers(values, rows)
        self.choices = self._choose(
            blocks, rows * targets.shape[1] * FOLDS, labels.seconds, has_numbers=numbers.shape[1] > 1
        )
        effort = {"iterations": self.choices["iterations"], "by_fold": labels.is_sample and labels.folds is not None}
        separate = range(len(blocks)) if self.choices["alone"] else ()
        joint = fit_models(blocks, *problem, **effort)
        if self.local_means:
            self._local.fit(numbers, targets, targets - joint.out_of_fold, observed, folds)
        means = self._local.encode_training(numbers, targets, folds)
        if self._local.planes:
            self._local_mean, self._local_scale = means.mean(axis=0), SCALE / np.maximum(means.std(axis=0), 1e-6)
            blocks.append(self._local_block(means))
            joint = fit_models(blocks, *problem, **effort)
        fits = [joint, *(fit_ridge(join_features([blocks[index]]), *problem, **effort) for index in separate)]
        self._keep([None, *([index] for index in separate)], fits)
        self._components = [principal_components(block.matrix) for block in blocks if block.fits_alone]
        outputs = np.concatenate([fit.out_of_fold for fit in fits], axis=1)
        self._mean = outputs.mean(axis=0)
        self._scale = 1 / np.maximum(outputs.std(axis=0), 1e-3)
        return self._encoded(outputs, means, blocks, present)

    def _keep(self, blocks: Sequence[list[int] | None], fits: Sequence[RidgeFit]) -> None:
        """Keeps what later rows are encoded with.

        Args:
            blocks: positions of the blocks that each model reads; None for all.
            fits: the models.
        """
        strengths = [sorted({float(strength) for strength in fit.strengths}) for fit in fits]
        self._models = [{"blocks": index, "strengths": values} for index, values in zip(blocks, strengths, strict=True)]
        self._weights = [fit.weights.astype(np.float16) for fit in fits]
        self._intercepts = [fit.intercept.astype(np.float32) for fit in fits]
        self._fold_models = [
            (fit.fold_weights, fit.fold_intercepts)
            for fit in fits
            if fit.fold_weights is not None and fit.fold_intercepts is not None
        ]

    def _choose(
        self,
        blocks: Sequence[FeatureBlock],
        columns: int,
        seconds: float | None,
        *,
        has_numbers: bool,
    ) -> dict[str, Any]:
        """Chooses the number of iterations, and whether single blocks have models, by the time available.

        Args:
            blocks: of features.
            columns: length of a vector of the solver: rows x targets x folds.
            seconds: time available, or None for no limit.
            has_numbers: whether local means are useful; with them, the model of all features is solved again.
        """
        is_several = len(blocks) > 1 and any(block.fits_alone for block in blocks)
        iterations, alone = self.iterations or ITERATIONS, is_several and self.alone is not False
        if seconds is not None and (self.iterations is None or self.alone is None):
            product = seconds_per_product(join_features(blocks), columns)
            if self.alone is None:
                # The models of all single blocks take as long as the model of all features.
                alone = is_several and 2 * product * (ITERATIONS + len(STRENGTHS)) <= seconds
            if self.iterations is None:
                solves = (2 if alone else 1) * (2 if self.local_means and has_numbers else 1)
                solves *= LEAN_COST if has_optional(blocks) else 1
                affordable = seconds / product / solves - len(STRENGTHS)
                iterations = int(min(max(affordable, MIN_ITERATIONS), ITERATIONS))
        return {"iterations": iterations, "alone": alone}

    @property
    def fingerprint(self) -> str:
        """A checksum of the features of the training rows."""
        return self._fingerprint

    def encode(self, values: Mapping[str, Any]) -> Encoded:
        """Encodes rows as (B, D); present are rows with any of the inputs."""
        blocks, present = self._blocks(values)
        means = self._local.encode(self._numbers(values, len(present))) if self._local.planes else None
        if means is not None:
            blocks.append(self._local_block(means))
        outputs = self._outputs(blocks, self._weights, self._intercepts)
        return self._encoded(outputs, means, blocks, present)

    def encode_training(self, values: Mapping[str, Any], folds: np.ndarray | None) -> Encoded:
        """Encodes further training rows, each by the models and the neighbours of the other folds."""
        if folds is None:
            return self.encode(values)
        blocks, present = self._blocks(values)
        numbers = self._numbers(values, len(present))
        rows_of_fold = {fold: np.flatnonzero(folds == fold) for fold in np.unique(folds).tolist()}
        means = None
        if self._local.planes:
            means = np.zeros((len(present), len(self._local_mean)), np.float32)
            for fold, rows in rows_of_fold.items():
                means[rows] = self._local.encode(numbers[rows], fold)
            blocks.append(self._local_block(means))
        outputs = np.zeros((len(present), len(self._mean)), np.float32)
        for fold, rows in rows_of_fold.items():
            parts_of_fold = [replace(block, matrix=block.matrix[rows]) for block in blocks]
            weights, intercepts = ([model[index][fold] for model in self._fold_models] for index in (0, 1))
            outputs[rows] = self._outputs(parts_of_fold, weights, intercepts)
        return self._encoded(outputs, means, blocks, present)

    def training_state(self) -> dict[str, np.ndarray]:
        state = {f"local_folds_{index}": folds for index, folds in enumerate(self._local.folds)}
        for index, (weights, intercepts) in enumerate(self._fold_models):
            state |= {f"fold_weights_{index}": weights, f"fold_intercepts_{index}": intercepts}
        return state

    def restore_training(self, state: Mapping[str, np.ndarray]) -> None:
        self._local.folds = [state[name] for name in sorted(state) if name.startswith("local_folds_")]
        count = sum(name.startswith("fold_weights_") for name in state)
        self._fold_models = [(state[f"fold_weights_{i}"], state[f"fold_intercepts_{i}"]) for i in range(count)]

    def _outputs(
        self, blocks: Sequence[FeatureBlock], weights: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The outputs (B, M) of all models, with the weights (F, J) and intercepts (J,) of each."""
        outputs = []
        rows = blocks[0].matrix.shape[0]
        for model, model_weights, intercept in zip(self._models, weights, intercepts, strict=True):
            output, start = np.tile(intercept, (rows, 1)), 0
            for block in _select_blocks(blocks, model):
                width = block.matrix.shape[1]
                output += block.matrix @ model_weights[start : start + width].astype(np.float32)
                start += width
            outputs.append(output)
        return np.concatenate(outputs, axis=1)

    def _encoded(
        self, outputs: np.ndarray, means: np.ndarray | None, blocks: Sequence[FeatureBlock], present: np.ndarray
    ) -> Encoded:
        raw, start = [np.ones((len(outputs), 1), np.float32)], 0
        for _, link, width, _ in self._heads:
            raw.append(to_raw_outputs(link, outputs[:, start : start + width]))
            start += width
        scaled = [(outputs - self._mean) * self._scale]
        if means is not None and self._local.planes:
            scaled.append((means - self._local_mean) * self._local_scale / SCALE)
        text_blocks = [block for block in blocks if block.fits_alone]
        for block, components in zip(text_blocks, self._components, strict=True):
            scaled.append(block.matrix @ components.astype(np.float32))
        array = np.concatenate([*raw, *scaled], axis=1).astype(np.float32)
        array[~present] = 0
        return Encoded(array, present)

    def _blocks(self, values: Mapping[str, Any]) -> tuple[list[FeatureBlock], np.ndarray]:
        blocks: list[FeatureBlock] = []
        masks = []
        rows = _count(values)
        for name, features in self.features.items():
            if values.get(name) is None:
                blocks += [
                    FeatureBlock(name, np.zeros((rows, width), np.float32), bool(alone))
                    for width, alone in self._widths[name]
                ]
                masks.append(np.zeros(rows, bool))
                continue
            encoded, present = features.encode(values[name])
            self._widths.setdefault(name, [(block.matrix.shape[1], block.fits_alone) for block in encoded])
            blocks += [replace(block, name=f"{name} {block.name}".strip()) for block in encoded]
            masks.append(present)
        return blocks, np.any(masks, axis=0)

    def _numbers(self, values: Mapping[str, Any], rows: int) -> np.ndarray:
        """The numeric columns of all inputs (B, C), NaN where an input is absent in all rows."""
        columns = []
        for name, features in self.features.items():
            absent = np.full((rows, features.number_count or 0), np.nan, np.float32)
            columns.append(absent if values.get(name) is None else features.numbers(values[name]))
        present = [column for column in columns if column is not None]
        return np.concatenate(present, axis=1) if present else np.zeros((rows, 0), np.float32)

    def _local_block(self, means: np.ndarray) -> FeatureBlock:
        return FeatureBlock("local means", ((means - self._local_mean) * self._local_scale).astype(np.float32))

    def _targets(self, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        targets, observed, groups = [], [], []
        self._heads = []
        for index, (head, codec) in enumerate(labels.codecs.items()):
            linear = codec.linear_targets(labels.encoded[head])
            if linear is None:
                continue
            targets.append(linear[0])
            observed.append(linear[1])
            groups += [index] * linear[0].shape[1]
            self._heads.append((head, codec.linear_link, linear[0].shape[1], len(codec.prior)))
        if not targets:
            raise DataError("No head has a target that a linear model can be fitted to; leave out the linear path.")
        return np.concatenate(targets, axis=1).astype(np.float32), np.concatenate(observed, axis=1), np.array(groups)

    def _weights_of(self, labels: Labels) -> np.ndarray | None:
        """Sample weights (N, 1), or (N, J) of each output if heads have separate weights."""
        if not isinstance(labels.weight, Mapping):
            return None if labels.weight is None else labels.weight[:, None]
        rows = len(next(iter(labels.encoded.values())).present)
        columns = []
        for head, _, outputs, _ in self._heads:
            weight = labels.weight.get(head)
            columns.append(np.repeat((np.ones(rows) if weight is None else weight)[:, None], outputs, axis=1))
        return np.concatenate(columns, axis=1)

    @property
    def stored_rows(self) -> str:
        rows = max((len(points) for points in self._local.points), default=0)
        avoid = "local_means=False of medley.fit, or of LinearPath, avoids this."
        return f"two columns and the targets of {rows:,} training rows, for local means; {avoid}" if rows else ""

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "heads": [list(entry) for entry in self._heads],
            "models": self._models,
            "mean": self._mean,
            "scale": self._scale,
            "local_mean": self._local_mean,
            "local_scale": self._local_scale,
            "widths": self._widths,
            "choices": self.choices,
            "fingerprint": self._fingerprint,
            "features": {},
        }
        for index, (weights, intercept) in enumerate(zip(self._weights, self._intercepts, strict=True)):
            state[f"weights_{index}"], state[f"{INTERCEPT}_{index}"] = weights, intercept
        state["components"] = len(self._components)
        state |= {f"components_{index}": components for index, components in enumerate(self._components)}
        state |= {f"local.{key}": value for key, value in self._local.state().items()}
        for index, (name, features) in enumerate(self.features.items()):
            feature_state = features.state()
            arrays = {key: value for key, value in feature_state.items() if isinstance(value, np.ndarray)}
            state |= {f"features_{index}.{key}": value for key, value in arrays.items()}
            plain = {key: value for key, value in feature_state.items() if key not in arrays}
            state["features"][name] = {"kind": name_of(type(features)), "place": index, "state": plain}
        return state

    def restore(self, state: State) -> Self:
        values = RULES.read(state)
        self._heads = [read_head(*entry) for entry in values["heads"]]
        self._models = [{**model, **read} for model, read in zip(state["models"], values["models"], strict=True)]
        self._mean, self._scale = values["mean"], values["scale"]
        self._local_mean, self._local_scale = values["local_mean"], values["local_scale"]
        self.choices, self._fingerprint = values["choices"], values["fingerprint"]
        self._widths = {name: [read_width(*entry) for entry in entries] for name, entries in values["widths"].items()}
        self._local.restore(state_below("local.", state))
        self.features = {}
        for name, entry in values["features"].items():
            kind = lookup(entry["kind"])
            require(isinstance(kind, type) and issubclass(kind, LinearFeatures), f"{entry['kind']!r} has no features.")
            inner = {**entry["state"], **state_below(f"features_{entry['place']}.", state)}
            self.features[name] = kind().restore(inner)
        widths = block_widths(self.features, self._widths, self._heads, self._local)
        answers = sum(width for _, _, width, _ in self._heads)
        require(len(self._mean) == answers * len(self._models), "mean must have a number for each answer.")
        local = len(self._local.planes) * len(COUNTS) * answers
        require(len(self._local_mean) == local, "local_mean must have a number for each mean.")
        blocks = [entry for name in self.features for entry in self._widths[name]]
        worthy = [width for width, is_alone in blocks if is_alone]
        require(values["components"] == len(worthy), f"components must be {len(worthy)}.")
        arrays = weight_rules(self._models, widths, worthy, answers).read(state)
        self._weights = [arrays[f"weights_{index}"] for index in range(len(self._models))]
        self._intercepts = [arrays[f"{INTERCEPT}_{index}"] for index in range(len(self._models))]
        self._components = [arrays[f"components_{index}"] for index in range(len(worthy))]
        return self


def _fingerprint(blocks: Sequence[FeatureBlock]) -> str:
    """A checksum of features: it identifies the rows, and does not depend on the time available for fitting."""
    digest = hashlib.blake2b(digest_size=16)
    for block in blocks:
        parts = [block.matrix] if isinstance(block.matrix, np.ndarray) else [block.matrix.indices, block.matrix.data]
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _count(values: Mapping[str, Any]) -> int:
    """The number of rows of several inputs."""
    columns = next(column for column in values.values() if column is not None)
    return len(next(iter(columns.values()))) if isinstance(columns, dict) else len(columns)


def _select_blocks(blocks: Sequence[FeatureBlock], model: Mapping[str, Any]) -> list[FeatureBlock]:
    indices = model["blocks"]
    return list(blocks) if indices is None else [blocks[index] for index in indices]
