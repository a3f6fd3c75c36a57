"""`medley export`: a model as ONNX, for machines without torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.models import load_any
from medley.errors import ConfigError, ErrorCollector, MedleyError

_EXAMPLES = """\
examples:
  medley export pets-model -o pets.onnx
  medley predict pets.onnx new.csv -o out.csv              with onnxruntime, without torch

Two files are written, pets.onnx and pets.onnx.json; they belong together. Python reads them with
medley.runtime.load("pets.onnx"). It needs: pip install 'medley[export]', and 'medley[runtime]' where it predicts.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a saved model, or the folder of a search")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="a file, <name>.onnx")


def run(args: argparse.Namespace) -> None:
    """Writes the pair of files, and says so.

    Raises:
        ConfigError: there is no such model, no such folder to write into, or a part cannot be exported; all at once.
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
    print(f"{path} and {path.name}.json; predict with `medley predict {path} FILE`.")
