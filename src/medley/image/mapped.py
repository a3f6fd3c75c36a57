"""Images transformed before they are encoded, by a function or by a segmentation model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from medley.cache import folder as cache
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.input import DerivedInput, InputBlock
from medley.errors import DataError, GraphError
from medley.image.codec import ImageCodec, as_image_rows
from medley.image.distinct import DistinctImages, as_bytes
from medley.image.model_identity import (
    function_name,
    has_one_image_per_row,
    model_checksum,
    model_files,
    stable_repr,
    verified_checksum,
    with_checksum,
)
from medley.image.sizes import as_text, pair, size_problem
from medley.image.unreadable import Policy

if TYPE_CHECKING:
    from PIL.Image import Image

    from medley.nn.hub import ModelFiles
    from medley.nn.segmenter import Segmenter

BATCH_SIZE = 16
"""Number of images that are decoded at once."""

_PNG_MODES = ("L", "RGB", "RGBA")


class MapImages(DerivedInput, register="image.mapped"):
    """Maps the images of an image input to other images, which any block for images can read.

    Each distinct image is mapped once, at its original size; results are cached on disk as PNG files (`images_folder`)
    and reused by other trials, runs and predictions.

    Args:
        model: a function that maps an RGB Pillow image to a Pillow image or to an array (H, W) or (H, W, C) of bytes or
            numbers from 0 to 1; it must be registered under a name for the model to be saved. Or a model for semantic
            segmentation of transformers: its folder, or its name on the hub (HF_HUB_OFFLINE is respected; weights are
            read from safetensors, and no code of a model is run).
        classes: labels or indices of the classes of a segmentation that are drawn white on black, such as roads; if
            unset, each class gets its own shade of grey.
        size: side length, or (height, width), to which the results are resized; if unset, that of the image input; if
            that has none, as in `ImageInput`.
        revision: branch, tag or commit on the hub.
        version: identifies a function's behaviour in the cache; if unset, its source code does, without that of the
            functions it calls. Change it when those change.
        checksum: of the model; set when the block is called on an input, so that a changed model is detected.

    Shape: images -> (B, C, H, W), C = 1 if the results are grey.

    Raises:
        ConfigError: no model was given, it does not exist, is not a segmentation model, or has no such class.
        GraphError: called on anything but one image input.
        DataError: a function fails, or does not return an image.

    >>> import medley as md
    >>> night = MapImages(lambda image: np.asarray(image) // 4)(md.ImageInput(size=32))
    >>> night.block.size
    32
    """

    kinds: ClassVar[tuple[str, ...]] = ("image",)

    model: str | os.PathLike[str] | Callable[[Image], Any] | None = None
    classes: tuple[str | int, ...] | list[str | int] | None = None
    size: int | tuple[int, int] | None = field(default=None, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)
    version: str | int | None = field(default=None, kw_only=True)
    checksum: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", as_text(self.model))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Checks that there is a model, and that classes are given for a segmentation model only."""
        if not (callable(self.model) or (isinstance(self.model, str) and self.model)):
            yield (
                "model must be a function image -> image, or a segmentation model: a folder or a name on the "
                f"hub; got {self.model!r}."
            )
        if callable(self.model) and self.classes is not None:
            yield f"classes can be set for a segmentation model only, and model is a function; got {self.classes!r}."
        if isinstance(self.classes, str) or (self.classes is not None and not len(self.classes)):
            yield f"classes must be a list of labels or indices, got {self.classes!r}."
        yield from size_problem(self.size)

    def __repr__(self) -> str:
        return stable_repr(self)

    def codec(self) -> Codec:
        """An `ImageCodec`."""
        return ImageCodec(pair(self.size))

    def default_block(self) -> Block:
        """`ImageBlock`."""
        from medley.image.block import ImageBlock

        return ImageBlock()

    def for_inputs(self, inputs: Sequence[InputBlock]) -> MapImages:
        """The block with its model's checksum and, if it has no size, the image input's size."""
        if len(inputs) != 1 or not has_one_image_per_row(inputs[0]):
            got = ", ".join(type(source).__name__ for source in inputs)
            raise GraphError(f"MapImages must be called on one ImageInput, got {got}.")
        size = getattr(inputs[0], "size", None) if self.size is None else self.size
        return with_checksum(replace(self, size=size))

    def derive(self, inputs: Sequence[InputBlock], columns: Sequence[Any]) -> list[Any]:
        """An image per row: the path or the content of a PNG file; None where the image is missing."""
        image_input: Any = inputs[0]
        policy: Policy = getattr(image_input, "on_bad_file", "warn")
        return self._files(columns[0], getattr(image_input, "root", None), policy)

    def images(
        self, images: Any, *, root: str | os.PathLike[str] | None = None, on_bad_file: Policy = "warn"
    ) -> list[Image | None]:
        """Maps each image.

        Args:
            images: B images in any format that `ImageInput` reads.
            root: the folder that relative paths are resolved against.
            on_bad_file: how to handle images that cannot be read, as in `ImageInput`.

        Returns:
            B Pillow images; None where the image is missing.

        Raises:
            ConfigError: the model does not exist, or is not a segmentation model.
            DataError: something is not an image, or (with `on_bad_file="raise"`) cannot be read; the function fails.

        >>> mapped = MapImages(lambda image: image.convert("L").resize((2, 2))).images(np.zeros((1, 4, 6, 3)))
        >>> mapped[0].mode, mapped[0].size
        ('L', (2, 2))
        """
        from PIL import Image

        files = self._files(images, as_text(root), on_bad_file)
        opened = [
            None if file is None else Image.open(BytesIO(file) if isinstance(file, bytes) else file) for file in files
        ]
        return [None if image is None else image.copy() for image in opened]

    @property
    def images_folder(self) -> Path | None:
        """The cache folder, with one PNG file per distinct image; None if caching is off."""
        return cache.folder("images", self._cache_key()) if cache.is_on() else None

    def _files(self, images: Any, root: str | None, policy: Policy) -> list[Any]:
        distinct = DistinctImages.of(list(as_image_rows(images)), root)
        key = self._cache_key()
        store = _ImageStore(cache.folder("images", key)) if cache.is_on() else _ImageStore(None)
        if cache.is_on() and store.folder is None:
            store = _memory_store(key)
        first = distinct.first
        unmapped = [content for content in first if content not in store]
        distinct.check(policy, unmapped)
        mapping = self._mapping() if unmapped else None
        for keys, images in distinct.batches(unmapped, BATCH_SIZE, "images"):
            assert mapping is not None
            for content, image in zip(keys, images, strict=True):
                store.add(content, self._map(mapping, image, first[content]))
        distinct.close(policy)
        return [store.get(content) for content in distinct.keys]

    def _map(self, mapping: Callable[[Image], Any], image: Image, row: int) -> Image:
        if not callable(self.model):
            return _as_pillow(mapping(image))
        try:
            return _as_pillow(mapping(image))
        except Exception as error:
            raise DataError(f"{function_name(self.model)} failed on the image of row {row}: {error!r}") from error

    def _cache_key(self) -> str:
        classes = None if self.classes is None else sorted(map(repr, self.classes))
        return cache.digest(verified_checksum(self), repr(classes))

    def _mapping(self) -> Callable[[Image], Any]:
        if callable(self.model):
            return self.model
        classes = None if self.classes is None else tuple(self.classes)
        segmenter = _segmenter(model_files(self), model_checksum(self), classes)
        return lambda image: segmenter([image])[0]


class _ImageStore:
    """PNG files by key, in a folder or in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.in_memory: dict[str, bytes] = {}
        self.on_disk = set() if folder is None else {path.stem for path in folder.glob("*.png")}

    def __contains__(self, key: str) -> bool:
        return key in self.in_memory or key in self.on_disk

    def get(self, key: str | None) -> Any:
        """The path of an image's file or, if it is in memory, its content; None if there is none."""
        if key is None or key not in self:
            return None
        return self.in_memory[key] if self.folder is None or key in self.in_memory else str(self.folder / f"{key}.png")

    def add(self, key: str, image: Image) -> None:
        """Stores an image on disk, or in memory if it cannot be written."""
        stream = BytesIO()
        image.save(stream, "PNG")
        if self.folder is None:
            self.in_memory[key] = stream.getvalue()
            return
        temporary = self.folder / f".{token_hex(4)}.{key}"
        try:
            temporary.write_bytes(stream.getvalue())
            os.replace(temporary, self.folder / f"{key}.png")
            self.on_disk.add(key)
        except OSError as error:
            cache.warn_once(
                f"{self.folder} cannot be written ({error.strerror or error}); images are cached in memory instead. "
                f"Free some disk space, or set {cache.VARIABLE} to another folder."
            )
            self.in_memory[key] = stream.getvalue()
        finally:
            temporary.unlink(missing_ok=True)


@lru_cache(maxsize=64)
def _memory_store(key: str) -> _ImageStore:
    return _ImageStore(None)


@lru_cache(maxsize=1)
def _segmenter(files: ModelFiles, checksum: str, classes: tuple[str | int, ...] | None) -> Segmenter:
    """Keeps the last segmenter in memory: otherwise, it would be loaded again for each call with a single row."""
    from medley.nn.segmenter import Segmenter

    return Segmenter(files, classes)


def _as_pillow(result: Any) -> Image:
    from PIL import Image

    if isinstance(result, Image.Image):
        return (
            result
            if result.mode in _PNG_MODES
            else result.convert("L" if result.mode in ("1", "LA", "F", "I") else "RGB")
        )
    pixels = np.asarray(result)
    if pixels.dtype.kind not in "buif" or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise DataError(f"the result must be a Pillow image or an array (H, W) or (H, W, C), got {_describe(result)}")
    pixels = as_bytes(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        raise DataError(f"an image must have 1, 3 or 4 channels, got {pixels.shape[2]}")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _describe(result: Any) -> str:
    shape = getattr(result, "shape", None)
    return type(result).__name__ if shape is None else f"an array of shape {tuple(shape)}"
