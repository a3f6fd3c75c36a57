"""The `medley` command: runs subcommands and reports errors in one message."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from medley import __version__
from medley.cli.config import with_config
from medley.cli.options import OPTIONS, add_verbosity
from medley.errors import (
    ConfigError,
    MedleyError,
    MedleyWarning,
    command_line_spelling,
    is_missing_part,
    missing_package,
)

COMMANDS = {
    "inspect": "infer what the columns of a table hold, and which columns leak a target",
    "new": "write a commented configuration for medley fit, from the inferred columns",
    "fit": "train a model that predicts columns of a table, and save it",
    "worker": "train networks for a search that runs on another machine",
    "predict": "predict the targets of the rows of a table",
    "evaluate": "evaluate a model on a table that holds the true values",
    "cross-validate": "measure how good models of a table are, by training on parts of its rows and scoring the others",
    "compare": "compare the metrics of several models on one table",
    "importance": "measure how much predictions depend on each column, input and modality",
    "drift": "compare new rows with those that a model was trained on",
    "threshold": "set the decision rule of a saved model for the classes of a target",
    "explain": "explain predictions of rows: the contribution of each column, word and pixel",
    "caption": "generate captions for the images of a table",
    "distil": "train one small, fast network to predict what a saved model predicts",
    "export": "export a model to ONNX, for machines without torch",
    "serve": "serve models over HTTP, with a page to try them on",
    "report": "write an HTML report about a saved model: training data, scores, importance",
    "describe": "show a saved model: architecture, columns, scores",
    "blocks": "list the blocks that networks are made of, with their search ranges",
    "trials": "list the trials of a search",
    "doctor": "examine a saved model or a search: find damage, list what can be resumed",
    "completion": "print a script that completes commands and options in a shell",
}
"""Command -> summary in the help; its code is in the module of the same name."""

_GROUPS = {
    "from a table to predictions": (
        "inspect",
        "new",
        "fit",
        "worker",
        "predict",
        "evaluate",
        "cross-validate",
        "caption",
    ),
    "a saved model": (
        *(
            "describe",
            "report",
            "compare",
            "importance",
            "explain",
            "drift",
            "threshold",
            "distil",
            "export",
            "serve",
            "doctor",
        ),
    ),
    "more": (),
}
"""Title -> commands, in the help; those that no group names are in the last one."""

_WITH_BLOCKS = (
    "fit",
    "worker",
    "predict",
    "evaluate",
    "cross-validate",
    "compare",
    "importance",
    "threshold",
    "drift",
    "explain",
    "report",
    "distil",
    "export",
    "describe",
    "blocks",
    "doctor",
)
"""Commands that may need blocks from outside medley."""

_VERSIONS = ("torch", "numpy", "pandas", "scikit-learn", "optuna", "safetensors")

_EXAMPLES = """\
examples:
  medley inspect pets.csv           the columns of a table, and how they would be used
  medley new pets.csv --target price -o pets.yaml
  medley fit --config pets.yaml -o pets-model
  medley fit pets.csv --target breed --target price -o pets-model
  medley predict pets-model new.csv -o out.csv
  medley evaluate pets-model test.csv
  medley cross-validate pets.csv --target price --folds 5
  medley caption pets.csv --image photo -o captioned.csv
  medley export pets-model -o pets.onnx
  medley blocks                     all blocks
  medley blocks image.conv          one block: its fields and their search ranges
  medley trials my_project          the trials of a search
  medley report pets-model test.csv -o report.html
  medley describe pets-model        show a saved model: architecture, columns, scores
  medley doctor pets-model          examine a model and its search, after a crash for instance

exit codes: 0 success, 1 a bug in medley, 2 an error that the message explains, 3 drift (medley drift), 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after `medley`; by default those of this process.

    Returns:
        The exit code: 0, 2 for an error that was reported, 130 for Ctrl-C.

    Raises:
        SystemExit: after `--help` and `--version`, and for invalid arguments.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser, subparsers = command_parser(arguments)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        parser.error(_unknown_command_message(arguments[0]))
    try:
        arguments, config = with_config(arguments, subparsers)
        try:
            args, rest = parser.parse_known_args(arguments)
        finally:  # --help and --version end here, and their reader may have closed the pipe
            sys.stdout.flush()
    except (MedleyError, BrokenPipeError) as error:
        return _exit_code(error)
    if rest:
        command = subparsers.get(args.verb, parser)
        command.error(_unknown_arguments_message(rest, command))
    if args.verb is None:
        parser.print_help(sys.stderr)
        return 2
    args.config, start_time = config, time.monotonic()
    with command_line_spelling(OPTIONS, config.names(OPTIONS) if config else {}):
        try:
            with _warnings_as_lines():
                _import(getattr(args, "modules", ()))
                code = _command_module(args.verb).run(args)
            sys.stdout.flush()
            if getattr(args, "verbose", 1) > 1:
                print(f"medley {args.verb}: {time.monotonic() - start_time:.1f} s", file=sys.stderr)
        except (KeyboardInterrupt, MedleyError, OSError, ModuleNotFoundError) as error:
            if args.debug or is_missing_part(error):
                raise
            if isinstance(error, ModuleNotFoundError) and not isinstance(error, MedleyError):
                error = missing_package(error, f"medley {args.verb}")
            return _exit_code(error)
    return code or 0


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print medley's own warnings as one line each, without the location in the code."""
    with warnings.catch_warnings():
        original = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *location: Any, **options: Any) -> None:
            if issubclass(category, MedleyWarning):
                print(f"medley: warning: {message}", file=sys.stderr)
            else:
                original(message, category, *location, **options)

        warnings.showwarning = show
        warnings.simplefilter("always", MedleyWarning)
        yield


