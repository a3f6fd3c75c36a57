"""The linear path as an encoding: rows of several inputs -> the answers of a linear model for every target."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.linear import FeatureBlock, Labels, LinearFeatures, LinearRows, SupervisedCodec, raw_outputs
from medley.core.registry import lookup, name_of
from medley.core.rules import Array, Either, Fields, Flag, Items, Json, Maybe, Named, StateRules, Text, Whole, require
from medley.core.spec import Spec
from medley.data.split import FOLDS
from medley.errors import DataError, NotFittedError
from medley.linear.neighbours import COUNTS, LocalMeans

if TYPE_CHECKING:
    from medley.linear.ridge import Features

SCALE = 0.1

INTERCEPT = "intercept"


class LinearPathCodec(SupervisedCodec):
    """Answers of linear models: rows of inputs -> 1, raw outputs for each head, and what the models say as numbers.

    One ridge regression reads all features; where a text or the like is among them, each block of features has one of
    its own too. Training rows get answers of models that have not seen them, new rows those of the mean of all folds'
    models. Means of the targets of near rows are features as well, where columns hold such planes as a map
    (`LocalMeans`), and so are the principal components of texts.

    Args:
        local_means: whether means of the targets of near rows may be features.
        iterations: of the solver; None leaves it to the time.
        alone: whether each text has a model of its own; None leaves it to the time.

    Attributes:
        choices: `iterations` and `alone` as they were chosen.

    Shape: a mapping {input name: rows} -> (B, D).
    """

    def __init__(self, *, local_means: bool = True, iterations: int | None = None, alone: bool | None = None) -> None:
        self.local_means = local_means
        self.iterations = iterations
        self.alone = alone
        self.choices: Mapping[str, Any] = {}
        self.features: dict[str, LinearFeatures] = {}
        self._heads: list[tuple[str, LinearLink, int, int]] = []  # name, link, number of answers, of raw outputs
        self._models: list[dict[str, Any]] = []  # {"blocks": names or None for all}
        self._weights: list[np.ndarray] = []  # (F, J) float16
        self._intercepts: list[np.ndarray] = []
        self._mean = np.zeros(0, np.float32)
        self._scale = np.ones(0, np.float32)
        self._local = LocalMeans()
        self._local_mean = np.zeros(0, np.float32)
        self._local_scale = np.ones(0, np.float32)
        self._fingerprint = ""
        self._widths: dict[str, list[tuple[int, bool]]] = {}  # of the blocks of each input, and whether alone
        self._components: list[np.ndarray] = []  # (F, P) float16, of each block that is worth a model of its own

    @property
    def spec(self) -> Spec:
        """D numbers: 1, raw outputs head by head, answers of every model."""
        if not self._heads:
            raise NotFittedError("The linear path is not fitted yet: call fit_encode first.")
        heads = tuple((head, raw) for head, _, _, raw in self._heads)
        width = 1 + sum(raw for _, raw in heads) + len(self._mean) + len(self._local_mean)
        width += sum(components.shape[1] for components in self._components)
        return Spec((width,), "D", answers=heads)

    def fit_encode(self, values: LinearRows, labels: Labels) -> Encoded:
        """Fits features and models to training rows.

        Args:
            values: input name -> rows.
            labels: of the same rows.

        Returns:
            Answers out of fold, (N, D).
        """
        from medley.linear.ridge import fit_ridge, principal_components

        self.features = dict(values.features)
        for name, features in self.features.items():
            if values[name] is None:
                raise DataError("the input is None in the training rows; leave it out.", where=name)
            features.fit(values[name])
        blocks, present = self._blocks(values)
        rows = len(present)
        self._fingerprint = _fingerprint(blocks)
        targets, observed, groups = self._targets(labels)
        weight = self._weights_of(labels)
        folds = labels.folds if labels.folds is not None else np.random.default_rng(0).permutation(rows) % FOLDS
        self._models, self._weights, self._intercepts = [{"blocks": None}], [], []
        is_several = len(blocks) > 1 and any(block.alone for block in blocks)
        self.choices = self._choose(blocks, rows * targets.shape[1] * FOLDS, labels.seconds, is_several=is_several)
        effort = {"iterations": self.choices["iterations"]}
        if self.choices["alone"]:
            self._models += [{"blocks": [place]} for place in range(len(blocks))]
        fits = [fit_ridge(_features(blocks), targets, observed, folds, groups, weight, **effort)]
        columns = self._numbers(values, rows)
        if self.local_means:
            self._local.fit(columns, targets, targets - fits[0].out_of_fold, observed, folds)
        means = self._local.encode_training(columns, targets, folds)
        if self._local.planes:
            self._local_mean, self._local_scale = means.mean(axis=0), SCALE / np.maximum(means.std(axis=0), 1e-6)
            blocks.append(self._local_block(means))
            fits = [fit_ridge(_features(blocks), targets, observed, folds, groups, weight, **effort)]
        answers = []
        for place, model in enumerate(self._models):
            chosen = _chosen(blocks, model)
            if place:
                fits.append(fit_ridge(_features(chosen), targets, observed, folds, groups, weight, **effort))
            fit = fits[-1]
            model["strengths"] = sorted({float(strength) for strength in fit.strengths})
            self._weights.append(fit.weights.astype(np.float16))
            self._intercepts.append(fit.intercept.astype(np.float32))
            answers.append(fit.out_of_fold)
        self._components = [principal_components(block.matrix) for block in blocks if block.alone]
        joined = np.concatenate(answers, axis=1)
        self._mean = joined.mean(axis=0)
        self._scale = 1 / np.maximum(joined.std(axis=0), 1e-3)
        return self._encoded(joined, means, blocks, present)

    def _choose(
        self, blocks: Sequence[FeatureBlock], columns: int, seconds: float | None, *, is_several: bool
    ) -> dict[str, Any]:
        """How much is computed in the time there is.

        Args:
            blocks: of features.
            columns: numbers in a vector of the solver: rows x targets x folds.
            seconds: that there are, or None.
            is_several: whether models of single blocks come into question.
        """
        from medley.linear.ridge import ITERATIONS, LEAST_ITERATIONS, STRENGTHS, seconds_per_product

        iterations, alone = self.iterations or ITERATIONS, is_several and self.alone is not False
        if seconds is not None and (self.iterations is None or self.alone is None):
            product = seconds_per_product(_features(blocks), columns)
            if self.alone is None:
                # Models of single blocks take together what the model of all takes.
                alone = is_several and 2 * product * (ITERATIONS + len(STRENGTHS)) <= seconds
            if self.iterations is None:
                most = seconds / product / (2 if alone else 1) - len(STRENGTHS)
                iterations = int(min(max(most, LEAST_ITERATIONS), ITERATIONS))
        return {"iterations": iterations, "alone": alone}

    @property
    def fingerprint(self) -> str:
        """A checksum of the features of the training rows."""
        return self._fingerprint

    def encode(self, values: Mapping[str, Any]) -> Encoded:
        """Rows -> (B, D) and which rows have any of the inputs."""
        blocks, present = self._blocks(values)
        means = self._local.encode(self._numbers(values, len(present))) if self._local.planes else None
        if means is not None:
            blocks.append(self._local_block(means))
        answers = []
        for model, weights, intercept in zip(self._models, self._weights, self._intercepts, strict=True):
            answer, start = np.tile(intercept, (len(present), 1)), 0
            for block in _chosen(blocks, model):
                width = block.matrix.shape[1]
                answer += block.matrix @ weights[start : start + width].astype(np.float32)
                start += width
            answers.append(answer)
        return self._encoded(np.concatenate(answers, axis=1), means, blocks, present)

    def _encoded(
        self, answers: np.ndarray, means: np.ndarray | None, blocks: Sequence[FeatureBlock], present: np.ndarray
    ) -> Encoded:
        raw, start = [np.ones((len(answers), 1), np.float32)], 0
        for _, link, width, _ in self._heads:
            raw.append(raw_outputs(link, answers[:, start : start + width]))
            start += width
        scaled = [(answers - self._mean) * self._scale]
        if means is not None and self._local.planes:
            scaled.append((means - self._local_mean) * self._local_scale / SCALE)
        worthy = [block for block in blocks if block.alone]
        for block, components in zip(worthy, self._components, strict=True):
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
            self._widths.setdefault(name, [(block.matrix.shape[1], block.alone) for block in encoded])
            blocks += [FeatureBlock(f"{name} {block.name}".strip(), block.matrix, block.alone) for block in encoded]
            masks.append(present)
        return blocks, np.any(masks, axis=0)

    def _numbers(self, values: Mapping[str, Any], rows: int) -> np.ndarray:
        """Numeric columns of all inputs, (B, C)."""
        columns = [
            features.numbers(values[name]) for name, features in self.features.items() if values.get(name) is not None
        ]
        present = [column for column in columns if column is not None]
        return np.concatenate(present, axis=1) if present else np.zeros((rows, 0), np.float32)

    def _local_block(self, means: np.ndarray) -> FeatureBlock:
        return FeatureBlock("local means", ((means - self._local_mean) * self._local_scale).astype(np.float32))

    def _targets(self, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        targets, observed, groups = [], [], []
        self._heads = []
        for place, (head, codec) in enumerate(labels.codecs.items()):
            linear = codec.linear_targets(labels.encoded[head])
            if linear is None:
                continue
            targets.append(linear[0])
            observed.append(linear[1])
            groups += [place] * linear[0].shape[1]
            self._heads.append((head, codec.linear_link, linear[0].shape[1], len(codec.prior)))
        if not targets:
            raise DataError("No head has a target that a linear model can be fitted to; leave out the linear path.")
        return np.concatenate(targets, axis=1).astype(np.float32), np.concatenate(observed, axis=1), np.array(groups)

    def _weights_of(self, labels: Labels) -> np.ndarray | None:
        """Sample weights (N, 1), or (N, J) of each answer where heads have their own."""
        if not isinstance(labels.weight, Mapping):
            return None if labels.weight is None else labels.weight[:, None]
        rows = len(next(iter(labels.encoded.values())).present)
        columns = []
        for head, _, answers, _ in self._heads:
            weight = labels.weight.get(head)
            columns.append(np.repeat((np.ones(rows) if weight is None else weight)[:, None], answers, axis=1))
        return np.concatenate(columns, axis=1)

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
        for place, (weights, intercept) in enumerate(zip(self._weights, self._intercepts, strict=True)):
            state[f"weights_{place}"], state[f"{INTERCEPT}_{place}"] = weights, intercept
        state["components"] = len(self._components)
        state |= {f"components_{place}": components for place, components in enumerate(self._components)}
        state |= {f"local.{key}": value for key, value in self._local.state().items()}
        for place, (name, features) in enumerate(self.features.items()):
            inner = features.state()
            arrays = {key: value for key, value in inner.items() if isinstance(value, np.ndarray)}
            state |= {f"features_{place}.{key}": value for key, value in arrays.items()}
            plain = {key: value for key, value in inner.items() if key not in arrays}
            state["features"][name] = {"kind": name_of(type(features)), "place": place, "state": plain}
        return state

    RULES = StateRules(
        heads=Items(Items(Either(Text(), Whole(1, 1_000_000)), 4), low=1),
        models=Items(Fields({"blocks": Maybe(Items(Whole(), 1))}), low=1),
        mean=Array(np.float32, ("M",)),
        scale=Array(np.float32, ("M",)),
        local_mean=Array(np.float32, ("L",)),
        local_scale=Array(np.float32, ("L",)),
        widths=Named(Items(Items(Either(Flag(), Whole()), 2), low=1), "inputs"),
        choices=Json(),
        fingerprint=Text(),
        features=Named(Fields({"kind": Text(), "place": Whole(), "state": Json()}), "inputs"),
        components=Whole(0, 10_000),
    )

    def restore(self, state: State) -> Self:
        values = self.RULES.read(state)
        self._heads = [_head(*entry) for entry in values["heads"]]
        self._models = [{**model, **read} for model, read in zip(state["models"], values["models"], strict=True)]
        self._mean, self._scale = values["mean"], values["scale"]
        self._local_mean, self._local_scale = values["local_mean"], values["local_scale"]
        self.choices, self._fingerprint = values["choices"], values["fingerprint"]
        self._widths = {name: [_width(*entry) for entry in entries] for name, entries in values["widths"].items()}
        self._local.restore(_below("local.", state))
        self.features = {}
        for name, entry in values["features"].items():
            kind = lookup(entry["kind"])
            require(isinstance(kind, type) and issubclass(kind, LinearFeatures), f"{entry['kind']!r} has no features.")
            inner = {**entry["state"], **_below(f"features_{entry['place']}.", state)}
            self.features[name] = kind().restore(inner)
        self._restore_models(state, values["components"])
        return self

    def _restore_models(self, state: State, components: int) -> None:
        """Reads the models' weights, which must have a row for each feature of their blocks."""
        require(set(self._widths) == set(self.features), "widths and features must name the same inputs.")
        for name, features in self.features.items():
            widths = [width for width, _ in self._widths[name]]
            require(features.widths in (None, widths), f"widths of {name!r} must be {features.widths}, got {widths}.")
        blocks = [entry for name in self.features for entry in self._widths[name]]
        answers, planes = sum(width for _, _, width, _ in self._heads), len(self._local.planes)
        require(len(self._mean) == answers * len(self._models), "mean must have a number for each answer.")
        local = planes * len(COUNTS) * answers
        require(len(self._local_mean) == (local if planes else 0), "local_mean must have a number for each mean.")
        require(not planes or len(self._local.mean) == answers, "local.mean must have a number for each answer.")
        counts = [features.number_count for features in self.features.values()]
        columns = sum(count or 0 for count in counts)
        is_inside = None in counts or all(place < columns for plane in self._local.planes for place in plane)
        require(is_inside, f"local.planes must name numeric columns, of which there are {columns}.")
        widths = [width for width, _ in blocks] + ([local] if planes else [])
        rules: dict[str, Array] = {}
        for place, model in enumerate(self._models):
            chosen = range(len(widths)) if model["blocks"] is None else model["blocks"]
            require(all(block < len(widths) for block in chosen), "models must name blocks that there are.")
            rows = sum(widths[block] for block in chosen)
            rules[f"weights_{place}"] = Array(np.float16, (rows, answers))
            rules[f"{INTERCEPT}_{place}"] = Array(np.float32, (answers,))
        worthy = [width for width, is_alone in blocks if is_alone]
        require(components == len(worthy), f"components must be {len(worthy)}, got {components}.")
        rules |= {f"components_{place}": Array(np.float16, (width, None)) for place, width in enumerate(worthy)}
        arrays = StateRules(**rules).read(state)
        self._weights = [arrays[f"weights_{place}"] for place in range(len(self._models))]
        self._intercepts = [arrays[f"{INTERCEPT}_{place}"] for place in range(len(self._models))]
        self._components = [arrays[f"components_{place}"] for place in range(components)]


