"""`medley worker`: train networks for a search that runs elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

_EXAMPLES = """\
examples:
  medley worker /shared/pets                            on each machine that shall help with this search:
  medley fit pets.csv --target breed -o /shared/pets --executor files --workers 4
  sbatch --array=1-4 --wrap "medley worker /shared/pets"      the same on a SLURM cluster

The folder must be one that all machines can write. Workers may be started before the search, and may come and go: the
trial of a worker that ends or falls silent is continued by another one from its last checkpoint.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "project", metavar="PROJECT", type=Path, help="the project's folder, or the model directory of medley fit"
    )
    parser.add_argument(
        "--idle", metavar="T", default="10m", help="the time without a trial after which the worker ends (default: 10m)"
    )


def run(args: argparse.Namespace) -> int:
    """Run trials until the search ends.

    Returns:
        0.

    Raises:
        ConfigError: an argument is invalid.
        ArtifactError: the search is one of another version of medley.
    """
    from medley.auto.duration import seconds
    from medley.cli.fit import SEARCH
    from medley.errors import ConfigError
    from medley.search.execute.file_worker import serve

    def log(line: str) -> None:
        if args.verbose:
            print(line, flush=True)

    try:
        idle_seconds = seconds(args.idle) or 0.0
    except ConfigError as error:
        raise ConfigError(f"--idle {error.message}") from None
    count = serve([args.project, args.project / SEARCH], idle_seconds, log)
    log(f"{count} trial{'' if count == 1 else 's'} run")
    return 0
