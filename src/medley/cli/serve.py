"""`medley serve`: serve models over HTTP, with a page to try them on."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from medley.errors import ConfigError, ErrorCollector

_EXAMPLES = """\
examples:
  medley serve pets-model                              http://127.0.0.1:8080 has a form for it
  medley serve pets=models/v3 houses.onnx --port 80 --host 0.0.0.0 --workers 4
  MEDLEY_API_KEY=... medley serve pets.onnx            requests need Authorization: Bearer ...
  curl localhost:8080/models/pets-model/predict -d '{"rows": [{"age": 3, "kind": "dog"}]}' \\
       -H 'content-type: application/json'

A saved model is exported first where it can be, which takes seconds; what medley export wrote starts at once and does
not need torch. A model that is saved again is loaded again. Needs: pip install 'medley[serve]'.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "models",
        metavar="[NAME=]MODEL",
        nargs="+",
        help="written by medley fit, Model.save or medley export; the name is part of addresses (default: that of the "
        "directory)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--engine", choices=("auto", "onnx", "torch"), default="auto", help="what predicts")
    parser.add_argument("--device", default="cpu", metavar="D", help='"cpu", "cuda", ... (default: cpu)')
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads per prediction (default: 1)")
    parser.add_argument("--tls-certificate", metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its key (PEM)")
    parser.add_argument(
        "--api-key-file", metavar="FILE", type=Path, help="holds the key that requests need (or: MEDLEY_API_KEY)"
    )
    parser.add_argument("--max-megabytes", type=int, default=32, metavar="N", help="size of a request (default: 32)")
    parser.add_argument("--max-rows", type=int, default=10_000, metavar="N", help="rows per request (default: 10000)")
    parser.add_argument("--max-seconds", type=float, default=30, metavar="S", help="time per request (default: 30)")
    parser.add_argument("--queue", type=int, default=20_000, metavar="N", help="rows that may wait (default: 20000)")
    parser.add_argument("--batch-rows", type=int, default=256, metavar="N", help="rows per batch (default: 256)")
    parser.add_argument(
        "--batch-milliseconds", type=float, default=2, metavar="MS", help="waiting time of a batch (default: 2)"
    )
    parser.add_argument(
        "--reload-seconds", type=float, default=2, metavar="S", help="how often models are looked at; 0: never"
    )


def run(args: argparse.Namespace) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: an argument is invalid or a model cannot be loaded (all are reported).
        MissingDependencyError: the packages of `medley[serve]` are not installed.
    """
    from medley.serve.process import Listener
    from medley.serve.process import run as serve
    from medley.serve.settings import Batching, Limits, Settings

    errors = ErrorCollector()
    key = _api_key(args.api_key_file, errors)
    models = _models(args.models, errors)
    if (args.tls_certificate is None) != (args.tls_key is None):
        errors.add("TLS needs both --tls-certificate and --tls-key.")
    for option in ("tls_certificate", "tls_key"):
        path = getattr(args, option)
        if path is not None and not Path(path).is_file():
            errors.add(f"--{option.replace('_', '-')}: there is no file {path!r}.")
    if args.workers < 1:
        errors.add(f"--workers must be at least 1, got {args.workers}.")
    if not 0 < args.port < 65_536:
        errors.add(f"--port must be between 1 and 65535, got {args.port}.")
    settings = None
    with errors.collecting():
        settings = Settings(
            engine=args.engine,
            device=args.device,
            threads=args.threads,
            api_key=key,
            reload_seconds=args.reload_seconds,
            limits=Limits(body_bytes=args.max_megabytes * 2**20, rows=args.max_rows, seconds=args.max_seconds),
            batching=Batching(args.batch_rows, args.batch_milliseconds, args.queue),
        )
    errors.raise_if_any(ConfigError)
    assert settings is not None
    serve(models, settings, Listener(args.host, args.port, args.workers, args.tls_certificate, args.tls_key))


def _models(arguments: list[str], errors: ErrorCollector) -> dict[str, str]:
    """Name -> path."""
    models: dict[str, str] = {}
    for argument in arguments:
        name, separator, path = argument.partition("=")
        if not separator or Path(argument).exists():
            path, folder = argument, Path(argument)
            name = folder.stem if folder.suffix == ".onnx" else folder.resolve().name
        if name in models:
            errors.add(f"Two models are called {name!r}: write NAME={path}.")
        models[name] = path
    return models


def _api_key(file: Path | None, errors: ErrorCollector) -> str | None:
    if file is None:
        return os.environ.get("MEDLEY_API_KEY") or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        errors.add(f"--api-key-file: {file} cannot be read: {error}.")
        return None
