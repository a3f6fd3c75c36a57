"""Messages in the words of the command line: they name arguments as Python has them, users here know options."""

from __future__ import annotations

import re

_ARGUMENTS = {
    "targets": "--target",
    "inputs": "--input",
    "group": "--group",
    "time": "--time",
    "split": "--split",
    "sample_weight": "--weight",
    "column_kinds": "--kind",
    "time_limit": "--time-limit",
    "max_trials": "--trials",
    "epochs": "--epochs",
    "seed": "--seed",
    "device": "--device",
    "root": "--root",
    "on_bad_image": "--on-bad-image",
    "overwrite": "--overwrite",
    "memory": "--memory",
    "pretrained": "--pretrained",
}

# Where a sentence begins with one of these words it is the argument; elsewhere only those that are no plain words are.
_BEGINS = re.compile(rf"^((?:- )?)({'|'.join(_ARGUMENTS)})(?= names | must | is empty|=|:)", re.MULTILINE)
_NO_WORDS = "|".join(name for name in _ARGUMENTS if "_" in name)
_INSIDE = re.compile(rf"(?<![\w'\"-])(?:({_NO_WORDS})(?![\w'\"])|({'|'.join(_ARGUMENTS)})(?==))")
_WHOLE = (
    (re.compile(r"column_kinds=\{(['\"])(.+?)\1: \"(\w+)\"\}"), r"--kind \2=\3"),
    (re.compile(r"column_types=\{(['\"])(.+?)\1: \"categorical\"\}"), r"--kind \2=category"),
    (re.compile(r"on_bad_image=\"(\w+)\""), r"--on-bad-image \1"),
    (re.compile(r"(device|root)=(['\"])(\S*?)\2"), r"--\1 \3"),
    (re.compile(r"targets is empty;"), "--target is missing;"),
    (re.compile(r"(?:The project cannot be kept in )(\S+)[/\\]search:"), r"-o \1 cannot be written to:"),
    (re.compile(r"another directory or project_name"), "another folder with -o"),
    (re.compile(r": give root\b"), ": give --root"),
)

_WAYS = re.compile(r"(?<=by one of )(group, time and split), got ([a-z, ]+)(?=\.)")


def _as_list(found: re.Match[str]) -> str:
    ways, got = (re.sub(r"(?<!\w)(?!and)(\w+)", r"--\1", one) for one in found.groups())
    return f"{ways}, got {got}"


def as_options(message: str) -> str:
    """A message with options in place of arguments.

    >>> as_options("max_trials must be a whole number of at least 1, got 0.")
    '--trials must be a whole number of at least 1, got 0.'
    >>> as_options("It is known too late: leave 'time_limit' out with inputs=.")
    "It is known too late: leave 'time_limit' out with --input."
    """
    message = _WAYS.sub(_as_list, message)
    for pattern, words in _WHOLE:
        message = pattern.sub(words, message)
    message = _BEGINS.sub(lambda found: f"{found[1]}{_ARGUMENTS[found[2]]}", message)
    return re.sub(
        r"(--[\w-]+)=(?=[\s.,:;)]|$)", r"\1", _INSIDE.sub(lambda found: _ARGUMENTS[found[1] or found[2]], message)
    )
