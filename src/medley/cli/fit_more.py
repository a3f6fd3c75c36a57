"""`medley fit --from`: train a saved model further, on new rows."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medley.cli.json_output import print_json
from medley.errors import ErrorCollector

_SEARCH_OPTIONS = {
    "target": "--target",
    "input": "--input",
    "kind": "--kind",
    "group": "--group",
    "time": "--time",
    "split": "--split",
    "weight": "--weight",
    "trials": "--trials",
    "plan": "--plan",
    "resume": "--resume",
}


def run(args: argparse.Namespace, folder: Path, errors: ErrorCollector) -> int:
    """Train a saved model further and save it.

    Args:
        args: of `medley fit`.
        folder: to save the model in.
        errors: found so far; all are reported at once.

    Raises:
        ConfigError, DataError, ArtifactError: an option cannot be combined with --from, or the model or the table
            cannot be read.
    """
    from medley.auto.duration import seconds
    from medley.cli.models import open_model
    from medley.cli.table_argument import table_of
    from medley.errors import ConfigError

    for name, option in _SEARCH_OPTIONS.items():
        if getattr(args, name, None):
            errors.add(f"{option} cannot be combined with --from: the model determines columns and network.")
    model = open_model(Path(args.start), errors, args.device)
    limit = None
    with errors.collecting(ConfigError):
        limit = seconds(args.time_limit)
    errors.raise_if_any(ConfigError)
    assert model is not None
    assert model.table is not None
    source = table_of(args, list(model.table.targets.values()))
    trained = model.fit_more(
        source,
        epochs=args.epochs or 10,
        root=args.root,
        seed=args.seed or 0,
        time_limit=limit,
        new_classes=args.new_classes or "refuse",
    )
    trained.save(folder)
    entry = trained.metadata["fit_more"][-1]
    if args.json:
        print_json({"model": folder, **entry})
    elif args.verbose:
        print(f"{entry['rows']:,} rows, {entry['epochs']} epochs; loss on new validation rows: ", end="")
        print(f"{entry['loss_before']:.4g} before, {entry['loss_after']:.4g} after")
        print(f"saved in {folder}")
    if is_interrupted := entry["stopped"] == "interrupted":
        print(f"medley: interrupted; the best network so far is saved in {folder}", file=sys.stderr)
    return 130 if is_interrupted else 0
