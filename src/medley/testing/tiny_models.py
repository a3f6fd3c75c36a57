"""Tiny encoders with random weights, saved like pretrained ones: for tests and documentation without internet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from medley.errors import ConfigError, did_you_mean

SIDE = 32
_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_POSITIONS = 66
_TEXT = ("bert", "roberta", "distilbert", "deberta-v2", "t5")
_BASE_TEXT = (
    "the a an old new house dress by sea red green blue good bad great poor lovely terrible it is was i love hate this "
    "fits well badly colour quality size small large soft rough one two three and or not very never always again"
)


def tiny_model(kind: str, folder: str | Path, *, texts: Sequence[str] = ()) -> str:
    """Saves a tiny model with random weights and its tokenizer or image processor, as `save_pretrained` does.

    Args:
        kind: `"bert"`, `"roberta"`, `"distilbert"`, `"deberta-v2"`, `"t5"`, `"vit"`, `"dinov2"`, `"resnet"`,
            `"convnext"`, `"swin"`, `"efficientnet"`, `"clip"` or `"siglip"` (both with a text encoder).
        folder: created if missing.
        texts: from which its tokenizer is trained, besides some built-in text.

    Returns:
        The folder, for `PretrainedTextBlock` or `PretrainedImageBlock`.

    Raises:
        ConfigError: there is no such kind.
    """
    from medley.nn.backbone_config import quiet

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    vocabulary = 0
    if kind in _TEXT or kind in ("clip", "siglip"):
        vocabulary = _save_tokenizer(path, kind, texts)
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        _model(kind, vocabulary).save_pretrained(path)
        if kind not in _TEXT:
            _save_processor(path)
    return str(path)


def _model(kind: str, vocabulary: int) -> Any:
    from transformers import AutoConfig, AutoModel

    text = {"vocab_size": vocabulary, "max_position_embeddings": _POSITIONS, "pad_token_id": 0}
    special_ids = {"bos_token_id": 2, "eos_token_id": 3}
    image = {"image_size": SIDE, "patch_size": 8}
    towers = {
        "text_config": {**_SMALL, **text, **special_ids, "projection_dim": 16},
        "vision_config": {**_SMALL, **image},
    }
    configs: dict[str, dict[str, Any]] = {
        "bert": {**_SMALL, **text},
        "roberta": {**_SMALL, **text, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
        "distilbert": {**text, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
        "deberta-v2": {**_SMALL, **text, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
        "t5": {"vocab_size": vocabulary, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
        "vit": {**_SMALL, **image},
        "dinov2": {**_SMALL, **image},
        "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        "convnext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        "swin": {**image, "patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
        "efficientnet": {
            "image_size": SIDE,
            "width_coefficient": 0.1,
            "depth_coefficient": 0.1,
            "hidden_dim": 128,
        },
        "clip": towers,
        "siglip": towers,
    }
    if kind not in configs:
        raise ConfigError(f"There is no tiny model of kind {kind!r}.{did_you_mean(kind, configs)}")
    return AutoModel.from_config(AutoConfig.for_model(kind, **configs[kind])).eval()


def _save_tokenizer(path: Path, kind: str, texts: Sequence[str]) -> int:
    """Trains a tokenizer; returns the size of its vocabulary."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    is_byte_level = kind in ("roberta", "clip")
    special = {"roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]}.get(
        kind, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    )
    first, last, pad, unknown = (
        ("<s>", "</s>", "<pad>", "<unk>") if kind == "roberta" else ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
    )
    tokenizer: Tokenizer = _train_tokenizer([_BASE_TEXT, *texts], special, unknown, is_byte_level=is_byte_level)
    from tokenizers.processors import TemplateProcessing

    special_tokens = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = TemplateProcessing(single=f"{first} $A {last}", special_tokens=special_tokens)  # pyright: ignore[reportAttributeAccessIssue]
    pretrained = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        unk_token=unknown,
        cls_token=first,
        sep_token=last,
        model_max_length=_POSITIONS - 2,
    )
    pretrained.save_pretrained(path)
    return tokenizer.get_vocab_size()


def _train_tokenizer(texts: Sequence[str], special: list[str], unknown: str, *, is_byte_level: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    if is_byte_level:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore
        tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))  # pyright: ignore
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)  # pyright: ignore
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # pyright: ignore
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _save_processor(path: Path) -> None:
    from transformers import ViTImageProcessor

    size = {"height": SIDE, "width": SIDE}
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    ViTImageProcessor(size=size, image_mean=mean, image_std=std).save_pretrained(path)
