"""What `equal_time.py` prints and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

CLOSE = 0.01
"""Within this fraction of the best baseline counts as close."""
MEDLEY = "medley"


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
