"""`medley doctor`: examine a saved model or a search, and say what to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.json_output import add_json, print_json

_EXAMPLES = """\
examples:
  medley doctor pets-model          a model, and the search it comes from
  medley doctor my_project          a search: its trials, models and checkpoints
  medley doctor pets-model --accept accept what you changed in the files of a model

exit codes: 0 all is well, 2 something is damaged or missing
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("folder", metavar="DIR", type=Path, help="a model directory, or the folder of a search")
    parser.add_argument(
        "--accept",
        action="store_true",
        help="if files of the model were changed on purpose: check that it loads, and save new checksums",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what was found; nothing is changed without `--accept`.

    Returns:
        0; 2 if something is damaged or missing.

    Raises:
        ArtifactError: the folder holds neither a model nor a search, or no model that `--accept` could accept.
    """
    from medley.search.doctor import Finding, examine

    findings = []
    if args.accept:
        from medley.model.artifact import accept

        findings = [Finding(f"{args.folder}: changes of {name} are accepted") for name in accept(args.folder)]
    findings += examine(args.folder)
    states = ["damaged" if finding.is_problem else "note" if finding.advice else "ok" for finding in findings]
    if args.json:
        print_json(
            [
                {"state": state, "message": finding.message, "advice": finding.advice or None}
                for state, finding in zip(states, findings, strict=True)
            ]
        )
        return 2 if "damaged" in states else 0
    for state, finding in zip(states, findings, strict=True):
        print(f"{state}: {finding.message}")
        if finding.advice:
            print(f"    {finding.advice}")
    return 2 if "damaged" in states else 0
