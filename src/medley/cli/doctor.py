"""`medley doctor`: examine a saved model or a search, and say what to do."""

from __future__ import annotations

import argparse
from pathlib import Path

_EXAMPLES = """\
examples:
  medley doctor pets-model          a model, and the search it comes from
  medley doctor my_project          a search: its trials, models and checkpoints

exit codes: 0 all is well, 2 something is damaged or missing
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("folder", metavar="DIR", type=Path, help="a model directory, or the folder of a search")


def run(args: argparse.Namespace) -> int:
    """Print what was found; nothing is changed.

    Returns:
        0; 2 if something is damaged or missing.

    Raises:
        ArtifactError: the folder holds neither a model nor a search.
    """
    from medley.search.doctor import examine

    findings = examine(args.folder)
    for finding in findings:
        print(f"{'damaged' if finding.is_problem else 'ok' if not finding.advice else 'note'}: {finding.message}")
        if finding.advice:
            print(f"    {finding.advice}")
    return 2 if any(finding.is_problem for finding in findings) else 0
