"""Remote files (`https://`, `s3://`, `gs://`, `hf://`, ...): copied before they are read, or read in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError, MissingDependencyError

_PACKAGES = {
    "http": "aiohttp",
    "https": "aiohttp",
    "hf": "huggingface_hub",
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
}
_IN_EXTRA = ("fsspec", "aiohttp", "huggingface_hub", "s3fs", "gcsfs")


def fetch(url: str, folder: Path, is_table: Callable[[str], bool]) -> dict[str, Path]:
    """Copy the files that a URL names into a folder.

    Args:
        url: of a file, a pattern (`s3://bucket/*.csv`), or a folder.
        folder: where to.
        is_table: whether a file of this name may hold a table, among those of a pattern or a folder.

    Returns:
        URL of each file -> its copy, in the order of their names.

    Raises:
        DataError: there is no such file, or it cannot be read.
        MissingDependencyError: fsspec, or what it needs for this kind of URL, is not installed.
    """
    try:
        return _fetch(_file_system(url), url, folder, is_table)
    except MedleyError:
        raise
    except FileNotFoundError:
        raise DataError(f"There is no file {url!r}.") from None
    except Exception as error:  # of any network library
        raise DataError(f"{url!r} cannot be read: {described(error)}.") from error


@contextmanager
def opened_url(url: str) -> Iterator[Any]:
    """A remote file as a stream, of which only the parts are transferred that are read.

    Raises:
        DataError: there is no such file, or it cannot be opened.
        MissingDependencyError: as `fetch`.
    """
    files = _file_system(url)
    try:
        stream = files.open(url, "rb")
    except Exception as error:  # of any network library
        raise DataError(f"{url!r} cannot be read: {described(error)}.") from error
    with stream:
        yield stream


def _file_system(url: str) -> Any:
    protocol = url.partition("://")[0].lower()
    package = "fsspec"
    try:
        import fsspec

        package = _PACKAGES.get(protocol, "")
        return fsspec.filesystem(protocol)
    except ImportError as error:
        package = package or str(getattr(error, "name", "") or protocol)
        extra = "remote" if package in _IN_EXTRA else ""
        raise MissingDependencyError(f"{url!r} needs {package}.", package=package, extra=extra) from None
    except ValueError:
        raise DataError(f"{url!r} cannot be read: files and databases of kind {protocol!r} are not known.") from None


def _fetch(files: Any, url: str, folder: Path, is_table: Callable[[str], bool]) -> dict[str, Path]:
    is_web = url.lower().startswith("http")
    if is_web:
        names = [url]
    elif any(mark in url for mark in "*?["):
        names = [name for name in files.glob(url) if is_table(name)]
    elif files.isdir(url):
        names = [name for name in files.find(url) if is_table(name)]
    else:
        names = [url]
    if not names:
        raise DataError(f"No table file matches {url!r}.")
    copies = {}
    for number, name in enumerate(sorted(names)):
        copy = folder / _place(name, str(number) if len(names) > 1 else "")
        copy.parent.mkdir(parents=True, exist_ok=True)
        files.get_file(name, str(copy))
        copies[name if is_web else files.unstrip_protocol(name)] = copy
    return copies


def _place(name: str, number: str) -> Path:
    """A relative path for a copy: folders that hold values (`year=2024`) and the file's name."""
    parts = PurePosixPath(urlsplit(name).path or name).parts
    partitions = [part for part in parts[:-1] if "=" in part]
    return Path(*partitions, number, parts[-1] if parts else "table")
