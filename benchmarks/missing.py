"""What rows with gaps are worth: training on all of them against training on the complete rows alone.

MNIST with a question (as in `examples/digits_question.py`): 30 % of the images and 30 % of the questions are taken
away at random, and half of each task's labels. medley trains on everything in one call; the rival is medley on the
rows that have both inputs and both labels, for as many steps. Both are tested on the same rows: complete ones, and
ones with the same gaps.

Run: `python benchmarks/missing.py --data FOLDER [--rows 20000]`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from digits import arguments, ask, read_mnist

import medley as md

STEPS = 4_000
BATCH = 64


def with_gaps(images: np.ndarray, digits: np.ndarray, rng: np.random.Generator) -> tuple[list, list, np.ndarray]:
    """[images, questions] and [digits, answers] with None where something is missing; which rows lack nothing."""
    questions, answers = ask(digits)
    rows = len(digits)
    lacks = {name: rng.random(rows) < share for name, share in (("p", 0.3), ("q", 0.3), ("d", 0.5), ("a", 0.5))}
    x = [
        [None if gap else image for image, gap in zip(images, lacks["p"], strict=True)],
        [None if gap else search_spec for search_spec, gap in zip(questions, lacks["q"], strict=True)],
    ]
    y = [
        [None if gap else int(digit) for digit, gap in zip(digits, lacks["d"], strict=True)],
        [None if gap else answer for answer, gap in zip(answers, lacks["a"], strict=True)],
    ]
    return x, y, ~np.logical_or.reduce(list(lacks.values()))


def train(x: list, y: list) -> md.Model:
    """The default network, trained for the same number of steps whatever the number of rows."""
    rows = len(y[0])
    with tempfile.TemporaryDirectory() as directory:
        auto = md.AutoModel(
            [md.ImageInput(), md.TextInput()],
            [md.ClassificationHead(name="digit"), md.ClassificationHead(name="answer")],
            max_trials=1,
            directory=directory,
            seed=0,
        )
        epochs = max(1, round(STEPS * BATCH / (0.9 * rows)))
        auto.fit(x, y, epochs=epochs, batch_size=BATCH, validation_split=0.1, verbose=0)
        return auto.export_model()


def main() -> None:
    """Prints the test scores of both trainings."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="training rows, gaps included")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    images, digits = read_mnist(options.data, "train")
    chosen = rng.permutation(len(digits))[: options.rows]
    x, y, complete = with_gaps(images[chosen], digits[chosen], rng)
    test_images, test_digits = read_mnist(options.data, "test")
    test_questions, test_answers = ask(test_digits)
    tests = {
        "complete": ([test_images, test_questions], [test_digits, test_answers]),
        "with gaps": with_gaps(test_images, test_digits, rng)[:2],
    }
    complete_rows = np.flatnonzero(complete)
    few = [[column[i] for i in complete_rows] for column in x], [[column[i] for i in complete_rows] for column in y]
    print(f"{options.rows:,} rows, of which {len(complete_rows):,} lack nothing; {STEPS:,} steps of {BATCH} rows each")
    for name, (rows_x, rows_y) in {"all rows, gaps and all": (x, y), "complete rows alone": few}.items():
        model = train(rows_x, rows_y)
        for test, (test_x, test_y) in tests.items():
            scores = model.evaluate(test_x, test_y)
            accuracies = ", ".join(f"{task} {scores[f'{task}_accuracy']:.4f}" for task in ("digit", "answer"))
            print(f"{name:24} tested on {test:10} rows: accuracy {accuracies}")


if __name__ == "__main__":
    main()
