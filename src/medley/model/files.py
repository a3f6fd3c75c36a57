"""The files of a saved model. `model.json` names the others, so a model changes at the moment that it is replaced.

A model that takes the place of another is written under names that the other does not use. Whatever happens meanwhile,
`model.json` is that of the old model or that of the new one, and the files that it names are complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from medley.core.files import fingerprint, is_temporary, remove_leftovers, sync, write_file
from medley.core.serialization import is_changed, json_bytes, read_json, without_header
from medley.errors import ArtifactError, ErrorCollector

DESCRIPTION, WEIGHTS, STATES = "model.json", "weights.safetensors", "codecs.safetensors"
TRUST = "trust"
"""What is known about predictions: its values in `model.json`, and the first part of names in `codecs.safetensors`."""

PARTS = (WEIGHTS, STATES)


def write_model(folder: Path, content: Mapping[str, Any], parts: Mapping[str, bytes]) -> None:
    """Writes the files of a model; at every moment the folder holds the old model or the new one.

    Args:
        folder: created where missing.
        content: of `model.json`.
        parts: `PARTS` -> content.

    Raises:
        OSError: the folder cannot be written.
    """
    new = next((path for path in (*reversed(folder.absolute().parents), folder) if not path.exists()), None)
    folder.mkdir(parents=True, exist_ok=True)
    if new is not None:
        sync(new.parent)
    remove_leftovers(folder)
    in_use = _names_in_use(folder)
    files: dict[str, Any] = {}
    for part, data in parts.items():
        name = next(name for name in _names(part) if name not in in_use)
        write_file(folder / name, data)
        files[part] = {"name": name, "bytes": len(data), "sha256": sha256(data).hexdigest()}
    write_file(folder / DESCRIPTION, json_bytes({**content, "files": files}))
    for name in {name for part in parts for name in _names(part)} - {entry["name"] for entry in files.values()}:
        with suppress(OSError):  # it takes space, but does no harm
            (folder / name).unlink(missing_ok=True)


def read_description(folder: Path, *, accept: bool = False) -> tuple[dict[str, Any], dict[str, Path]]:
    """Reads `model.json`, and checks that it and the files that it names are what was saved.

    Args:
        folder: of a saved model.
        accept: whether files may have been changed since they were saved.

    Returns:
        The content of `model.json`; `PARTS` -> path.

    Raises:
        ArtifactError: a file is missing, damaged, of another format, or was changed after it was saved; all errors are
            reported at once.
    """
    if not (folder / DESCRIPTION).is_file():
        missing = [name for name in (DESCRIPTION, *PARTS) if not (folder / name).is_file()]
        raise ArtifactError(f"{folder} holds no complete model: {', '.join(missing)} missing.{_hint(folder)}")
    advice = (
        f"If you changed it on purpose, `medley doctor {folder} --accept` checks the model and saves new checksums."
    )
    content = read_json(folder / DESCRIPTION, accept=accept, advice=advice)
    files, errors = content.get("files", {}), ErrorCollector()
    paths = {}
    for part in PARTS:
        entry = files.get(part, {"name": part}) if isinstance(files, dict) else None
        if not isinstance(entry, dict) or entry.get("name") not in _names(part):
            raise ArtifactError(f"{folder / DESCRIPTION} is damaged: its entry of {part} must name such a file.")
        paths[part] = folder / entry["name"]
        if not paths[part].is_file():
            errors.add(f"{folder} holds no complete model: {entry['name']} missing.")
        elif "sha256" in entry and not accept:
            _check(paths[part], entry, advice, errors)
    errors.raise_if_any(ArtifactError)
    return content, paths


def is_model_file(name: str) -> bool:
    """Whether a file's name is one that saving a model gives, be the model complete or not.

    >>> is_model_file("weights.safetensors"), is_model_file("notes.txt")
    (True, False)
    """
    return name == DESCRIPTION or is_temporary(name) or any(name in _names(part) for part in PARTS)


def _names(part: str) -> tuple[str, str]:
    """The two names that a file may have, of which a saved model uses one."""
    path = Path(part)
    return part, f"{path.stem}-2{path.suffix}"


def _names_in_use(folder: Path) -> list[str]:
    """Names of the files that the model in a folder consists of, apart from its description; of any format."""
    try:
        files = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")).get("files", {})
        return [str(files[part]["name"]) if part in files else part for part in PARTS]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):  # there is no model to keep
        return []


def accept_changes(folder: Path, content: Mapping[str, Any], paths: Mapping[str, Path]) -> list[str]:
    """Saves the checksums of a model's files as they are now.

    Args:
        folder: of a saved model.
        content: of `model.json`, and
        paths: the files that it names, as `read_description` returns them for a model that loads.

    Returns:
        Names of the files that had been changed.

    Raises:
        ArtifactError, OSError: the folder cannot be read or written.
    """
    changed = [DESCRIPTION] if is_changed(content) else []
    files = {part: {"name": path.name, **fingerprint(path)} for part, path in paths.items()}
    saved = content.get("files", {})
    changed += [entry["name"] for part, entry in files.items() if saved.get(part, entry) != entry]
    write_file(folder / DESCRIPTION, json_bytes({**without_header(content), "files": files}))
    return changed


def _check(path: Path, entry: Mapping[str, Any], advice: str, errors: ErrorCollector) -> None:
    actual = fingerprint(path)
    if actual["sha256"] != entry["sha256"]:
        size, saved = actual["bytes"], entry.get("bytes")
        sizes = "" if size == saved else f"; {size} bytes instead of {saved}"
        errors.add(f"{path} is damaged, or was changed after it was saved (different checksum{sizes}). {advice}")


def _hint(folder: Path) -> str:
    if folder.is_file():
        return " It is a file; a model is a folder."
    if (folder / "project.json").is_file():
        return " It holds a search: see `medley describe`, or load a folder under its trials/."
    return ""
