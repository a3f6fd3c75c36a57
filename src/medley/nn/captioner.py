"""Image-to-text models: vision-encoder-decoders and vision chat models."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medley.errors import ConfigError
from medley.nn.backbone_config import quiet
from medley.nn.checkpoints import load_checkpoint
from medley.nn.hub import ModelFiles

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "an image-to-text model"
_DEFAULT_PROMPT = "Describe the image in one sentence."


class Captioner:
    """An image-to-text model of transformers with its image processor and tokenizer.

    Supports vision-encoder-decoders (ViT-GPT2, TrOCR, Donut), BLIP, GIT, and chat models (LLaVA, SmolVLM, ...).

    Args:
        files: the model's files.
        device: the device to run on; "auto" is a GPU if one is available.

    Raises:
        ConfigError: it is not an image-to-text model, or files are missing.
        MissingDependencyError: transformers is not installed.
    """

    def __init__(self, files: ModelFiles, device: str = "auto") -> None:
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.model: Any = load_checkpoint(files, KIND, lambda folder: _model(folder, self.device))
        self.processor: Any = load_checkpoint(files, KIND, _processor)

    def __call__(
        self, images: Sequence[Image], *, max_length: int = 32, num_beams: int = 1, prompt: str | None = None
    ) -> list[str]:
        """Generates a caption for each image, deterministically.

        Args:
            images: RGB Pillow images of any size.
            max_length: maximum number of generated tokens.
            num_beams: 1 is greedy decoding; more is beam search with that many beams.
            prompt: the beginning of every caption; the question, for a chat model.

        Returns:
            One caption per image.

        Raises:
            ConfigError: the model requires other inputs than images.
        """
        settings = self._settings(max_length, num_beams)
        try:
            with quiet(), torch.inference_mode():
                inputs, prompt_length = self._inputs(list(images), prompt)
                ids = self.model.generate(**inputs, generation_config=settings)
                texts = self.tokenizer.batch_decode(ids[:, prompt_length:], skip_special_tokens=True)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # raised by models that need other inputs
            model_type = self.model.config.model_type
            raise ConfigError(f"A model of type {model_type!r} cannot caption images in this way: {error}") from error
        return [" ".join(text.split()) for text in texts]

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.processor.tokenizer

    def _settings(self, max_length: int, num_beams: int) -> Any:
        settings = deepcopy(self.model.generation_config)
        settings.update(max_new_tokens=max_length, max_length=None, num_beams=num_beams, do_sample=False)
        settings.update(
            temperature=None, top_p=None, top_k=None
        )  # sampling options, which transformers would warn about
        if settings.pad_token_id is None:
            settings.pad_token_id = self.tokenizer.pad_token_id or self.tokenizer.eos_token_id
        return settings

    def _inputs(self, images: list[Image], prompt: str | None) -> tuple[dict[str, Any], int]:
        """The arguments of `generate`, and the number of leading tokens of its output to skip."""
        if getattr(self.processor, "chat_template", None):
            return self._chat(images, prompt or _DEFAULT_PROMPT)
        inputs = dict(self.processor.image_processor(images=images, return_tensors="pt"))
        inputs = {name: x for name, x in inputs.items() if name in _IMAGE_INPUTS or name == self.model.main_input_name}
        if prompt:
            inputs |= self._prompt_inputs(prompt, len(images))
        return self._to_device(inputs), 0

    def _prompt_inputs(self, prompt: str, rows: int) -> dict[str, Any]:
        ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        if self.model.config.is_encoder_decoder:
            start = self.model.generation_config.decoder_start_token_id
            return {"decoder_input_ids": torch.tensor([[start, *ids]] * rows)}
        if self.model.config.model_type == "blip":  # its generate() drops the last token of the prompt
            ids = [*ids, self.tokenizer.sep_token_id]
        first = self.tokenizer.cls_token_id
        ids = ids if first is None else [first, *ids]
        return {
            "input_ids": torch.tensor([ids] * rows),
            "attention_mask": torch.ones((rows, len(ids)), dtype=torch.int64),
        }

    def _chat(self, images: list[Image], prompt: str) -> tuple[dict[str, Any], int]:
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        chat = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        self.tokenizer.padding_side = "left"  # so that the generated text directly follows the prompt in every row
        nested = [[image] for image in images]
        inputs = dict(self.processor(images=nested, text=[chat] * len(images), padding=True, return_tensors="pt"))
        return self._to_device(inputs), inputs["input_ids"].shape[1]

    def _to_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        dtype = self.model.dtype
        return {
            name: x.to(self.device, dtype if x.is_floating_point() else None)
            for name, x in inputs.items()
            if isinstance(x, torch.Tensor)
        }


_LOCAL_ONLY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_IMAGE_INPUTS = ("pixel_values", "pixel_mask", "flattened_patches", "attention_mask")


class _ProcessorPair:
    """An image processor and a tokenizer that were saved separately."""

    chat_template = None

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    processor: Any = AutoProcessor.from_pretrained(folder, **_LOCAL_ONLY)
    if hasattr(processor, "image_processor") and hasattr(processor, "tokenizer"):
        return processor
    return _ProcessorPair(
        AutoImageProcessor.from_pretrained(folder, **_LOCAL_ONLY), AutoTokenizer.from_pretrained(folder, **_LOCAL_ONLY)
    )


def _model(folder: Path, device: torch.device) -> Any:
    from transformers import AutoModelForImageTextToText

    # Half precision is slow on a CPU, and not supported by all operators.
    dtype: Any = torch.float32 if device.type == "cpu" else "auto"
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, dtype=dtype, **_LOCAL_ONLY)
    return model.eval().to(device)
