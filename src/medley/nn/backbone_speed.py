"""How fast this machine runs a pretrained encoder."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch

from medley.nn.backbone import BackbonePlan, build
from medley.nn.backbone_config import read_config
from medley.nn.hub import find

BATCH, RUNS, TOKENS, SIDE = 4, 2, 64, 224


@cache
def seconds_per_sample(name: str, modality: str) -> float:
    """Seconds that a frozen encoder takes for a text of 64 tokens, or for an image of its own size.

    Measured once per process, by a few samples.

    Args:
        name: folder of the model, or its name on the hub.
        modality: `"text"` or `"image"`.

    Raises:
        ConfigError: there is no such model, or it has another modality.
    """
    config = read_config(find(name), modality)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder = build(BackbonePlan(config, name)).to(device).eval()
    if modality == "text":
        tokens = torch.ones(BATCH, TOKENS, dtype=torch.int64, device=device)
        inputs = {"input_ids": tokens, "attention_mask": tokens}
    else:
        size = config.get("image_size") or SIDE
        height, width = (size, size) if isinstance(size, int) else size
        inputs = {"pixel_values": torch.zeros(BATCH, config.get("num_channels") or 3, height, width, device=device)}
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        with torch.no_grad():
            encoder(**inputs)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - start)
    return min(times) / BATCH
