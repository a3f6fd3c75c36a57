"""Tiny captioning and segmentation models, saved as files, for tests and documentation without internet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medley.nn.backbone_config import quiet

SIDE = 16
COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 50, 200)}
_SENTENCES = [f"a {colour} room" for colour in COLOURS] + ["user : describe the image in one sentence ."]
_LAYERS: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
_VISION: dict[str, Any] = {**_LAYERS, "image_size": SIDE, "patch_size": 8}
_PADDING, _UNKNOWN, _START, _END, _IMAGE = range(5)
_SPECIAL_IDS: dict[str, Any] = {"pad_token_id": _PADDING, "bos_token_id": _START, "eos_token_id": _END}


def tiny_writer(kind: str, folder: str | Path) -> str:
    """Saves a tiny model with all its files, as `save_pretrained` does.

    Args:
        kind: `"vision-encoder-decoder"` (ViT and GPT-2, trained to caption a red image with "a red room", and likewise
            green and blue ones), `"blip"`, `"git"`, `"llava"` (a chat model) or `"segformer"` (labels: wall, road,
            sky); these have random weights.
        folder: created if missing.

    Returns:
        The folder.
    """
    makers: dict[str, Callable[[], tuple[Any, list[Any]]]] = {
        "vision-encoder-decoder": _encoder_decoder,
        "blip": _blip,
        "git": _git,
        "llava": _llava,
        "segformer": _segformer,
    }
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        model, processors = makers[kind]()
        for part in (model, *processors):
            part.save_pretrained(folder)
    return str(folder)


def tiny_room(colour: str, shade: int = 0, size: tuple[int, int] = (20, 24)) -> np.ndarray:
    """An image (H, W, 3) of one colour; a higher shade is darker."""
    return np.broadcast_to(np.clip(np.array(COLOURS[colour]) - shade, 0, 255).astype(np.uint8), (*size, 3)).copy()


def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.trainers import WordLevelTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<image>"]
    tokenizer.train_from_iterator(_SENTENCES, WordLevelTrainer(special_tokens=special, show_progress=False))  # pyright: ignore[reportCallIssue]
    options: dict[str, Any] = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    options |= {"bos_token": "[CLS]", "eos_token": "[SEP]", "model_input_names": ["input_ids", "attention_mask"]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def _image_processor(kind: str) -> Any:
    import transformers

    # The Pillow variant, if the package has one: the other needs torchvision.
    processor = getattr(transformers, f"{kind}ImageProcessorPil", None) or getattr(
        transformers, f"{kind}ImageProcessor"
    )
    if kind == "CLIP":
        return processor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return processor(size={"height": SIDE, "width": SIDE})


def _encoder_decoder() -> tuple[Any, list[Any]]:
    from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

    tokenizer, processor = _tokenizer(), _image_processor("ViT")
    decoder = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=48,
        n_embd=32,
        n_layer=1,
        n_head=2,
        add_cross_attention=True,
        **_SPECIAL_IDS,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**_VISION), decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = _START, _PADDING, _END
    model: Any = VisionEncoderDecoderModel(config)
    for name, value in {**_SPECIAL_IDS, "decoder_start_token_id": _START}.items():
        setattr(model.generation_config, name, value)
    _train(model, tokenizer, processor)
    return model, [tokenizer, processor]


def _train(model: Any, tokenizer: Any, processor: Any, steps: int = 60) -> None:
    images = [tiny_room(colour, shade) for colour in COLOURS for shade in (0, 20)]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"]
    token_ids = [[*tokenizer(f"a {colour} room")["input_ids"], _END] for colour in COLOURS for _ in range(2)]
    targets = torch.tensor(token_ids)
    decoder_inputs = torch.cat([torch.full((len(token_ids), 1), _START), targets[:, :-1]], 1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        logits = model(pixel_values=pixels, decoder_input_ids=decoder_inputs).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
    model.eval()


def _blip() -> tuple[Any, list[Any]]:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor

    tokenizer = _tokenizer()
    text: dict[str, Any] = {
        **_LAYERS,
        "vocab_size": len(tokenizer),
        "encoder_hidden_size": 32,
        "max_position_embeddings": 48,
    }
    config: Any = BlipConfig(text_config={**text, **_SPECIAL_IDS}, vision_config=_VISION)
    return BlipForConditionalGeneration(config), [BlipProcessor(_image_processor("Blip"), tokenizer)]


def _git() -> tuple[Any, list[Any]]:
    from transformers import GitConfig, GitForCausalLM, GitProcessor

    tokenizer = _tokenizer()
    config: Any = GitConfig(
        vision_config=_VISION, vocab_size=len(tokenizer), max_position_embeddings=48, **_LAYERS, **_SPECIAL_IDS
    )
    return GitForCausalLM(config), [GitProcessor(_image_processor("CLIP"), tokenizer)]


def _llava() -> tuple[Any, list[Any]]:
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    tokenizer = _tokenizer()
    text = LlamaConfig(vocab_size=len(tokenizer), **_LAYERS, **_SPECIAL_IDS)
    vision = CLIPVisionConfig(**{**_VISION, "num_hidden_layers": 2})
    config_class: Any = LlavaConfig
    config: Any = config_class(vision_config=vision, text_config=text, image_token_id=_IMAGE)
    template = (
        "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    )
    processor = LlavaProcessor(
        _image_processor("CLIP"),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=template,
        num_additional_image_tokens=1,
    )
    return LlavaForConditionalGeneration(config), [processor]


def _segformer() -> tuple[Any, list[Any]]:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config: Any = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[1, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label={0: "wall", 1: "road", 2: "sky"},
        label2id={"wall": 0, "road": 1, "sky": 2},
    )
    return SegformerForSemanticSegmentation(config), [_image_processor("Segformer")]
