"""Models that say of each pixel of an image what it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from medley.errors import ConfigError, did_you_mean
from medley.nn.backbone_config import quiet
from medley.nn.checkpoints import loaded
from medley.nn.hub import Found

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "a model of semantic segmentation"
_OWN: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class Segmenter:
    """A model of semantic segmentation of transformers (SegFormer, UperNet, ...), with its own image processor.

    Args:
        found: where its files are.
        classes: labels or numbers of the classes that are painted white; None gives each class a grey of its own.
        device: where it runs; "auto" takes a GPU where there is one.

    Raises:
        ConfigError: it is of another kind, files are missing, or it has no such class.
        MissingDependencyError: transformers is not installed.
    """

    def __init__(self, found: Found, classes: Sequence[str | int] | None = None, device: str = "auto") -> None:
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.model: Any = loaded(found, KIND, lambda folder: _model(folder).eval().to(self.device))
        self.processor: Any = loaded(found, KIND, _processor)
        labels = {int(number): str(label) for number, label in self.model.config.id2label.items()}
        self.greys = _greys(labels, classes)

    def __call__(self, images: Sequence[Image]) -> list[np.ndarray]:
        """An image (H, W) uint8 for each, of its size: white where a chosen class is, else black."""
        return [self._painted(one) for one in images]

    def _painted(self, image: Image) -> np.ndarray:
        # One by one: how processors resize differs, and images of several sizes need not become one array.
        with quiet(), torch.inference_mode():
            given = self.processor(images=[image], return_tensors="pt")
            scores = self.model(pixel_values=given["pixel_values"].to(self.device)).logits
            large = interpolate(scores, (image.height, image.width), mode="bilinear", align_corners=False)
            return self.greys[large.argmax(1)[0].cpu().numpy()]


def _greys(labels: dict[int, str], classes: Sequence[str | int] | None) -> np.ndarray:
    """Class (K,) -> its grey."""
    if classes is None:
        return np.linspace(0, 255, len(labels)).round().astype(np.uint8)
    numbers = {label: number for number, label in labels.items()}
    greys = np.zeros(max(labels) + 1, np.uint8)
    for one in classes:
        number = one if isinstance(one, int) else numbers.get(one)
        if number not in labels:
            raise ConfigError(f"classes: the model has no class {one!r}.{did_you_mean(one, labels.values())}")
        greys[number] = 255
    return greys


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, **_OWN)


def _model(folder: Path) -> Any:
    from transformers import AutoModelForSemanticSegmentation

    own: dict[str, Any] = {**_OWN, "dtype": torch.float32}  # files may hold halves, and images come in full
    return AutoModelForSemanticSegmentation.from_pretrained(folder, use_safetensors=True, **own)
