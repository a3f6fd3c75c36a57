"""Models that write texts about images: vision encoders with a decoder of texts, and such as one chats with."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medley.errors import ConfigError
from medley.nn.backbone_config import quiet
from medley.nn.checkpoints import loaded
from medley.nn.hub import Found

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "an image-to-text model"
_QUESTION = "Describe the image in one sentence."


class Captioner:
    """An image-to-text model of transformers, with the image processor and the tokenizer that belong to it.

    Vision-encoder-decoders (ViT-GPT2, TrOCR, Donut), BLIP, GIT, and models that one chats with (LLaVA, SmolVLM, ...).

    Args:
        found: where its files are.
        device: where it runs; "auto" takes a GPU where there is one.

    Raises:
        ConfigError: it is not an image-to-text model, or files of it are missing.
        MissingDependencyError: transformers is not installed.
    """

    def __init__(self, found: Found, device: str = "auto") -> None:
        wanted = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.device = torch.device(wanted)
        self.model: Any = loaded(found, KIND, lambda folder: _model(folder, self.device))
        self.processor: Any = loaded(found, KIND, _processor)

    def __call__(
        self, images: Sequence[Image], *, max_length: int = 32, num_beams: int = 1, prompt: str | None = None
    ) -> list[str]:
        """Writes a text for each image; the same each time.

        Args:
            images: RGB images of Pillow's, of any sizes.
            max_length: tokens at most.
            num_beams: 1 always takes the likeliest token; more search that many ways at once.
            prompt: how every text begins; for models that one chats with, what they are asked.

        Returns:
            As many texts.

        Raises:
            ConfigError: the model needs something else besides images.
        """
        settings = self._settings(max_length, num_beams)
        try:
            with quiet(), torch.inference_mode():
                given, known = self._inputs(list(images), prompt)
                codes = self.model.generate(**given, generation_config=settings)
                texts = self.tokenizer.batch_decode(codes[:, known:], skip_special_tokens=True)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # what models raise that lack some input
            kind = self.model.config.model_type
            raise ConfigError(f"A model of kind {kind!r} does not write about an image in this way: {error}") from error
        return [" ".join(text.split()) for text in texts]

    @property
    def tokenizer(self) -> Any:
        """Of the texts."""
        return self.processor.tokenizer

    def _settings(self, max_length: int, num_beams: int) -> Any:
        settings = deepcopy(self.model.generation_config)
        settings.update(max_new_tokens=max_length, max_length=None, num_beams=num_beams, do_sample=False)
        settings.update(temperature=None, top_p=None, top_k=None)  # of sampling: transformers warns where they are set
        if settings.pad_token_id is None:
            settings.pad_token_id = self.tokenizer.pad_token_id or self.tokenizer.eos_token_id
        return settings

    def _inputs(self, images: list[Image], prompt: str | None) -> tuple[dict[str, Any], int]:
        """What `generate` takes, and how many codes of its result are none of the text."""
        if getattr(self.processor, "chat_template", None):
            return self._chat(images, prompt or _QUESTION)
        given = dict(self.processor.image_processor(images=images, return_tensors="pt"))
        given = {name: one for name, one in given.items() if name in _READ or name == self.model.main_input_name}
        if prompt:
            given |= self._begun(prompt, len(images))
        return self._there(given), 0

    def _begun(self, prompt: str, rows: int) -> dict[str, Any]:
        codes = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        if self.model.config.is_encoder_decoder:
            start = self.model.generation_config.decoder_start_token_id
            return {"decoder_input_ids": torch.tensor([[start, *codes]] * rows)}
        if self.model.config.model_type == "blip":  # its generate() takes the last code for the end of the prompt
            codes = [*codes, self.tokenizer.sep_token_id]
        first = self.tokenizer.cls_token_id
        codes = codes if first is None else [first, *codes]
        return {
            "input_ids": torch.tensor([codes] * rows),
            "attention_mask": torch.ones((rows, len(codes)), dtype=torch.int64),
        }

    def _chat(self, images: list[Image], prompt: str) -> tuple[dict[str, Any], int]:
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        words = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        self.tokenizer.padding_side = "left"  # what is written follows at once, however many codes an image takes
        nested = [[image] for image in images]
        given = dict(self.processor(images=nested, text=[words] * len(images), padding=True, return_tensors="pt"))
        return self._there(given), given["input_ids"].shape[1]

    def _there(self, given: dict[str, Any]) -> dict[str, Any]:
        kind = self.model.dtype
        return {
            name: one.to(self.device, kind if one.is_floating_point() else None)
            for name, one in given.items()
            if isinstance(one, torch.Tensor)
        }


_OWN: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_READ = ("pixel_values", "pixel_mask", "flattened_patches", "attention_mask")


class _Pair:
    """An image processor and a tokenizer that were saved without a processor that joins them."""

    chat_template = None

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    joined: Any = AutoProcessor.from_pretrained(folder, **_OWN)
    if hasattr(joined, "image_processor") and hasattr(joined, "tokenizer"):
        return joined
    return _Pair(AutoImageProcessor.from_pretrained(folder, **_OWN), AutoTokenizer.from_pretrained(folder, **_OWN))


def _model(folder: Path, device: torch.device) -> Any:
    from transformers import AutoModelForImageTextToText

    # Halves are slow on a CPU, where not all that a network needs is there for them.
    kind: Any = torch.float32 if device.type == "cpu" else "auto"
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, dtype=kind, **_OWN)
    return model.eval().to(device)
