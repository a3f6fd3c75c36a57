"""What `equal_time.py` prints and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

CLOSE = 0.01
"""Within this fraction of the best baseline counts as close."""
OTHERS = 0.1
"""Results are named during which other processes used more than this fraction of the cores."""
MEDLEY = "medley"
BETTER, WORSE = "#1a7f5a", "#d1603d"
"""Colours of the line from the best baseline to medley."""
MARKS: dict[str, dict[str, Any]] = {
    "constant": {"marker": "|", "s": 50, "color": "0.6", "zorder": 2},
    "linear": {"marker": "s", "s": 22, "color": "0.72", "zorder": 2},
    "lightgbm": {"marker": "^", "s": 28, "color": "0.5", "zorder": 2},
    "catboost": {"marker": "v", "s": 28, "color": "0.35", "zorder": 2},
    MEDLEY: {"marker": "o", "s": 42, "color": "#1f5fbf", "zorder": 3},
}


@dataclass
class Comparison:
    """One target at one number of seconds.

    Args:
        set: of the target.
        target: its column.
        metric: its metric.
        seconds: that each model had.
        scores: by rival, the mean over seeds.
        spent: seconds of training, by rival.
        predict_seconds: of medley, for all targets of the set.
    """

    set: str
    target: str
    metric: str
    seconds: float
    scores: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    predict_seconds: float | None = None

    @property
    def baseline(self) -> str | None:
        """The best baseline."""
        names = [rival for rival in self.scores if rival != MEDLEY]
        return max(names, key=lambda rival: self.scores[rival]) if names else None

    @property
    def difference(self) -> float | None:
        """How much better medley is than the best baseline; None where either is missing."""
        if self.baseline is None or MEDLEY not in self.scores:
            return None
        return self.scores[MEDLEY] - self.scores[self.baseline]

    @property
    def is_close(self) -> bool:
        """Whether medley is better than the best baseline or worse by a hundredth of its score at most."""
        baseline, difference = self.baseline, self.difference
        return baseline is not None and difference is not None and difference >= -CLOSE * abs(self.scores[baseline])


def line(entry: dict[str, Any]) -> str:
    """One result on one line."""
    scores = ", ".join(
        f"{target} {score:.4f} ({entry['spent'][target]:g} s)" for target, score in entry["scores"].items()
    )
    return f"{entry['set']}, {entry['rival']}, {entry['seconds']:g} s: {scores}"


def hindered(entries: Sequence[dict[str, Any]]) -> list[str]:
    """A note that names the results during which other processes used much of the cores."""
    fractions = {
        f"{entry['set']} {entry['rival']} {entry['seconds']:g} s": entry["others_seconds"] / entry["core_seconds"]
        for entry in entries
        if entry.get("others_seconds")
    }
    names = [f"{name} ({fraction:.0%})" for name, fraction in fractions.items() if fraction > OTHERS]
    return [f"Other processes used part of the cores meanwhile: {', '.join(names)}."] if names else []


def compared(entries: Sequence[dict[str, Any]]) -> list[Comparison]:
    """Results by set, target and seconds, averaged over seeds."""
    groups: dict[tuple[str, str, float], dict[str, list[dict[str, Any]]]] = {}
    for entry in entries:
        for target in entry["metrics"]:
            group = groups.setdefault((entry["set"], target, entry["seconds"]), {})
            group.setdefault(entry["rival"], []).append(entry)
    comparisons = []
    for (name, target, seconds), rivals in groups.items():
        metric = next(iter(rivals.values()))[0]["metrics"][target]
        comparison = Comparison(name, target, metric, seconds)
        for rival, results in rivals.items():
            comparison.scores[rival] = mean(entry["scores"][target] for entry in results)
            comparison.spent[rival] = mean(entry["spent"][target] for entry in results)
            if rival == MEDLEY:
                comparison.predict_seconds = mean(entry["predict_seconds"] for entry in results)
        comparisons.append(comparison)
    return comparisons


def summary(comparisons: Sequence[Comparison]) -> str:
    """How often medley is as good as every baseline."""
    differences = [row.difference for row in comparisons if row.difference is not None]
    better = sum(difference >= 0 for difference in differences)
    close = sum(row.is_close for row in comparisons)
    return f"medley >= every baseline on {better} of {len(differences)} targets, within 1 % on {close}."


def markdown(comparisons: Sequence[Comparison], notes: Sequence[str]) -> str:
    """A table for each number of seconds, and a summary of each."""
    rivals = list(dict.fromkeys(rival for row in comparisons for rival in row.scores if rival != MEDLEY))
    lines = []
    for seconds in sorted({row.seconds for row in comparisons}):
        rows = [row for row in comparisons if row.seconds == seconds]
        head = ["set", "target", "metric", *rivals, "best baseline", MEDLEY, "difference"]
        head += ["seconds of the baseline", "of medley", "medley predicts"]
        lines += [f"## {seconds:g} seconds", "", _row(head), _row(["---"] * len(head))]
        for row in rows:
            best = row.baseline
            cells = [row.set, row.target, row.metric, *(_number(row.scores.get(rival)) for rival in rivals)]
            cells += [best or "", _number(row.scores.get(MEDLEY)), _number(row.difference, "+.4f")]
            cells += [_number(row.spent.get(best or ""), ".1f"), _number(row.spent.get(MEDLEY), ".1f")]
            lines.append(_row([*cells, _number(row.predict_seconds, ".1f")]))
        lines += ["", summary(rows), ""]
    return "\n".join([*lines, *notes])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, form: str = ".4f") -> str:
    return "" if value is None else format(value, form)


def plot(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draws a line per target and a panel per number of seconds: baselines in grey, medley in colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    budgets = sorted({row.seconds for row in comparisons})
    names = list(dict.fromkeys((row.set, row.target, row.metric) for row in comparisons))
    # A gap between sets.
    places, place = {}, 0.0
    for position, name in enumerate(names):
        place += 1 if position == 0 or name[0] == names[position - 1][0] else 1.7
        places[name] = place
    figure, axes = pyplot.subplots(
        1, len(budgets), figsize=(4.5 + 5 * len(budgets), 1.6 + 0.26 * place), sharey=True, squeeze=False
    )
    for axis, seconds in zip(axes[0], budgets, strict=True):
        for row in (row for row in comparisons if row.seconds == seconds):
            height = places[row.set, row.target, row.metric]
            axis.axhline(height, color="0.92", linewidth=1, zorder=0)
            shown = {rival: max(score, 0.0) for rival, score in row.scores.items()}
            for rival, score in shown.items():
                axis.scatter(score, height, **MARKS[rival], label=rival)
            if row.difference is not None and row.baseline is not None:
                colour = BETTER if row.difference >= 0 else WORSE
                axis.plot([shown[row.baseline], shown[MEDLEY]], [height] * 2, color=colour, linewidth=2, zorder=1)
        axis.set_title(f"{seconds:g} seconds", fontsize=11)
        axis.set_xlim(-0.03, 1.03)
        axis.set_xlabel("score (below 0 drawn at 0)")
        axis.tick_params(axis="y", length=0)
        for edge in ("top", "right", "left"):
            axis.spines[edge].set_visible(False)
    axes[0, 0].set_yticks(list(places.values()), [f"{name}: {target} ({metric})" for name, target, metric in names])
    axes[0, 0].set_ylim(place + 0.8, 0.2)
    labels: dict[str, Any] = {}
    for axis in axes[0]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, handle)
    ordered = [rival for rival in MARKS if rival in labels]
    figure.legend([labels[rival] for rival in ordered], ordered, loc="upper center", ncols=len(ordered), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / figure.get_figheight()))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
