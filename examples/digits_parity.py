"""MNIST: the digit and whether it is odd, from one shared trunk; alpha weights the two losses.

Three dense layers (128, 64, 10, ReLU) are shared by two linear heads with 10 and 1 outputs.
Run: `python examples/digits_parity.py --data FOLDER [--alpha 0.5]`
"""

from __future__ import annotations

import tempfile
from time import monotonic

import numpy as np
from digits import arguments, read_mnist

import medley as md


def build(directory: str, alpha: float, seed: int = 0) -> md.AutoModel:
    """The network, its loss (1 - alpha) * digit + alpha * odd, and Adam at 0.01."""
    image = md.ImageInput(name="image")
    trunk = md.DenseBlock(num_units=(128, 64, 10), use_batchnorm=False, dropout=0)(image)
    heads = [md.ClassificationHead(name=name, dropout=0)(trunk) for name in ("digit", "odd")]
    return md.AutoModel(
        image,
        heads,
        max_trials=1,
        loss_weights=[1 - alpha, alpha],
        training=md.Training(
            optimizer="adam", learning_rate=0.01, weight_decay=0, schedule="constant", clip=0, patience=0
        ),
        directory=directory,
        project_name="parity",
        overwrite=True,
        seed=seed,
    )


def as_text(image: np.ndarray) -> str:
    """An image (H, W) uint8 as characters."""
    return "\n".join("".join(" .:-=+*#%@"[value * 10 // 256] for value in row.tolist()) for row in image[::2])


def main() -> None:
    """Trains for five epochs, prints both accuracies after each, and predicts one random image."""
    parser = arguments(__doc__)
    parser.add_argument("--alpha", type=float, default=0.5, help="weight of the odd-or-even loss, between 0 and 1")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    images, digits = read_mnist(options.data, "train")
    test_images, test_digits = read_mnist(options.data, "test")

    def print_record(record: md.Record) -> None:
        scores = record.flat()
        accuracies = (f"{name} {scores[f'val_{name}_accuracy']:.4f}" for name in ("digit", "odd"))
        print(f"epoch {record.epoch + 1}: accuracy on held-out rows: {', '.join(accuracies)}  ({record.seconds:.1f} s)")

    with tempfile.TemporaryDirectory() as directory:
        auto = build(directory, options.alpha, options.seed)
        start = monotonic()
        auto.fit(
            images,
            [digits, digits % 2 == 1],
            epochs=5,
            batch_size=128,
            validation_split=1 / 12,
            callbacks=[print_record],
            verbose=0,
        )
        print(f"trained in {monotonic() - start:.0f} s")
        for name, score in auto.evaluate(test_images, [test_digits, test_digits % 2 == 1], return_dict=True).items():
            print(f"test {name:16} {score:.4f}")
        index = np.random.default_rng(options.seed).integers(len(test_images))
        digit, odd = auto.predict(test_images[index : index + 1])
        print(as_text(test_images[index]))
        print(f"This is a {digit[0]}, {'odd' if odd[0] else 'even'}; it was written as a {test_digits[index]}.")


if __name__ == "__main__":
    main()
