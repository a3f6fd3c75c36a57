"""MNIST with a question: name the digit, and answer whether it is lower or upper half, even or odd.

--exact trains one small network whose arguments are all set. Without it, the network is searched.
Run: `python examples/digits_question.py --data FOLDER [--exact] [--minutes 15]`
"""

from __future__ import annotations

import tempfile
from time import monotonic

import numpy as np
from digits import arguments, ask, read_mnist

import medley as md

LOSS_WEIGHTS = (0.5, 0.6)


def rows(folder: str, part: str) -> tuple[list, list]:
    """[images, questions], [digits, answers]."""
    images, digits = read_mnist(folder, part)
    questions, answers = ask(digits)
    return [images, questions], [digits, answers]


def exact(directory: str, seed: int = 0) -> md.AutoModel:
    """Question: embedding 8x4, LSTM 8; image: flat pixels; concatenated, dense 25, softmax 10 and sigmoid 1."""
    image, question = md.ImageInput(name="image"), md.TextInput(name="question")
    pixels = md.Flatten()(md.Normalization(axis=None)(image))
    words = md.Embedding(embedding_dim=4, dropout=0)(question)
    sentence = md.RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=8)(words)
    joined = md.Merge(merge_type="concatenate")([sentence, pixels])
    dense = md.DenseBlock(num_layers=1, num_units=25, use_batchnorm=False, dropout=0)(joined)
    heads = [md.ClassificationHead(name=name, dropout=0)(dense) for name in ("digit", "answer")]
    return md.AutoModel(
        [image, question],
        heads,
        max_trials=1,
        loss_weights=LOSS_WEIGHTS,
        training=md.Training(
            optimizer="adam", learning_rate=1e-3, weight_decay=0, schedule="constant", clip=0, patience=0
        ),
        directory=directory,
        project_name="exact",
        overwrite=True,
        seed=seed,
    )


def searched(directory: str, minutes: float, seed: int = 0) -> md.AutoModel:
    """Default encoders, searched within a time limit."""
    return md.AutoModel(
        [md.ImageInput(name="image"), md.TextInput(name="question")],
        [md.ClassificationHead(name="digit"), md.ClassificationHead(name="answer")],
        max_trials=10,
        loss_weights=LOSS_WEIGHTS,
        time_limit=60 * minutes,
        directory=directory,
        project_name="searched",
        overwrite=True,
        seed=seed,
    )


def main() -> None:
    """Trains on the 60,000 training rows and prints the scores on the 10,000 test rows."""
    parser = arguments(__doc__)
    parser.add_argument("--exact", action="store_true", help="train the small network instead of a search")
    parser.add_argument("--minutes", type=float, default=15, help="time limit of the search")
    parser.add_argument("--verbose", type=int, default=2)
    options = parser.parse_args()
    (x, y), (x_test, y_test) = rows(options.data, "train"), rows(options.data, "test")
    start = monotonic()
    with tempfile.TemporaryDirectory() as directory:
        if options.exact:
            auto = exact(directory)
            auto.fit(x, y, epochs=20, batch_size=64, validation_split=1 / 12, verbose=options.verbose)
        else:
            auto = searched(directory, options.minutes)
            auto.fit(x, y, validation_split=1 / 12, verbose=options.verbose)
        print(auto.summary())
        print(f"{monotonic() - start:.0f} s")
        for name, score in auto.evaluate(x_test, y_test, return_dict=True).items():
            print(f"test {name:16} {score:.4f}")
        digit = auto.predict(x_test)[0]
        print(f"{np.sum(digit != y_test[0])} of {len(digit):,} digits misread")


if __name__ == "__main__":
    main()
