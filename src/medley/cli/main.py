"""`medley`: finds the command, runs it, and reports errors in one message."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from medley import __version__
from medley.cli.options import OPTIONS
from medley.errors import ConfigError, MedleyError, MedleyWarning, command_line_spelling

VERBS = {
    "inspect": "infer what the columns of a table hold, and which columns leak a target",
    "fit": "train a model that predicts columns of a table, and save it",
    "predict": "predict the targets of the rows of a table",
    "evaluate": "evaluate a model on a table that holds the true values",
    "caption": "generate captions for the images of a table",
    "export": "export a model to ONNX, for machines without torch",
    "describe": "show a saved model: architecture, columns, scores",
    "blocks": "list the blocks that networks are made of, with their search ranges",
    "trials": "list the trials of a search",
}
"""Verb -> what its help says; its code is in the file of the same name."""

_WITH_PARTS = ("fit", "predict", "evaluate", "export", "describe", "blocks")
"""Verbs that may need parts from outside medley."""

_VERSIONS = ("torch", "numpy", "pandas", "scikit-learn", "optuna", "safetensors")

_EXAMPLES = """\
examples:
  medley inspect pets.csv           the columns of a table, and what they would become
  medley fit pets.csv --target breed --target price -o pets-model
  medley predict pets-model new.csv -o out.csv
  medley evaluate pets-model test.csv
  medley caption pets.csv --image photo -o captioned.csv
  medley export pets-model -o pets.onnx
  medley blocks                     every part that can be joined
  medley blocks image.conv          one part: its fields and their ranges
  medley trials my_project          the trials of a search
  medley describe pets-model        show a saved model: architecture, columns, scores

exit codes: 0 done, 1 a defect in medley, 2 an error that the message explains, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after `medley`; those of this process where left out.

    Returns:
        The exit code: 0, 2 for an error that was reported, 130 for Ctrl-C.

    Raises:
        SystemExit: after `--help` and `--version`, and for words that make no command.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser, verbs = _parser(words)
    args, rest = parser.parse_known_args(words)
    if rest:
        verbs[args.verb].error(_unknown(rest, verbs[args.verb]))
    if args.verb is None:
        parser.print_help(sys.stderr)
        return 2
    with command_line_spelling(OPTIONS):
        try:
            with _warnings_as_lines():
                _import(getattr(args, "modules", ()))
                code = _verb(args.verb).run(args)
            sys.stdout.flush()
        except (KeyboardInterrupt, MedleyError, OSError) as error:
            if args.debug:
                raise
            return _exit_code(error)
    return code or 0


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Our own warnings as one line each, without the place in the code."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **others: Any) -> None:
            if issubclass(category, MedleyWarning):
                print(f"medley: warning: {message}", file=sys.stderr)
            else:
                usual(message, category, *where, **others)

        warnings.showwarning = show
        warnings.simplefilter("always", MedleyWarning)
        yield


def _exit_code(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):  # `medley blocks | head`: who reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    interrupted = isinstance(error, KeyboardInterrupt)
    print(f"medley: {'interrupted' if interrupted else error}", file=sys.stderr)
    return 130 if interrupted else 2


def _import(modules: Sequence[str]) -> None:
    """Imports what the caller names, also from the current folder, as `python -m` would.

    Raises:
        ConfigError: there is no such module.
    """
    if modules and "" not in sys.path:
        sys.path.insert(0, "")
    for name in modules:
        try:
            import_module(name)
        except ModuleNotFoundError as missing:
            if not f"{name}.".startswith(f"{missing.name}."):  # it is there, and lacks something of its own
                raise ConfigError(f"--import {name}: it imports {missing.name!r}, which is not installed.") from missing
            way = " Name the module, not its file: without .py." if name.endswith(".py") else ""
            raise ConfigError(f"--import {name}: there is no such module here or installed.{way}") from missing


def _verb(name: str) -> Any:
    return import_module(f"medley.cli.{name}")


def _unknown(rest: Sequence[str], verb: argparse.ArgumentParser) -> str:
    """What is said of words that a verb has no use for."""
    from medley.errors import did_you_mean

    options = [word for action in verb._actions for word in action.option_strings if word.startswith("--")]
    wrong = next((word for word in rest if word.startswith("-")), None)
    if wrong is not None:
        return f"unknown option {wrong}.{did_you_mean(wrong.partition('=')[0], options)}"
    way = f" Columns to predict are named so: --target {rest[0]}" if "--target" in options else ""
    return f"{rest[0]!r} is an unexpected argument.{way}"


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    top = argparse.ArgumentParser(
        prog="medley",
        description="Multi-modal, multi-task deep learning: many kinds of input, many targets, one network.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, help="show the versions of medley and of what it stands on")
    top.add_argument("--debug", action="store_true", help="show where an error was raised")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", title="commands")
    # Only the verb that was asked for is imported, to say its own arguments.
    asked = next((word for word in words if word in VERBS), None)
    for name, line in VERBS.items():
        description = line[0].upper() + line[1:] + "."
        one = verbs.add_parser(
            name, help=line, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        one.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if name == asked:
            _verb(name).arguments(one)
        if name in _WITH_PARTS:
            one.add_argument(
                "--import",
                metavar="MODULE",
                dest="modules",
                action="append",
                default=[],
                help="a module of yours that registers parts which a model is made of; may be given several times",
            )
    return top, verbs.choices


class _Version(argparse.Action):
    # Versions are read from the installed packages' records: importing those packages would take seconds.
    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        lines = [f"medley {__version__}", f"Python {sys.version.split()[0]}"]
        for name in _VERSIONS:
            try:
                lines.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                lines.append(f"{name} (not installed)")
        print("\n".join(lines))
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
