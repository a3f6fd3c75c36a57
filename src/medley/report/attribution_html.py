"""Attributions as HTML: bars of columns, highlighted words, heat maps of images, steps of recordings and series."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from medley.core.registry import register
from medley.model.attribution import Attribution, Part
from medley.report.render import environment

MORE, LESS = (11, 107, 203), (194, 65, 12)
"""Colours of what adds to an output and what takes from it: apart for colour-blind readers, too."""

MOST_BARS = 40
MOST_STEPS = 320
MATTERS = 0.1
"""Words and pixels that add less than this fraction of the largest part are coloured faintly."""
LARGEST_IMAGE = 224


@register("report.attribution_html")
def attribution_html(attribution: Attribution) -> str:
    """An element for notebooks."""
    return _render([attribution], page="")


def attribution_page(items: Sequence[Attribution], title: str) -> str:
    """A page that needs nothing else.

    Args:
        items: attributions of rows and targets.
        title: of the page.
    """
    return _render(items, page=title)


def _render(items: Sequence[Attribution], page: str) -> str:
    template = environment().get_template("attribution.html.j2")
    return template.render(page=page, items=[attribution_view(item) for item in items])


def attribution_view(item: Attribution, most_bars: int = MOST_BARS) -> dict[str, Any]:
    """What the template shows of one attribution, as JSON.

    Args:
        item: of one row and target.
        most_bars: number of columns that are shown.
    """
    ranked = item.ranked
    largest = max((abs(part.amount) for part in ranked), default=0.0) or 1.0
    parts = list(item.parts)
    return {
        "row": item.row,
        "target": item.target,
        "title": headline(item),
        "output": number(item.output),
        "reference": number(item.reference),
        "compared": "on average for the rows that it is compared with",
        "bars": [_bar(part, largest) for part in ranked[:most_bars]],
        "texts": [{"column": part.column, "words": _words(part, largest)} for part in parts if part.words],
        "images": [
            {"column": part.column if len(uris) == 1 else f"{part.column} {place + 1}", "uri": uri}
            for part in parts
            for uris in [_heat_images(part, largest)]
            for place, uri in enumerate(uris)
        ],
        "curves": [
            {"column": part.column, "steps": _steps(part.heat)}
            for part in parts
            if part.heat is not None and part.shown is None
        ],
    }


def headline(item: Attribution) -> str:
    """What is explained: "probability of breed = old", or "price"."""
    return item.target if item.label is None else f"probability of {item.target} = {item.label}"


def number(value: float) -> str:
    """A number with four significant digits.

    >>> number(0.123456), number(123456.0), number(float("nan"))
    ('0.1235', '123,456', '')
    """
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _fixed(value: float, largest: float) -> str:
    """A number with as many decimals as the largest of its column needs for four digits.

    >>> _fixed(0.21871, 0.21871), _fixed(1.8e-07, 0.625), _fixed(51.26, 12345.6), _fixed(float("nan"), 1.0)
    ('0.2187', '0.0000', '51', '')
    """
    if value != value:
        return ""
    return f"{value:,.{min(max(3 - math.floor(math.log10(largest)), 0), 12)}f}"


def _bar(part: Part, largest: float) -> dict[str, Any]:
    width = abs(part.amount) / largest * 50
    return {
        "column": part.column,
        "cell": part.cell,
        "is_more": part.amount >= 0,
        "left": round(50 if part.amount >= 0 else 50 - width, 2),
        "width": round(width, 2),
        "amount": f"{'+' if part.amount >= 0 else '-'}{_fixed(abs(part.amount), largest)}",
        "error": _fixed(part.error, largest),
    }


def _weight(amounts: np.ndarray, largest: float) -> float:
    """How strongly the words or pixels of a part are coloured: less, if they hardly matter beside other parts.

    >>> _weight(np.array([0.2, -0.1]), 1.0), _weight(np.array([0.01, 0.0]), 1.0)
    (1.0, 0.1)
    """
    return min(1.0, float(np.abs(amounts).sum()) / (MATTERS * largest))


def _words(part: Part, largest_part: float) -> list[dict[str, Any]]:
    weight = _weight(np.array([word.amount for word in part.words]), largest_part)
    largest = max(abs(word.amount) for word in part.words) or 1.0
    return [
        {
            "text": word.text,
            "amount": f"{word.amount:+.4g}",
            "colour": " ".join(map(str, MORE if word.amount >= 0 else LESS)),
            "opacity": round(0.75 * weight * abs(word.amount) / largest, 3),
        }
        for word in part.words
    ]


def _heat_images(part: Part, largest_part: float) -> list[str]:
    """A PNG per image, as data URIs: the image in grey, and in colour what its pixels added."""
    if part.heat is None or part.shown is None:
        return []
    from PIL import Image

    weight = _weight(part.heat, largest_part)
    heats, images = (part.heat, part.shown) if part.heat.ndim == 3 else (part.heat[None], part.shown[None])
    heats = np.stack([_smoothed(heat) for heat in heats])
    largest = float(np.quantile(np.abs(heats), 0.995)) or 1.0
    uris = []
    for heat, pixels in zip(heats, images, strict=True):
        if not pixels.any():  # an empty position of a set of images
            continue
        strength = weight * np.clip(np.abs(heat) / largest, 0, 1)[..., None]
        colour = np.where((heat >= 0)[..., None], np.array(MORE), np.array(LESS))
        grey = 120 + 0.5 * pixels.mean(axis=-1, keepdims=True)
        blended = Image.fromarray((grey * (1 - strength) + colour * strength).round().astype(np.uint8))
        scale = LARGEST_IMAGE / max(blended.size)
        blended = blended.resize([max(1, round(side * scale)) for side in blended.size], Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        blended.save(buffer, "PNG")
        uris.append(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}")
    return uris


def _smoothed(heat: np.ndarray) -> np.ndarray:
    """The mean of 3 x 3 neighbours: strides of convolutions leave a pattern of points that distracts."""
    height, width = heat.shape
    padded = np.pad(heat, 1, mode="edge")
    return sum((padded[y : y + height, x : x + width] for y in range(3) for x in range(3)), np.zeros_like(heat)) / 9


def _steps(heat: np.ndarray) -> list[dict[str, Any]]:
    curve = heat.reshape(len(heat), -1).sum(axis=1)
    if len(curve) > MOST_STEPS:  # neighbouring steps together: their sum stays the same
        curve = np.array([part.sum() for part in np.array_split(curve, MOST_STEPS)])
    largest, width = float(np.abs(curve).max()) or 1.0, 640 / len(curve)
    steps = []
    for place, amount in enumerate(curve.tolist()):
        height = abs(amount) / largest * 58
        steps.append(
            {
                "x": round(place * width, 2),
                "y": round(60 - height if amount >= 0 else 60, 2),
                "width": round(max(width - 0.3, 0.5), 2),
                "height": round(height, 2),
                "tone": "more" if amount >= 0 else "less",
            }
        )
    return steps
