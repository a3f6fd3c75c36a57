"""Attributions of pixels and steps: gradients integrated from the encoded input of another row to that of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.spec import Spec
from medley.graph.network import Network
from medley.report.explained_output import ExplainedOutput

BATCH_SIZE = 128


def has_gradient(spec: Spec) -> bool:
    """Whether attributions of single pixels or steps exist: of maps, sequences and vectors of numbers.

    >>> has_gradient(Spec((3, 8, 8), "CHW", "uint8")), has_gradient(Spec((20,), "T", "int64"))
    (True, False)
    """
    return spec.dtype != "int64" and not spec.columns and not spec.linear_outputs and spec.size > 1


def integrated_gradients(
    network: Network,
    encoded: Mapping[str, Encoded],
    source: str,
    baselines: np.ndarray,
    head: str,
    output: ExplainedOutput,
    steps: int,
    device: torch.device,
) -> np.ndarray:
    """What each number of a source adds to an output, for P rows, by Gauss and Legendre's quadrature.

    Source: M. Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017; with other rows as baselines:
    G. Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and expected
    gradients", Nature Machine Intelligence 3 (2021).

    Args:
        network: in evaluation mode.
        encoded: source name -> P encoded rows, without results of layers that read `source`.
        source: to attribute to.
        baselines: (P, ...) its values at which the paths begin.
        head: whose output is explained.
        output: of that head.
        steps: of the integral.
        device: of the network.

    Returns:
        (P, ...) float64, in the shape of the encoded source.
    """
    rows = Rows(encoded, device=device)
    inputs = torch.as_tensor(encoded[source].array, device=device).float()
    starts = torch.as_tensor(baselines, device=device).float()
    nodes, widths = np.polynomial.legendre.leggauss(steps)  # on -1 to 1
    along = torch.as_tensor((nodes + 1) / 2, device=device).float().repeat(len(inputs))
    weights = torch.as_tensor(widths / 2, device=device).float().repeat(len(inputs))
    index = torch.arange(len(inputs), device=device).repeat_interleave(steps)
    gradients = torch.zeros_like(inputs)
    network.eval()
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # its recurrent layers need training mode
        for points in torch.arange(len(index), device=device).split(BATCH_SIZE):
            places, shape = index[points], (-1, *[1] * (inputs.ndim - 1))
            values = torch.lerp(starts[places], inputs[places], along[points].reshape(shape)).requires_grad_()
            batch = rows.take(places.cpu())
            outputs = network(replace(batch, inputs={**batch.inputs, source: values}))[head]
            total = output.tensor(outputs.float()).sum()
            # A head that does not read the source has no gradient.
            gradient = torch.autograd.grad(total, values, allow_unused=True)[0] if total.requires_grad else None
            if gradient is not None:
                gradients.index_add_(0, places, gradient * weights[points].reshape(shape))
    return ((inputs - starts) * gradients).cpu().double().numpy()


def located(amounts: np.ndarray, spec: Spec) -> np.ndarray:
    """The mean over P rows, summed over channels and features: (H, W), (S, H, W), (T,) or (D,)."""
    mean = amounts.mean(axis=0)
    summed = tuple(place for place, axis in enumerate(spec.axes) if axis in "CZ" or (axis == "D" and spec.rank > 1))
    return mean.sum(axis=summed)


def flat_baseline(array: np.ndarray, spec: Spec) -> np.ndarray:
    """What stands for a source that is absent: an image of one colour, its mean; else zeros.

    Args:
        array: (P, ...) encoded rows.
        spec: of a row.
    """
    if "H" not in spec.axes:
        return np.zeros_like(array, dtype=np.float32)
    axes = tuple(place for place, axis in enumerate(spec.axes, start=1) if axis in "ZHW")
    return np.broadcast_to(array.mean(axis=axes, keepdims=True), array.shape).astype(np.float32)


def image_of(array: np.ndarray, spec: Spec) -> np.ndarray | None:
    """The image (H, W, 3) or images (S, H, W, 3) uint8 of an encoded row; None if it is none."""
    if spec.axes not in ("CHW", "SCHW"):
        return None
    pixels = np.moveaxis(np.asarray(array, np.float32), -3, -1)
    if array.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (pixels - low) / max(high - low, 1e-12) * 255
    pixels = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    return pixels.round().astype(np.uint8)
