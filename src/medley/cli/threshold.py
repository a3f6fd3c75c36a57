"""`medley threshold`: set how a saved model decides between the classes of a target."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from medley.cli.json_output import add_json, print_json
from medley.errors import ConfigError, ErrorCollector

_EXAMPLES = """\
examples:
  medley threshold pets-model --target sold --metric f1
  medley threshold pets-model --target sold --precision 0.9 --positive yes
  medley threshold pets-model --target sold --at 0.3
  medley threshold pets-model --target breed --costs '{"pug": {"cat": 5}}'
  medley threshold pets-model                                  shows what is set
  medley threshold pets-model --reset

The model is changed where it is. Thresholds are chosen on the validation rows that it holds. Costs are JSON, or a file
with it: {true class: {predicted class: cost}}; errors that are not named cost 1.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL", type=Path, help="a saved model")
    parser.add_argument("--target", metavar="NAME", help="the target; may be left out where only one has classes")
    parser.add_argument(
        "--metric", metavar="M", help='choose the best threshold for "f1", "balanced_accuracy", "mcc" or "accuracy"'
    )
    parser.add_argument("--precision", metavar="P", type=float, help="the highest recall with at least this precision")
    parser.add_argument("--recall", metavar="R", type=float, help="the highest precision with at least this recall")
    parser.add_argument("--at", metavar="T", type=float, help="this probability")
    parser.add_argument("--costs", metavar="JSON", help="what errors cost, or a file with it")
    parser.add_argument("--positive", metavar="CLASS", help="the positive one of two classes (default: the second)")
    parser.add_argument("--reset", action="store_true", help="predict the most probable class again")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Change or show the decisions of a saved model.

    Raises:
        ConfigError, ArtifactError: the model cannot be read, or an option is wrong; all errors are reported.
    """
    from medley.model.artifact import load

    names = ("metric", "precision", "recall", "costs")
    ways: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.at is not None:
        ways["threshold"] = args.at
    errors = ErrorCollector()
    if args.reset and ways:
        errors.add("--reset cannot be combined with other options.")
    with errors.collecting(ConfigError):
        if args.costs is not None:
            ways["costs"] = _costs(args.costs)
    errors.raise_if_any(ConfigError)
    model = load(args.model)
    if args.reset:
        model.reset_threshold(args.target)
    elif ways:
        rule = model.set_threshold(args.target, positive=args.positive, **ways)
        if not args.json:
            print(_described(rule))
    rules = {head: decision.rule for head, decision in model.trust.decisions.items()}
    if args.json:
        print_json({"model": args.model, "rules": rules})
    elif not ways and not args.reset:
        for head, rule in rules.items():
            print(f"{head}: {_described(rule)}")
        if not rules:
            print("no thresholds: the most probable class is predicted")
    if ways or args.reset:
        model.save(args.model)
        if args.verbose and not args.json:
            print(f"saved in {args.model}")


def _costs(text: str) -> Any:
    path = Path(text)
    try:
        is_file = len(text) < 4096 and path.is_file()
        return json.loads(path.read_text(encoding="utf-8") if is_file else text)
    except (ValueError, OSError) as error:
        raise ConfigError(f"is neither JSON nor a file with it: {error}.", argument="costs") from error


def _described(rule: dict[str, Any]) -> str:
    if rule.get("kind") == "costs":
        return "the class with the least expected cost is predicted"
    parts = rule.get("labels") or [rule]
    lines = []
    for part in parts:
        subject = part.get("label") or part.get("positive") or "each label"
        line = f"{subject} is predicted from a probability of {part.get('threshold', 0):.4g} on"
        scores = part.get("scores") or {}
        reached = [f"{name} {after:.4g} (at 0.5: {before:.4g})" for name, (before, after) in scores.items()]
        lines.append(line + (f"; on {part['rows']:,} validation rows: {', '.join(reached)}" if reached else ""))
    return "\n".join(lines)
