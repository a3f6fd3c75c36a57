"""Handwritten digits for the examples: reads MNIST, and asks questions about digits."""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np

QUESTIONS = ("lower half", "upper half", "even number", "odd number")

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def read_mnist(folder: str | Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) uint8 and digits (N,) of MNIST's `"train"` or `"test"` part.

    Args:
        folder: contains the four gzipped idx files under their usual names.
        part: `"train"` or `"test"`.
    """
    paths = [Path(folder) / name for name in FILES[part]]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        sys.exit(f"Not found: {', '.join(missing)}. Pass the folder with MNIST's four .gz files: --data FOLDER")
    images, digits = (gzip.decompress(path.read_bytes()) for path in paths)
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(digits, np.uint8, offset=8)


def ask(digits: np.ndarray) -> tuple[list[str], list[str]]:
    """Asks question i % 4 about row i; returns the questions and the answers, "yes" or "no".

    >>> ask(np.array([3, 3, 3, 3]))[1]
    ['yes', 'no', 'no', 'yes']
    """
    truth = (digits < 5, digits >= 5, digits % 2 == 0, digits % 2 == 1)
    questions = [QUESTIONS[i % 4] for i in range(len(digits))]
    return questions, ["yes" if truth[i % 4][i] else "no" for i in range(len(digits))]


def arguments(text: str | None) -> argparse.ArgumentParser:
    """A parser with the option `--data`, the folder of MNIST."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with MNIST's four .gz files")
    return parser
