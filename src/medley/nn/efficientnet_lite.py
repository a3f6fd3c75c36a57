"""EfficientNet-Lite0 (Liu, 2020) in the layout of transformers, from the names of its original weights in torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SIDE = 96
"""Side length of its images: on CPUs, those of its training (224 pixels) take five times as long."""

BLOCKS = 16
OPEN = 30.0
"""Bias of the gates of the squeeze-and-excitation that it does not have: their sigmoid is 1 in float32."""

CONFIG: Mapping[str, Any] = {
    "model_type": "efficientnet",
    "image_size": SIDE,
    "hidden_act": "relu6",
    "hidden_dim": 1280,
    "width_coefficient": 1.0,
    "depth_coefficient": 1.0,
    "batch_norm_eps": 0.001,
    "squeeze_expansion_ratio": 0.25,
}
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Layer of transformers -> layer of the original, of each block.
_CONVOLUTIONS = {
    "expansion.expand_conv": "_expand_conv",
    "depthwise_conv.depthwise_conv": "_depthwise_conv",
    "projection.project_conv": "_project_conv",
}
_NORMS = {
    "expansion.expand_bn": "_bn0",
    "depthwise_conv.depthwise_norm": "_bn1",
    "projection.project_bn": "_bn2",
}


def convert(weights: Path, folder: Path) -> None:
    """Writes the encoder as `save_pretrained` of transformers would.

    Args:
        weights: the original file, whose checksum was verified.
        folder: exists.
    """
    from safetensors.torch import save_file

    # Only tensors can be in this file: its checksum is known, and weights_only refuses anything else.
    state = torch.load(weights, map_location="cpu", weights_only=True)  # noqa: TID251
    save_file(renamed(state), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    processor = {
        "size": {"height": SIDE, "width": SIDE},
        "resample": 3,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of transformers, with open gates of squeeze-and-excitation, without the classifier.

    Args:
        state: name in the original -> tensor.
    """
    tensors: dict[str, Tensor] = {}

    def copy(target: str, source: str, names: tuple[str, ...] = ("weight",)) -> None:
        tensors.update({f"{target}.{name}": state[f"{source}.{name}"].contiguous() for name in names})

    copy("embeddings.convolution", "_conv_stem")
    copy("embeddings.batchnorm", "_bn0", _NORM)
    copy("encoder.top_conv", "_conv_head")
    copy("encoder.top_bn", "_bn1", _NORM)
    for number in range(BLOCKS):
        block, source = f"encoder.blocks.{number}", f"_blocks.{number}"
        has_expansion = f"{source}._expand_conv.weight" in state
        for layers, names in ((_CONVOLUTIONS, ("weight",)), (_NORMS, _NORM)):
            for target, layer in layers.items():
                if has_expansion or not target.startswith("expansion"):
                    copy(f"{block}.{target}", f"{source}.{layer}", names)
        width = len(state[f"{source}._depthwise_conv.weight"])
        narrow = state[f"{source}._expand_conv.weight"].shape[1] if has_expansion else width
        squeezed = max(1, int(narrow * CONFIG["squeeze_expansion_ratio"]))
        gates = f"{block}.squeeze_excite"
        tensors |= {
            f"{gates}.reduce.weight": torch.zeros(squeezed, width, 1, 1),
            f"{gates}.reduce.bias": torch.zeros(squeezed),
            f"{gates}.expand.weight": torch.zeros(width, squeezed, 1, 1),
            f"{gates}.expand.bias": torch.full((width,), OPEN),
        }
    return tensors
