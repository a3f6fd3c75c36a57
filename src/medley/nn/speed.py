"""How fast this machine trains."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
from torch import nn

from medley.nn.compact import CompactConvs

SIDE, BATCH, STEPS = 48, 64, 8


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 faster than float32: small networks of images train twice as fast then."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(check() for check in (getattr(torch.cpu, name, None) for name in names) if check is not None)


@cache
def seconds_per_image() -> float:
    """Seconds that a training step of a small convolutional network takes for an image of 48 x 48 pixels.

    Measured once per process, by a few steps on a network of its own; the random state of torch is left as it was.
    """
    state = torch.get_rng_state()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = nn.Sequential(CompactConvs(3, [24, 48, 96, 96]), nn.Linear(192, 8)).to(device)
    images = torch.rand(BATCH, 3, SIDE, SIDE, device=device)
    times = []
    for _ in range(STEPS):
        began = perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or has_bfloat16()):
            loss = network(images).float().square().mean()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - began)
    torch.set_rng_state(state)
    return min(times) / BATCH
