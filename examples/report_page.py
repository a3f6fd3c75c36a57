"""Write the report of a model of digits and questions, and take the screenshots of the documentation.

Data are the digits that come with scikit-learn. Screenshots need playwright and an installed Chromium; without them,
only the report is written.
Run: `python examples/report_page.py [--out docs/images] [--page report.html] [--seconds 60]`, or `make screenshots`
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from digits import ask
from PIL import Image
from sklearn.datasets import load_digits

import medley as md

TEST_ROWS = 360
SHOTS = {
    "report.png": ("light", 1180, "header, nav, #summary, #target-1"),
    "report-numbers.png": ("dark", 1180, "#target-3, #importance"),
    "report-examples.png": ("light", 1180, "#examples"),
    "report-reasons.png": ("light", 1180, "#reasons"),
    "report-narrow.png": ("dark", 360, "header, nav, #summary"),
}
"""File -> colours, width of the window, and the parts of the page that are shown, the first at the top."""

MOST_PIXELS = 1_500
"""Height of a screenshot."""


def rows() -> dict[str, Any]:
    """Images of digits, questions about them, and a measurement; three targets: digit, answer, amount of ink."""
    digits: Any = load_digits()
    questions, answers = ask(digits.target)
    ink = digits.images.sum((1, 2))
    return {
        "image": list((digits.images * 15).astype("uint8")),
        "question": questions,
        "ink of the upper half": digits.images[:, :4].sum((1, 2)),
        "digit": [str(digit) for digit in digits.target],
        "answer": [str(answer) for answer in answers],
        "ink": ink + np.random.default_rng(0).normal(0, 5, len(ink)),
    }


def train(table: dict[str, Any], seconds: float) -> md.Model:
    """Search within a time limit."""
    targets = ["digit", "answer", "ink"]
    kinds = {"question": "text", "ink": "number"}
    return md.fit(table, targets, column_kinds=kinds, time_limit=seconds, max_trials=12, pretrained=None, verbose=0)


def take(table: dict[str, Any], index: slice) -> dict[str, Any]:
    """Some rows of every column."""
    return {name: values[index] for name, values in table.items()}


def screenshots(page: Path, out: Path, browser: str) -> None:
    """Take all screenshots.

    Args:
        page: the report.
        out: folder of the images.
        browser: path of Chromium.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for name, (colours, width, selector) in SHOTS.items():
            scheme: Any = colours
            tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            tab.goto(page.absolute().as_uri())
            tab.add_style_tag(content="nav { position: static !important }")
            boxes = [box for part in tab.query_selector_all(selector) if (box := part.bounding_box())]
            top, bottom = min(box["y"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
            clip: Any = {"x": 0, "y": top, "width": width, "height": min(bottom - top, MOST_PIXELS)}
            save(tab.screenshot(full_page=True, clip=clip), out / name)
        chromium.close()


def save(data: bytes, path: Path) -> None:
    """Write a PNG of 200 colours, which is a third of the size of full colour."""
    colours = Image.open(io.BytesIO(data)).convert("RGB")
    colours.quantize(200, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(path)


def main() -> None:
    """Train, write the report, take screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder of the screenshots")
    parser.add_argument("--page", type=Path, default=Path("build/report.html"), help="where the report is written")
    parser.add_argument("--seconds", type=float, default=60, help="time limit of the training")
    options = parser.parse_args()
    table = rows()
    model = train(take(table, slice(TEST_ROWS, None)), options.seconds)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    page = model.report(options.page, take(table, slice(TEST_ROWS)))
    print(page)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("no Chromium is installed, so no screenshot is taken")
        return
    screenshots(page, options.out, browser)


if __name__ == "__main__":
    main()
