"""Images for the gallery of the documentation, each drawn from models that this script trains.

Data are the digits and the wines that come with scikit-learn, and tones that are generated here, so nothing is
downloaded. The images are written as PNG files to `docs/images`.
Run: `python examples/gallery.py [--out docs/images] [--epochs 20]`, or `make gallery`
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
from digits import ask
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA

import medley as md

RIGHT, WRONG = "tab:green", "tab:red"
TEST_ROWS = 360


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of 64 colours, which is a third of the size of full colour."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    colours = Image.open(buffer).convert("RGB")
    colours.quantize(64, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def digit_rows() -> tuple[dict[str, Any], dict[str, Any]]:
    """Images of digits with questions about them; digits and answers."""
    digits: Any = load_digits()
    questions, answers = ask(digits.target)
    x = {"image": (digits.images * 15).astype("uint8"), "question": questions}
    return x, {"digit": digits.target, "answer": np.array(answers)}


def part(rows: dict[str, Any], index: slice) -> dict[str, Any]:
    """The same rows of every input or target."""
    return {name: values[index] for name, values in rows.items()}


def train_digits(x: dict[str, Any], y: dict[str, Any], epochs: int) -> md.AutoModel:
    """Search five networks for the digit and the answer."""
    auto = md.AutoModel(
        inputs=[md.ImageInput(name="image"), md.TextInput(name="question")],
        outputs=[md.ClassificationHead(name="digit"), md.ClassificationHead(name="answer")],
        max_trials=5,
        seed=0,
    )
    auto.fit(x, y, epochs=epochs, verbose=0)
    return auto


def draw_predictions(model: md.Model, x: dict[str, Any], y: dict[str, Any]) -> Figure:
    """Test rows with their predictions: the first ten, and the first two whose answer is wrong."""
    answers = model.predict(x)
    probability = model.predict_proba(x)
    wrong = np.flatnonzero(answers["answer"] != y["answer"])[:2]
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    rows = [*range(12 - len(wrong)), *wrong]
    for axes, row in zip(figure.subplots(2, 6).flat, rows, strict=True):
        axes.imshow(x["image"][row], cmap="gray_r")
        axes.set_axis_off()
        is_right = answers["digit"][row] == y["digit"][row] and answers["answer"][row] == y["answer"][row]
        axes.set_title(
            f"{answers['digit'][row]} ({probability['digit'][row].max():.0%})\n"
            f"{x['question'][row]}?\n{answers['answer'][row]} ({probability['answer'][row].max():.0%})",
            color=RIGHT if is_right else WRONG,
            fontsize=9,
        )
    return figure


def draw_missing(model: md.Model, x: dict[str, Any], y: dict[str, Any]) -> Figure:
    """Accuracy of both targets with all inputs, with one of them, and with none."""
    cases = {"both inputs": {}, "image only": {"question": None}, "question only": {"image": None}}
    cases["no input"] = {"image": [None] * len(x["image"]), "question": None}
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for offset, target in ((-0.2, "digit"), (0.2, "answer")):
        scores = [np.mean(model.predict({**x, **case})[target] == y[target]) for case in cases.values()]
        bars = axes.bar(np.arange(len(cases)) + offset, scores, 0.38, label=target)
        axes.bar_label(bars, fmt="{:.2f}")
    axes.set_xticks(range(len(cases)), list(cases))
    axes.set(ylim=(0, 1.15), ylabel="accuracy on test rows")
    axes.legend(loc="upper right", ncols=2)
    return figure


def draw_embedding(model: md.Model, x: dict[str, Any], y: dict[str, Any]) -> Figure:
    """The vectors that the head of the digit reads, projected onto their first two principal components."""
    vectors = model.embed(x)
    points = PCA(2).fit_transform(vectors["digit"] if isinstance(vectors, dict) else vectors)
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    dots = axes.scatter(*points.T, c=y["digit"], cmap="tab10", s=12)
    figure.colorbar(dots, ax=axes, ticks=range(10), label="digit")
    axes.set(xlabel="first component", ylabel="second component")
    return figure


def train_wine(epochs: int) -> tuple[md.Model, Any, Any]:
    """A model of a class and a number; its training rows and test rows."""
    data: Any = load_wine(as_frame=True)
    rows = data.frame.sample(frac=1, random_state=0)
    train, test = rows.iloc[:120], rows.iloc[120:]
    return md.fit(train, ["target", "alcohol"], max_trials=1, epochs=epochs, verbose=0), train, test


def draw_wine(model: md.Model, test: Any) -> Figure:
    """A class and a number, predicted by one model of a table."""
    predictions: Any = model.predict(test)
    right = (predictions["target"] == test["target"]).to_numpy()
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for marker, cultivar in zip("os^", sorted(test["target"].unique()), strict=True):
        member = (test["target"] == cultivar).to_numpy()
        colours = np.where(right[member], RIGHT, WRONG)
        axes.scatter(
            test["alcohol"][member],
            predictions["alcohol"][member],
            c=colours,
            marker=marker,
            label=f"cultivar {cultivar}",
        )
    axes.axline((13, 13), slope=1, color="gray", linewidth=1)
    axes.set(xlabel="alcohol, measured (%)", ylabel="alcohol, predicted (%)")
    axes.set_title(f"cultivar: {right.mean():.0%} of {len(test)} test rows correct", fontsize=10)
    axes.legend()
    return figure


def draw_tones(epochs: int) -> Figure:
    """Waves of generated tones, and the predictions of a model that was trained on others."""
    rng = np.random.default_rng(0)
    rate, names = 8_000, np.array(["rising", "steady", "falling"])
    kinds = rng.integers(0, 3, 240)
    recordings = []
    for kind in kinds:
        time = np.arange(round(rate * rng.uniform(0.3, 0.6))) / rate
        slope = (1 - kind) * rng.uniform(1500, 3000)
        start = rng.uniform(1500, 2000)
        wave = np.sin(2 * np.pi * (start * time + slope * time**2 / 2)) + rng.normal(0, 0.3, len(time))
        recordings.append((wave.astype(np.float32), rate))
    auto = md.AutoModel(md.AudioInput(), md.ClassificationHead(name="slope"), max_trials=1, seed=0)
    auto.fit(recordings[:200], names[kinds[:200]], epochs=epochs, verbose=0)
    predictions: Any = auto.predict(recordings[200:])
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, row in zip(figure.subplots(2, 3, sharey=True).flat, range(6), strict=True):
        axes.specgram(recordings[200 + row][0], NFFT=256, noverlap=192, Fs=rate, cmap="Greys", vmin=-90)
        is_right = predictions[row] == names[kinds[200 + row]]
        axes.set_title(f"predicted: {predictions[row]}", color=RIGHT if is_right else WRONG, fontsize=10)
    accuracy = np.mean(predictions == names[kinds[200:]])
    figure.supxlabel(f"seconds; {accuracy:.0%} of 40 test recordings correct", fontsize=10)
    figure.supylabel("Hz", fontsize=10)
    return figure


def main(out: Path, epochs: int) -> None:
    """Train, draw and write all images."""
    out.mkdir(parents=True, exist_ok=True)
    x, y = digit_rows()
    train, test = slice(0, -TEST_ROWS), slice(-TEST_ROWS, None)
    auto = train_digits(part(x, train), part(y, train), epochs)
    model, x_test, y_test = auto.export_model(), part(x, test), part(y, test)
    save(auto.plot(), out / "search.png")
    save(draw_predictions(model, x_test, y_test), out / "predictions.png")
    save(draw_missing(model, x_test, y_test), out / "missing.png")
    save(draw_embedding(model, x_test, y_test), out / "embedding.png")
    wine_model, train_wines, test_wines = train_wine(2 * epochs)
    save(draw_wine(wine_model, test_wines), out / "wine.png")
    save(wine_model.importance(test_wines, seed=0).plot(), out / "importance.png")
    (attribution,) = wine_model.attribute(test_wines.iloc[:1], "alcohol", background=train_wines)
    save(attribution.plot(), out / "attribution.png")
    save(draw_tones(epochs), out / "tones.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder of the images")
    parser.add_argument("--epochs", type=int, default=20, help="epochs per trial")
    arguments = parser.parse_args()
    main(arguments.out, arguments.epochs)
