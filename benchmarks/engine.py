"""A steady epoch of medley's engine against the best loop we can write by hand, on a network so small that it shows.

The network is `examples/digits_question.py --exact`: embedding 8x4 -> LSTM 8 for a question of two words, 28x28 pixels
flattened, joined, dense 25 relu, softmax 10 and sigmoid 1, Adam, losses .5/.6, batch 64. By hand: tensors in memory,
standardised once, fused Adam, no metrics, no masks, no records. medley: everything on. Both on one thread, epochs in
turn, so that a noisy machine disturbs both alike; the figure is the ratio of medians.

Run: `python benchmarks/engine.py [--rows 60000] [--epochs 5]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from digits import ask
from digits_question import LOSS_WEIGHTS, exact

from medley.auto.training_rows import match_rows
from medley.balance.choose import balancer
from medley.core.resolve import take_default
from medley.graph.network import Network
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.search_spec import SearchSpec, resolved
from medley.train.eager import EagerStepper
from medley.train.epoch_plan import EpochPlan
from medley.train.loop import train

BATCH = 64


class ByHand(nn.Module):
    """The same network in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(8, 4, padding_idx=0)
        self.lstm = nn.LSTM(4, 8, batch_first=True)
        self.dense = nn.Linear(784 + 8, 25)
        self.digit = nn.Linear(25, 10)
        self.answer = nn.Linear(25, 1)

    def forward(self, pixels: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 784), (B, 2) -> (B, 10), (B, 1)."""
        asked = self.lstm(self.embedding(words))[0][:, -1]
        hidden = torch.relu(self.dense(torch.cat([asked, pixels], 1)))
        return self.digit(hidden), self.answer(hidden)


def by_hand(images: np.ndarray, words: np.ndarray, digits: np.ndarray, answers: np.ndarray) -> Iterator[float]:
    """Trains for ever; yields the seconds of each epoch."""
    torch.manual_seed(0)
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype("float32"))
    pixels = (pixels - pixels.mean()) / pixels.std()
    asked, digit = torch.from_numpy(words), torch.from_numpy(digits.astype("int64"))
    answer = torch.from_numpy(answers.astype("float32"))
    network = ByHand()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    while True:
        began = perf_counter()
        for index in torch.randperm(len(pixels)).split(BATCH):
            raw_digit, raw_answer = network(pixels[index], asked[index])
            loss = LOSS_WEIGHTS[0] * nn.functional.cross_entropy(raw_digit, digit[index])
            loss = loss + LOSS_WEIGHTS[1] * nn.functional.binary_cross_entropy_with_logits(
                raw_answer.squeeze(1), answer[index]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield perf_counter() - began


def by_medley(images: np.ndarray, questions: list[str], digits: np.ndarray, answers: list[str]) -> Iterator[float]:
    """Trains through medley's own loop for ever; yields the seconds of each epoch."""
    auto = exact(tempfile.mkdtemp())
    rows = match_rows(auto.graph, [images, questions], [digits, answers], None)
    heads = auto.graph.heads
    data = Encodings(rows, None, {name: head.codec() for name, head in heads.items()}, torch.device("cpu"))
    graph, plan = resolved(SearchSpec(auto.graph, data, auto.training, LOSS_WEIGHTS, lambda flat: 0.0, 0), take_default)
    sources = data.sources(graph)
    torch.manual_seed(0)
    network = Network(graph, {source.name: source.codec.spec for source in sources}, data.targets)
    tasks, encoded = tasks_of(graph, data.targets), data.rows(graph)[0]
    network.adapt(encoded.slice(0, 8_192))
    network.train()
    balance = balancer(LOSS_WEIGHTS, list(heads))
    stepper = EagerStepper(network, tasks, balance, plan, None)
    weights = dict(zip(heads, LOSS_WEIGHTS, strict=True))
    records = train(
        stepper,
        encoded,
        tasks,
        weights,
        plan=EpochPlan(1_000),
        batch_size=BATCH,
        shuffle=torch.Generator().manual_seed(0),
        validate=dict,
        clock=lambda share: share,
        on_step=lambda: None,
    )
    for record in records:
        yield record.seconds


def main() -> None:
    """Prints both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=5, help="timed epochs of each; one more warms up")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (arguments.rows, 28, 28), dtype=np.uint8)
    digits = rng.integers(0, 10, arguments.rows)
    questions, answers = ask(digits)
    words = np.array([[2, 3], [4, 3], [5, 6], [7, 6]])[np.arange(arguments.rows) % 4]
    hand = by_hand(images, words, digits, np.array([answer == "yes" for answer in answers]))
    ours = by_medley(images, questions, digits, answers)
    pairs = [(next(ours), next(hand)) for _ in range(arguments.epochs + 1)][1:]
    mine, theirs = (median(seconds) for seconds in zip(*pairs, strict=True))
    for a, b in pairs:
        print(f"epoch: medley {a:.2f} s, by hand {b:.2f} s, ratio {a / b:.2f}")
    print(f"median: medley {mine:.2f} s, by hand {theirs:.2f} s, ratio {mine / theirs:.2f} (at most 1.30 is wanted)")


if __name__ == "__main__":
    main()
