"""One network that reads a handwritten digit and a short question, names the digit and answers yes or no.

Trains on the 1,797 digits that come with scikit-learn, prints the test scores of both tasks, saves the model, and loads
it in a new process that predicts three rows. Run: `python examples/demo.py`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from digits import ask
from sklearn.datasets import load_digits

import medley as md


def rows() -> tuple[dict, dict, dict, dict]:
    """Images and questions, digits and answers: for training and, every fifth row, for the test."""
    digits: Any = load_digits()
    images, names = digits.images.astype("uint8") * 15, digits.target
    questions, answers = ask(names)
    test = np.arange(len(names)) % 5 == 4

    def part(mask: np.ndarray) -> tuple[dict, dict]:
        index = np.flatnonzero(mask)
        x = {"image": images[index], "question": [questions[i] for i in index]}
        return x, {"digit": names[index], "answer": [answers[i] for i in index]}

    return *part(~test), *part(test)


def train(directory: Path) -> None:
    """Trains, prints the scores, saves."""
    x, y, x_test, y_test = rows()
    auto = md.AutoModel(
        inputs=[md.ImageInput(name="image"), md.TextInput(name="question")],
        outputs=[md.ClassificationHead(name="digit"), md.ClassificationHead(name="answer")],
        max_trials=1,
        time_limit="1m",
        directory=directory,
        project_name="demo-search",
        overwrite=True,
        seed=1,
    )
    auto.fit(x, y)
    print(auto.summary())
    for name, score in auto.export_model().evaluate(x_test, y_test).items():
        print(f"test {name:16} {score:.4f}")
    print("saved to", auto.export_model().save(directory / "demo-model"))


def predict(directory: Path) -> None:
    """Loads the model and predicts the first three test rows."""
    model = md.load(directory / "demo-model")
    _, _, x, y = rows()
    examples = {"image": x["image"][:3], "question": x["question"][:3]}
    labels, probabilities = model.predict(examples), model.predict_proba(examples)
    for i in range(3):
        print(
            f"image of a {y['digit'][i]}: {labels['digit'][i]} ({probabilities['digit'][i].max():.0%});  "
            f"{examples['question'][i]}? {labels['answer'][i]} ({probabilities['answer'][i].max():.0%})"
        )


def main() -> None:
    """Trains, then predicts in a new process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predict", action="store_true", help="only load the saved model and predict three rows")
    parser.add_argument("--directory", type=Path, default=Path("build"), help="folder of the model")
    arguments = parser.parse_args()
    if arguments.predict:
        predict(arguments.directory)
        return
    train(arguments.directory)
    subprocess.run([sys.executable, __file__, "--predict", "--directory", str(arguments.directory)], check=True)


if __name__ == "__main__":
    main()
