"""Images made of images before they are encoded, by a function or by a model that segments."""

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
from medley.core.input import DerivedInput, Input
from medley.errors import DataError, GraphError
from medley.image import own
from medley.image.codec import ImageCodec, rows_of_images
from medley.image.distinct import Distinct, as_bytes
from medley.image.sizes import as_text, pair, size_problem
from medley.image.unreadable import Policy

if TYPE_CHECKING:
    from PIL.Image import Image

    from medley.nn.hub import Found
    from medley.nn.segmenter import Segmenter

AT_ONCE = 16
"""Images that are decoded before they are mapped."""

_KEPT_MODES = ("L", "RGB", "RGBA")


class MapImages(DerivedInput, register="image.mapped"):
    """Images made of an image input's images: read like an `ImageInput`, by any block for images.

    Each distinct image is mapped once, at its own size; the result is kept on disk as a PNG file
    (`images_folder`), and serves other trials, runs and predictions.

    Args:
        model: a function: an RGB image of Pillow's -> an image of Pillow's or an array (H, W) or (H, W, C) of bytes or
            numbers from 0 to 1; a saved model keeps it only by a registered name. Or a model of semantic segmentation
            of transformers: a folder that holds it, or a name on the hub (HF_HUB_OFFLINE is respected; weights are read
            from safetensors, and no code of a model is run).
        classes: labels or numbers of a segmentation's classes that are painted white on black, as a network of roads;
            left out, each class gets a grey of its own.
        size: side, or (height, width), that the results get; left out, that of the image input it is called on or, if
            that says none, as for `ImageInput`.
        revision: branch, tag or commit on the hub.
        version: of a function, whatever tells it from others; left out, its source does, what it calls left aside.
        checksum: what the model was when it was joined to an input: filled in there, so that another is noticed.

    Shape: images -> (B, C, H, W), C = 1 where results are grey.

    Raises:
        ConfigError: no model was given, there is none of that name, it segments nothing, or has no such class.
        GraphError: it is called on something else than one image input.
        DataError: a function fails, or gives no image.

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
        """There is a model; classes belong to one that segments."""
        if not (callable(self.model) or (isinstance(self.model, str) and self.model)):
            yield (
                "model must be a function image -> image, or a model of segmentation: a folder or a name on the "
                f"hub; got {self.model!r}."
            )
        if callable(self.model) and self.classes is not None:
            yield f"classes belong to a model that segments, and model is a function; got {self.classes!r}."
        if isinstance(self.classes, str) or (self.classes is not None and not len(self.classes)):
            yield f"classes must be a list of labels or numbers, got {self.classes!r}."
        yield from size_problem(self.size)

    def __repr__(self) -> str:
        return own.declaration(self)

    def codec(self) -> Codec:
        """As of `ImageInput`."""
        return ImageCodec(pair(self.size))

    def default_block(self) -> Block:
        """ImageBlock."""
        from medley.image.block import ImageBlock

        return ImageBlock()

    def joined(self, inputs: Sequence[Input]) -> MapImages:
        """With the image input's size, where it has none of its own, and its model's checksum."""
        if len(inputs) != 1 or not own.gives_one_image(inputs[0]):
            got = ", ".join(type(one).__name__ for one in inputs)
            raise GraphError(f"MapImages is called on one ImageInput, got {got}.")
        size = getattr(inputs[0], "size", None) if self.size is None else self.size
        return own.remembering(replace(self, size=size))

    def derive(self, inputs: Sequence[Input], columns: Sequence[Any]) -> list[Any]:
        """An image per row: the path or the content of a PNG file; None where there is none."""
        given: Any = inputs[0]
        policy: Policy = getattr(given, "on_bad_file", "warn")
        return self._files(columns[0], getattr(given, "root", None), policy)

    def images(
        self, images: Any, *, root: str | os.PathLike[str] | None = None, on_bad_file: Policy = "warn"
    ) -> list[Image | None]:
        """What becomes of each image.

        Args:
            images: B images in any form that `ImageInput` reads.
            root: the folder of relative paths.
            on_bad_file: what becomes of images that cannot be read, as of `ImageInput`.

        Returns:
            B images of Pillow's; None where there is not an image.

        Raises:
            ConfigError: the model is not there, or segments nothing.
            DataError: something is not an image, or (with `on_bad_file="raise"`) cannot be read; the function fails.

        >>> made = MapImages(lambda image: image.convert("L").resize((2, 2))).images(np.zeros((1, 4, 6, 3)))
        >>> made[0].mode, made[0].size
        ('L', (2, 2))
        """
        from PIL import Image

        found = self._files(images, as_text(root), on_bad_file)
        opened = [None if one is None else Image.open(BytesIO(one) if isinstance(one, bytes) else one) for one in found]
        return [None if one is None else one.copy() for one in opened]

    @property
    def images_folder(self) -> Path | None:
        """Where what it makes is kept, a PNG file per distinct image; None: nowhere."""
        return cache.folder("images", self._key()) if cache.is_on() else None

    def _files(self, images: Any, root: str | None, policy: Policy) -> list[Any]:
        distinct = Distinct.of(list(rows_of_images(images)), root)
        key = self._key()
        made = _Made(cache.folder("images", key)) if cache.is_on() else _Made(None)
        if cache.is_on() and made.folder is None:
            made = _in_memory(key)
        first = distinct.first
        wanted = [one for one in first if one not in made]
        distinct.check(policy, wanted)
        work = self._work() if wanted else None
        for keys, images in distinct.batches(wanted, AT_ONCE, "images"):
            assert work is not None
            for one, image in zip(keys, images, strict=True):
                made.add(one, self._mapped(work, image, first[one]))
        distinct.close(policy)
        return [made.get(one) for one in distinct.keys]

    def _mapped(self, work: Callable[[Image], Any], image: Image, row: int) -> Image:
        if not callable(self.model):
            return _image(work(image))
        try:
            return _image(work(image))
        except Exception as error:
            raise DataError(f"{own.told(self.model)} failed on the image of row {row}: {error!r}") from error

    def _key(self) -> str:
        classes = None if self.classes is None else sorted(map(repr, self.classes))
        return cache.digest(own.recognised(self), repr(classes))

    def _found(self) -> Found:
        from medley.nn.hub import find

        return find(str(self.model), self.revision)

    def _work(self) -> Callable[[Image], Any]:
        if callable(self.model):
            return self.model
        found = self._found()
        segmenter = _segmenter(found, own.checksum(self), None if self.classes is None else tuple(self.classes))
        return lambda image: segmenter([image])[0]


class _Made:
    """PNG files by key, in a folder or in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.held: dict[str, bytes] = {}
        self.known = set() if folder is None else {one.stem for one in folder.glob("*.png")}

    def __contains__(self, key: str) -> bool:
        return key in self.held or key in self.known

    def get(self, key: str | None) -> Any:
        """The path of an image's file, or its content; None where there is none."""
        if key is None or key not in self:
            return None
        return self.held[key] if self.folder is None or key in self.held else str(self.folder / f"{key}.png")

    def add(self, key: str, image: Image) -> None:
        """Keeps an image; in memory where it cannot be written."""
        stream = BytesIO()
        image.save(stream, "PNG")
        if self.folder is None:
            self.held[key] = stream.getvalue()
            return
        temporary = self.folder / f".{token_hex(4)}.{key}"
        try:
            temporary.write_bytes(stream.getvalue())
            os.replace(temporary, self.folder / f"{key}.png")
            self.known.add(key)
        except OSError as error:
            cache.warn_once(
                f"{self.folder} cannot be written ({error.strerror or error}), so images are kept in memory from "
                f"here on. Make room, or set {cache.VARIABLE} to another folder."
            )
            self.held[key] = stream.getvalue()
        finally:
            temporary.unlink(missing_ok=True)


@lru_cache(maxsize=64)
def _in_memory(key: str) -> _Made:
    return _Made(None)


@lru_cache(maxsize=1)
def _segmenter(found: Found, checksum: str, classes: tuple[str | int, ...] | None) -> Segmenter:
    """The last one that was loaded stays: a model that serves single rows would load it for each."""
    from medley.nn.segmenter import Segmenter

    return Segmenter(found, classes)


def _image(made: Any) -> Image:
    from PIL import Image

    if isinstance(made, Image.Image):
        return made if made.mode in _KEPT_MODES else made.convert("L" if made.mode in ("1", "LA", "F", "I") else "RGB")
    pixels = np.asarray(made)
    if pixels.dtype.kind not in "buif" or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise DataError(f"an image is an image of Pillow's or an array (H, W) or (H, W, C), got {_told(made)}")
    pixels = as_bytes(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        raise DataError(f"an image has 1, 3 or 4 channels, got {pixels.shape[2]}")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _told(made: Any) -> str:
    shape = getattr(made, "shape", None)
    return type(made).__name__ if shape is None else f"an array of shape {tuple(shape)}"
