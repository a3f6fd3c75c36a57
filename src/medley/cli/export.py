"""`medley export`: export a model to ONNX, for machines without torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.json_output import add_json, print_json
from medley.cli.models import load_any
from medley.errors import ConfigError, ErrorCollector, MedleyError

_EXAMPLES = """\
examples:
  medley export pets-model -o pets.onnx
  medley predict pets.onnx new.csv -o out.csv              with onnxruntime, without torch

Two files are written, pets.onnx and pets.onnx.json; keep them together. In Python, load them with
medley.runtime.load("pets.onnx"). Exporting needs: pip install 'medley[export]'; predicting: 'medley[runtime]'.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a saved model, or the folder of a search")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="a file, <name>.onnx")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Write both files and print their names.

    Raises:
        ConfigError: there is no such model or output folder, or a block cannot be exported (all are reported).
        MissingDependencyError: the packages of `medley[export]` are not installed.
    """
    errors = ErrorCollector()
    try:
        _, model = load_any(args.model)
    except MedleyError as error:
        errors.collect(error)
        errors.raise_if_any(ConfigError)
        return
    path = model.export(args.output)
    if args.json:
        print_json({"onnx": path, "codecs": f"{path}.json"})
    elif args.verbose:
        print(f"{path} and {path.name}.json; predict with `medley predict {path} FILE`.")
