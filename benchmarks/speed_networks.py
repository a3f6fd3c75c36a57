"""The work of `benchmarks/speed.py`: the same rows and networks for the loops written by hand and for medley."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from digits import ask

import medley as md

BATCH = 64
WORDS = 20


class DigitsNetwork(nn.Module):
    """(a) Embedding 8x4 -> LSTM 8 for a question of two words, joined with 784 pixels, dense 25; 10 + 1 outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(8, 4, padding_idx=0)
        self.lstm = nn.LSTM(4, 8, batch_first=True)
        self.dense = nn.Linear(784 + 8, 25)
        self.first, self.second = nn.Linear(25, 10), nn.Linear(25, 1)

    def forward(self, pixels: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 784), (B, 2) -> (B, 10), (B, 1)."""
        asked = self.lstm(self.embedding(words))[0][:, -1]
        hidden = torch.relu(self.dense(torch.cat([asked, pixels], 1)))
        return self.first(hidden), self.second(hidden)


def convolutions() -> nn.Module:
    """Three convolutions of 3x3 and pooling: (B, 3, 32, 32) -> (B, 64)."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class ImageTableNetwork(nn.Module):
    """(b) Three convolutions for an image, dense 32 for ten numbers, joined; 10 + 1 outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.image = convolutions()
        self.table = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.first, self.second = nn.Linear(96, 10), nn.Linear(96, 1)

    def forward(self, image: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 32, 32) from 0 to 1, (B, 10) -> (B, 10), (B, 1)."""
        joined = torch.cat([self.image(image), self.table(table)], 1)
        return self.first(joined), self.second(joined)


class _MeanOverWords(nn.Module):
    """Mean of word vectors: (B, T, D) -> (B, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


class TextTableNetwork(nn.Module):
    """(c) Mean of word vectors of 32, dense 32 for ten numbers, joined, dense 64; 10 + 1 outputs."""

    def __init__(self, words: int = 2_000) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 32, padding_idx=0)
        self.table = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.dense = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.first, self.second = nn.Linear(64, 10), nn.Linear(64, 1)

    def forward(self, words: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T), (B, 10) -> (B, 10), (B, 1)."""
        hidden = self.dense(torch.cat([self.words(words).mean(1), self.table(table)], 1))
        return self.first(hidden), self.second(hidden)


@dataclass(frozen=True)
class Work:
    """One piece of work.

    Args:
        rows: number of rows -> the inputs of the network by hand, the inputs of medley, classes, answers (0 or 1).
        network: by hand.
        graph: inputs and heads of medley, with the same layers.
    """

    rows: Callable[[int], tuple[list[np.ndarray], list[Any], np.ndarray, np.ndarray]]
    network: Callable[[], nn.Module]
    graph: Callable[[], tuple[list[Any], list[Any]]]


def digits_rows(count: int) -> tuple[list[np.ndarray], list[Any], np.ndarray, np.ndarray]:
    """Random pixels, and questions about random digits."""
    rng = np.random.default_rng(0)
    images, digits = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), rng.integers(0, 10, count)
    questions, answers = ask(digits)
    words = np.array([[2, 3], [4, 3], [5, 6], [7, 6]])[np.arange(count) % 4]
    pixels = images.reshape(count, -1).astype("float32")
    pixels = (pixels - pixels.mean()) / pixels.std()
    return [pixels, words], [images, questions], digits, np.array([answer == "yes" for answer in answers])


def digits_graph() -> tuple[list[Any], list[Any]]:
    """(a) in medley."""
    image, question = md.ImageInput(name="image"), md.TextInput(name="question")
    pixels = md.Flatten()(md.Normalization(axis=None)(image))
    words = md.Embedding(embedding_dim=4, dropout=0)(question)
    asked = md.RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=8)(words)
    joined = md.Merge(merge_type="concatenate")([asked, pixels])
    return [image, question], _heads(md.DenseBlock(num_layers=1, num_units=25, use_batchnorm=False, dropout=0)(joined))


def _numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, 10)).astype("float32")


def image_rows(count: int) -> tuple[list[np.ndarray], list[Any], np.ndarray, np.ndarray]:
    """Random colour images of 32 pixels, and ten numbers."""
    rng = np.random.default_rng(0)
    images, table = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), _numbers(rng, count)
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return [channels_first, table], [images, table], rng.integers(0, 10, count), rng.random(count) < 0.5


def image_graph() -> tuple[list[Any], list[Any]]:
    """(b) in medley."""
    image, table = md.ImageInput(name="image"), md.Input(name="table")
    dense = md.DenseBlock(num_layers=1, num_units=32, use_batchnorm=False, dropout=0)(table)
    joined = md.Merge(merge_type="concatenate")([md.TorchBlock(convolutions)(image), dense])
    return [image, table], _heads(joined)


def text_rows(count: int) -> tuple[list[np.ndarray], list[Any], np.ndarray, np.ndarray]:
    """Texts of 20 random words of 2,000, and ten numbers."""
    rng = np.random.default_rng(0)
    ids, table = rng.integers(2, 2_000, (count, WORDS)), _numbers(rng, count)
    texts = [" ".join(f"w{number}" for number in row) for row in ids]
    return [ids, table], [texts, table], rng.integers(0, 10, count), rng.random(count) < 0.5


def text_graph() -> tuple[list[Any], list[Any]]:
    """(c) in medley."""
    text, table = md.TextInput(name="text"), md.Input(name="table")
    words = md.TorchBlock(_MeanOverWords)(md.Embedding(embedding_dim=32, dropout=0)(text))
    dense = md.DenseBlock(num_layers=1, num_units=32, use_batchnorm=False, dropout=0)(table)
    joined = md.Merge(merge_type="concatenate")([words, dense])
    return [text, table], _heads(md.DenseBlock(num_layers=1, num_units=64, use_batchnorm=False, dropout=0)(joined))


def _heads(node: Any) -> list[Any]:
    return [md.ClassificationHead(name=name, dropout=0)(node) for name in ("first", "second")]


WORK = {
    "a": Work(digits_rows, DigitsNetwork, digits_graph),
    "b": Work(image_rows, ImageTableNetwork, image_graph),
    "c": Work(text_rows, TextTableNetwork, text_graph),
}
