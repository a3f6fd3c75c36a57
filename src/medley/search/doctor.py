"""Examines a saved model or a project: what is whole, what is damaged, what would be resumed, and what to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medley.core.files import is_temporary
from medley.errors import ArtifactError, MedleyError
from medley.model.files import DESCRIPTION, is_model_file, read_description
from medley.search.checkpoint import COPIES
from medley.search.lock import is_locked
from medley.search.trial_log import read_lines

PROJECT = "project.json"


@dataclass(frozen=True)
class Finding:
    """One thing that an examination found.

    Args:
        message: what it is.
        advice: what to do; empty where all is well.
        is_problem: whether something is damaged or missing.
    """

    message: str
    advice: str = ""
    is_problem: bool = False


def examine(folder: Path) -> list[Finding]:
    """Examines a folder and, where it holds a model beside its search, both. Nothing is changed.

    Args:
        folder: a saved model, a project, or the output of `medley fit`.

    Raises:
        ArtifactError: the folder holds neither.
    """
    findings = []
    if (folder / DESCRIPTION).is_file():
        findings += _examine_model(folder, f"{folder}")
    projects = [path.parent for path in sorted([folder / PROJECT, *folder.glob(f"*/{PROJECT}")]) if path.is_file()]
    for project in projects:
        findings += _examine_project(project)
    if not findings and folder.is_dir() and any(is_model_file(path.name) for path in folder.iterdir()):
        message = f"{folder} holds parts of a model that was not saved completely"
        findings.append(Finding(message, "Save the model again, or delete them.", is_problem=True))
    if not findings:
        reason = "is a file" if folder.is_file() else "holds neither a model nor a search" if folder.is_dir() else ""
        raise ArtifactError(f"{folder} {reason or 'does not exist'}; pass a model directory or a project's folder.")
    return findings + list(_leftovers(folder))


def _examine_model(folder: Path, title: str) -> list[Finding]:
    from medley.model.artifact import load

    try:
        content, paths = read_description(folder)
        model = load(folder)
    except MedleyError as error:
        advice = "Save it again, restore it from a copy, or fit it again."
        return [Finding(f"{title}: the model cannot be loaded: {error}", advice, is_problem=True)]
    sizes = sum(path.stat().st_size for path in paths.values()) / 2**20
    checked = "checksums are right" if content.get("files") else "saved without checksums"
    writer = f"written by medley {content.get('medley')} in format {content['format']}"
    outputs = ", ".join(model.output_names)
    return [Finding(f"{title}: a whole model of {outputs}, {sizes:.1f} MiB, {writer}; {checked}.")]


def _examine_project(folder: Path) -> Iterator[Finding]:
    if is_locked(folder):
        yield Finding(f"{folder}: a search is running here.", "Wait until it has ended.")
    try:
        about = json.loads((folder / PROJECT).read_text(encoding="utf-8"))
        is_readable = isinstance(about, dict) and isinstance(about.get("digest"), str)
    except (OSError, ValueError, RecursionError):
        is_readable = False
    if not is_readable:
        message = f"{folder / PROJECT} is damaged, so that no call recognises the project as its own"
        yield Finding(message, "The next fit moves the folder aside and starts anew.", is_problem=True)
    try:
        lines, damage = read_lines(folder / "trials.jsonl")
    except ArtifactError as error:
        yield Finding(str(error), "", is_problem=True)
        return
    for damaged in damage:
        message = f"{folder / 'trials.jsonl'}: {damaged}"
        yield Finding(message, "The next fit leaves the line out and runs its trial again.", is_problem=True)
    states = Counter(line["state"] for line in lines)
    counts = ", ".join(f"{count} {state}" for state, count in states.items()) or "none has ended"
    yield Finding(f"{folder}: a search of {len(lines)} trials ({counts}).")
    numbers = {line["number"] for line in lines if line["state"] != "interrupted"}
    complete = sorted((line for line in lines if line["state"] == "complete"), key=lambda line: line["score"])
    for place, line in enumerate(complete):
        model = folder / "trials" / str(line["number"])
        if (model / DESCRIPTION).is_file():
            yield from _examine_model(model, f"trial {line['number']}, score {line['score']:.4g}")
        elif place == 0:
            message = f"{folder} lacks the model of its best trial, {line['number']}"
            yield Finding(message, "The next fit runs this trial again.", is_problem=True)
    yield from _examine_checkpoints(folder / "checkpoints", numbers)


def _examine_checkpoints(folder: Path, finished: set[int]) -> Iterator[Finding]:
    from medley.train.state import TrainingState

    for trial in sorted(folder.glob("*")):
        if trial.name.isdecimal() and int(trial.name) in finished:
            continue
        states, problems = [], []
        for stage in ("first", "main"):
            for copy in COPIES:
                path = trial / f"{stage}-{copy}"
                if not path.is_dir():
                    continue
                try:
                    states.append((stage == "main", (state := TrainingState.load(path)).step, state))
                except ArtifactError as error:
                    problems.append(Finding(str(error), "The other checkpoint is used.", is_problem=True))
        if states:
            is_main, step, state = max(states, key=lambda entry: entry[:2])
            stage = "" if is_main else " of its first stage"
            where = f"epoch {state.position.epoch} of {state.plan.epochs}, step {step}{stage}"
            message = f"trial {trial.name} was interrupted in {where}, after {state.elapsed:.0f} s"
            yield Finding(message, "The same call, with resume, continues it there.")
        yield from problems


def _leftovers(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.rglob(".new-*")):
        if is_temporary(path.name):
            yield Finding(f"{path} was left by a process that was killed", "The next save or fit removes it.")