def _exit_code(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):  # `medley blocks | head`: the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    interrupted = isinstance(error, KeyboardInterrupt)
    print(f"medley: {'interrupted' if interrupted else error}", file=sys.stderr)
    return 130 if interrupted else 2


def _import(modules: Sequence[str]) -> None:
    """Import modules that the user names, also from the current folder, as `python -m` would.

    Raises:
        ConfigError: there is no such module.
    """
    if modules and "" not in sys.path:
        sys.path.insert(0, "")
    for name in modules:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):  # the module exists, but an import of its own failed
                raise ConfigError(f"--import {name}: it imports {error.name!r}, which is not installed.") from error
            hint = " Name the module, not its file: without .py." if name.endswith(".py") else ""
            raise ConfigError(f"--import {name}: there is no such module here or installed.{hint}") from error


def _command_module(name: str) -> Any:
    return import_module(f"medley.cli.{name.replace('-', '_')}")


def _unknown_command_message(command: str) -> str:
    from medley.errors import did_you_mean

    return f"there is no command {command!r}.{did_you_mean(command, COMMANDS)}"


def _unknown_arguments_message(rest: Sequence[str], verb: argparse.ArgumentParser) -> str:
    """The error message for arguments that a command does not accept."""
    from medley.errors import did_you_mean

    options = [argument for action in verb._actions for argument in action.option_strings if argument.startswith("--")]
    option = next((argument for argument in rest if argument.startswith("-")), None)
    if option is not None:
        where = "" if verb.prog.count(" ") else " Options of a command follow its name: medley fit --target NAME."
        return f"unknown option {option}.{did_you_mean(option.partition('=')[0], options)}{where}"
    hint = f" To predict a column, write --target {rest[0]}" if "--target" in options else ""
    return f"{rest[0]!r} is an unexpected argument.{hint}"


def command_parser(
    arguments: Sequence[str],
) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser, and those of the commands; only the one that is asked for has its arguments.

    Args:
        arguments: after `medley`.
    """
    parser = argparse.ArgumentParser(
        prog="medley",
        usage="medley [-h] [--version] [--debug] COMMAND ...",
        description="Multi-modal, multi-task deep learning: many kinds of input, many targets, one network.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="show the versions of medley and of its main dependencies")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(
        dest="verb", prog="medley", title="commands", description=_listing(), help=argparse.SUPPRESS
    )
    # Only the requested command's module is imported, to add its arguments.
    requested = next((argument for argument in arguments if argument in COMMANDS), None)
    for name, summary in COMMANDS.items():
        description = summary[0].upper() + summary[1:] + "."
        subparser = subparsers.add_parser(
            name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        subparser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if name == requested:
            _command_module(name).arguments(subparser)
            add_verbosity(subparser)
        if name in _WITH_BLOCKS:
            subparser.add_argument(
                "--import",
                metavar="MODULE",
                dest="modules",
                action="append",
                default=[],
                help="a module of your own that registers blocks; may be given several times",
            )
    return parser, subparsers.choices


def _listing() -> str:
    """The commands in groups, with their summaries."""
    named = {name for names in _GROUPS.values() for name in names}
    *first, last = _GROUPS
    groups = {title: [name for name in _GROUPS[title] if name in COMMANDS] for title in first} | {
        last: [name for name in COMMANDS if name not in named]
    }
    width = max(map(len, COMMANDS))
    parts = [
        "\n".join([f"{title}:", *(f"  {name:{width}}  {COMMANDS[name]}" for name in names)])
        for title, names in groups.items()
    ]
    return "\n\n".join(parts)


class _Version(argparse.Action):
    # Versions are read from package metadata, because importing the packages would take seconds.
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