def _head(name: Any, link: Any, answers: Any, raw: Any) -> tuple[str, LinearLink, int, int]:
    """An entry of the state's heads; raises an `ArtifactError` where its numbers do not fit its link."""
    has_types = isinstance(name, str) and isinstance(answers, int) and isinstance(raw, int)
    require(has_types and link in get_args(LinearLink), "heads must hold names, links and two numbers.")
    require(raw == answers - (link == "ordered") and raw > 0, f"heads must have outputs that fit {link!r}.")
    return name, link, answers, raw


def _width(width: Any, is_alone: Any) -> tuple[int, bool]:
    require(not isinstance(width, bool) and isinstance(is_alone, bool), "widths must hold numbers and flags.")
    return width, is_alone


def _below(prefix: str, state: State) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _features(blocks: Sequence[FeatureBlock]) -> Features:
    from medley.linear.ridge import Features

    return Features([block.matrix for block in blocks])


def _fingerprint(blocks: Sequence[FeatureBlock]) -> str:
    """A checksum of features: what tells rows apart, however much time there was to learn from them."""
    digest = hashlib.blake2b(digest_size=16)
    for block in blocks:
        parts = [block.matrix] if isinstance(block.matrix, np.ndarray) else [block.matrix.indices, block.matrix.data]
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _count(values: Mapping[str, Any]) -> int:
    """The number of rows that several inputs have."""
    columns = next(column for column in values.values() if column is not None)
    return len(next(iter(columns.values()))) if isinstance(columns, dict) else len(columns)


def _chosen(blocks: Sequence[FeatureBlock], model: Mapping[str, Any]) -> list[FeatureBlock]:
    places = model["blocks"]
    return list(blocks) if places is None else [blocks[place] for place in places]
