"""Texts for images that have none, written by a generative model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from medley.cache import folder as cache
from medley.cache.row_stores import TextStore
from medley.core import registry
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.input import DerivedInput, Input
from medley.errors import DataError, GraphError
from medley.image import own
from medley.image.codec import rows_of_images
from medley.image.distinct import Distinct
from medley.image.sizes import as_text
from medley.image.unreadable import Policy

if TYPE_CHECKING:
    from PIL.Image import Image

    from medley.nn.captioner import Captioner
    from medley.nn.hub import Found

Write = Callable[[Sequence["Image"]], Sequence[str]]

FILE = "captions.jsonl"


class CaptionImages(DerivedInput, register="image.captions"):
    """Texts for images, written by a model: a text input that is fed from an image input.

    Called on an image input, every image gets a text; called on an image input and a text input, only rows without a
    text (None, NaN, an empty or blank one) get one, and texts that are there stay. What reads texts is joined to the
    result as to a `TextInput`. Each distinct image is read once: what was written for it is kept on disk
    (`captions_file`), and serves other trials, runs and predictions.

    A saved model keeps the name of the captioner, not the captioner: whoever predicts with it needs the same folder or
    the hub, and transformers, for images that have no text and were not seen before.

    Args:
        model: an image-to-text model of transformers (ViT-GPT2 and other vision-encoder-decoders, BLIP, GIT, models
            that one chats with): a folder that holds it, or a name on the hub (HF_HUB_OFFLINE is respected; weights are
            read from safetensors, and no code of a model is run). Or a function: a list of RGB images of Pillow's -> as
            many texts; a saved model keeps it only by a registered name.
        max_length: tokens of a text at most.
        num_beams: 1 takes the likeliest token each time; more search that many ways at once, and take longer.
        prompt: how every text begins; of models that one chats with, the question.
        batch_size: images at once.
        revision: branch, tag or commit on the hub.
        version: of a function, whatever tells it from others; left out, its source does, what it calls left aside.
        checksum: what the model was when it was joined to an input: filled in there, so that another is noticed.

    Shape: images -> texts, encoded as `TextInput` encodes them.

    Raises:
        ConfigError: no model was given, there is none of that name, or it is not an image-to-text model.
        GraphError: it is called on something else than an image input, and at most one text input.
        DataError: a function gives something else than one text per image.

    >>> CaptionImages(lambda images: [f"{one.width} wide" for one in images]).texts([np.zeros((4, 6)), None])
    ['6 wide', None]
    """

    kinds: ClassVar[tuple[str, ...]] = ("text",)

    model: str | os.PathLike[str] | Write | None = None
    max_length: int = 32
    num_beams: int = 1
    prompt: str | None = None
    batch_size: int = field(default=8, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)
    version: str | int | None = field(default=None, kw_only=True)
    checksum: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", as_text(self.model))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """There is a model; numbers are whole and from 1."""
        if not (callable(self.model) or (isinstance(self.model, str) and self.model)):
            yield (
                "model must be a folder that holds an image-to-text model, a name on the hub, or a function "
                f"images -> texts; got {self.model!r}."
            )
        for name in ("max_length", "num_beams", "batch_size"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                yield f"{name} must be a whole number from 1, got {value!r}."

    def __repr__(self) -> str:
        return own.declaration(self)

    def codec(self) -> Codec:
        """As of `TextInput`."""
        return _texts().codec()

    def default_block(self) -> Block:
        """As of `TextInput`."""
        return _texts().default_block()

    def adapter(self) -> Block | None:
        """As of `TextInput`."""
        return _texts().adapter()

    def joined(self, inputs: Sequence[Input]) -> CaptionImages:
        """With its model's checksum, where it is called on one image input and at most one text input."""
        _places(inputs)
        return own.remembering(self)

    def derive(self, inputs: Sequence[Input], columns: Sequence[Any]) -> list[str | None]:
        """A text per row: the one that is there, else one that is written; None where there is not an image either."""
        image, text = _places(inputs)
        given: Any = inputs[image]
        root = getattr(given, "root", None)
        policy: Policy = getattr(given, "on_bad_file", "warn")
        texts = None if text is None else columns[text]
        if columns[image] is None:
            return [None if is_blank(one) else str(one) for one in _cells(texts)]
        if texts is None:
            return self.texts(columns[image], root=root, on_bad_file=policy)
        return self.fill(texts, columns[image], root=root, on_bad_file=policy)

    def texts(
        self, images: Any, *, root: str | os.PathLike[str] | None = None, on_bad_file: Policy = "warn"
    ) -> list[str | None]:
        """A text for each image.

        Args:
            images: B images in any form that `ImageInput` reads.
            root: the folder of relative paths.
            on_bad_file: what becomes of images that cannot be read, as of `ImageInput`.

        Returns:
            B texts; None where there is not an image.

        Raises:
            ConfigError: the model is not there, or is none that writes.
            DataError: something is not an image, or (with `on_bad_file="raise"`) cannot be read: all are told.
        """
        distinct = Distinct.of(list(rows_of_images(images)), as_text(root))
        if not distinct.first:
            distinct.close(on_bad_file)
            return list(distinct.keys)
        store = self._store()
        wanted = store.missing(list(distinct.first))
        distinct.check(on_bad_file, wanted)
        if wanted:
            write = self._writer()
            for keys, images in distinct.batches(wanted, self.batch_size, "captions"):
                store.add(dict(zip(keys, _checked(write(images), len(images)), strict=True)))
        distinct.close(on_bad_file)
        lacking = set(store.missing(list(distinct.first)))
        return [None if key is None or key in lacking else store.take([key])[0] for key in distinct.keys]

    def fill(
        self,
        texts: Any,
        images: Any,
        *,
        root: str | os.PathLike[str] | None = None,
        on_bad_file: Policy = "warn",
    ) -> list[str | None]:
        """The texts that are there, and where there is none (None, NaN, blank) one for the image.

        Args:
            texts: B texts, some of them missing.
            images: B images, as of `texts`; only those of rows without a text are read.
            root: as of `texts`.
            on_bad_file: as of `texts`.

        Returns:
            B texts; None where there is neither.

        Raises:
            DataError: there are not as many texts as images; else as `texts`.

        >>> CaptionImages(lambda images: ["a door"] * len(images)).fill(["a bed", ""], np.zeros((2, 4, 6)))
        ['a bed', 'a door']
        """
        rows, cells = list(rows_of_images(images)), _cells(texts)
        if len(rows) != len(cells):
            raise DataError(f"There must be one text or None per image, got {len(cells)} for {len(rows)} images.")
        blank = [is_blank(one) for one in cells]
        some = [one if lacks else None for one, lacks in zip(rows, blank, strict=True)]
        written = self.texts(some, root=root, on_bad_file=on_bad_file)
        return [new if lacks else str(one) for one, new, lacks in zip(cells, written, blank, strict=True)]

    def check_model(self) -> None:
        """Looks whether the model is there, without loading it.

        Raises:
            WeightsNotFoundError: there is no folder of that name, and nothing on the hub or in its cache.
        """
        if not callable(self.model):
            self._found()

    @property
    def captions_file(self) -> Path | None:
        """Where what it writes is kept: JSON lines, a text per image, that may be read and edited; None: nowhere."""
        return self._store().path

    def _store(self) -> TextStore:
        name, settings = own.told_model(self.model), (self.max_length, self.num_beams, self.prompt)
        key = cache.digest(own.recognised(self), "" if callable(self.model) else repr(settings))
        if not cache.is_on():
            return TextStore(None)
        folder = cache.folder("captions", key)
        if folder is not None and not (folder / "about.json").exists():
            about = {"model": name, "max_length": self.max_length, "num_beams": self.num_beams, "prompt": self.prompt}
            (folder / "about.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        store = _kept(None if folder is None else folder / FILE, key)
        store.refresh()
        return store

    def _found(self) -> Found:
        from medley.nn.hub import find

        return find(str(self.model), self.revision)

    def _writer(self) -> Write:
        if callable(self.model):
            return self.model
        found = self._found()
        captioner = _captioner(found, own.checksum(self))
        settings = {"max_length": self.max_length, "num_beams": self.num_beams, "prompt": self.prompt}
        return lambda images: captioner(images, **settings)


@lru_cache(maxsize=64)
def _kept(path: Path | None, key: str) -> TextStore:
    return TextStore(path)


@lru_cache(maxsize=1)
def _captioner(found: Found, checksum: str) -> Captioner:
    """The last captioner that was loaded stays: a model that serves single rows would load it for each."""
    from medley.nn.captioner import Captioner

    return Captioner(found)


def _texts() -> Input:
    return registry.lookup("text.input")()


def _places(inputs: Sequence[Input]) -> tuple[int, int | None]:
    """Which of the inputs gives images, and which texts."""
    images = [at for at, one in enumerate(inputs) if own.gives_one_image(one)]
    texts = [at for at, one in enumerate(inputs) if "text" in one.kinds]
    if len(images) != 1 or len(texts) > 1 or len(inputs) > 2 or len(images) + len(texts) != len(inputs):
        got = ", ".join(type(one).__name__ for one in inputs)
        raise GraphError(
            f"CaptionImages is called on one ImageInput, and on one TextInput besides whose gaps it fills; got {got}."
        )
    return images[0], texts[0] if texts else None


def _checked(texts: Any, rows: int) -> list[str]:
    told = list(texts) if not isinstance(texts, str) and hasattr(texts, "__iter__") else [texts]
    wrong = next((one for one in told if not isinstance(one, str)), None)
    if len(told) != rows or wrong is not None or isinstance(texts, str):
        got = f"{type(wrong).__name__} among them" if wrong is not None else f"{len(told)}"
        raise DataError(f"A function that captions gives a list of texts, one per image: {rows} images, got {got}.")
    return told


def _cells(texts: Any) -> list[Any]:
    if texts is None:
        return []
    if hasattr(texts, "to_pylist"):
        return texts.to_pylist()
    return list(np.asarray(texts, dtype=object).reshape(-1)) if isinstance(texts, np.ndarray) else list(texts)


def is_blank(text: Any) -> bool:
    """Whether a cell holds no text: None, NaN, NA, nothing but white space.

    >>> is_blank(float("nan")), is_blank(" "), is_blank("a bed")
    (True, True, False)
    """
    if text is None or type(text).__name__ == "NAType" or (isinstance(text, float) and text != text):
        return True
    return isinstance(text, str) and not text.strip()
