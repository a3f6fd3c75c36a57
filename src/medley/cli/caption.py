"""`medley caption`: texts for the images of a table, where it has none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.output import ENDINGS, check_output, write_frame
from medley.errors import DataError, ErrorCollector, MedleyError, did_you_mean

if TYPE_CHECKING:
    from medley.image.captions import CaptionImages
    from medley.tables.reading.read import Table

MODEL = "Salesforce/blip-image-captioning-large"
"""Of those that the hub has as safetensors, one that writes one plain sentence."""

_COUNTS = ("max_length", "num_beams", "batch_size")

_EXAMPLES = f"""\
examples:
  medley caption rooms.csv --image photo --model vit-gpt2-folder -o captioned.csv
  medley caption rooms.parquet --image photo --column text -o captioned.parquet
  medley caption rooms.csv --image photo --num-beams 4 --max-length 16 -o captioned.csv

The table is written with one more column, captions; where it has that column, cells that hold a text stay as they are
and only empty ones are filled. What was written for an image is kept, so a command that was stopped goes on where it
was. Without --model it is {MODEL}, from the hub or what was
downloaded before; HF_HUB_OFFLINE=1 keeps it from asking the hub.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("table", metavar="FILE", help="rows: CSV, Parquet, JSON lines, Feather, or a folder")
    parser.add_argument("--image", metavar="COLUMN", required=True, help="the column of images: paths, mostly")
    parser.add_argument(
        "--model", metavar="FOLDER", default=MODEL, help="an image-to-text model: a folder, or a name on the hub"
    )
    parser.add_argument("--column", metavar="NAME", default="caption", help="the column of texts; caption, if left out")
    parser.add_argument(
        "-o", "--output", metavar="OUT", default="-", help=f"a file ({', '.join(ENDINGS)}); printed as CSV, if left out"
    )
    parser.add_argument("--root", metavar="DIR", help="where relative paths in cells count from; else beside the table")
    parser.add_argument("--prompt", metavar="TEXT", help="how texts begin; of models that one chats with, the question")
    parser.add_argument("--max-length", metavar="N", type=int, default=32, help="tokens of a text at most; 32")
    parser.add_argument("--num-beams", metavar="N", type=int, default=1, help="ways that are searched at once; 1")
    parser.add_argument("--batch-size", metavar="N", type=int, default=8, help="images at once; 8")
    parser.add_argument(
        "--on-bad-file",
        choices=("warn", "raise"),
        default="warn",
        help="images that cannot be read get no text and a warning, or stop it all",
    )


def run(args: argparse.Namespace) -> None:
    """Writes the table with its captions.

    Raises:
        DataError: there is no such table, column or model, or the output cannot be written; all errors at once.
    """
    errors = ErrorCollector()
    check_output(args.output, errors)
    if args.output != "-" and Path(args.output).resolve() == Path(args.table).resolve():
        errors.add(f"-o {args.output} is the table itself; give another file.")
    if args.column == args.image:
        errors.add(f"--column {args.column} is the column of images; give another name.")
    table = _table(args, errors)
    captions = _captions(args, table, errors)
    errors.raise_if_any(DataError)
    assert table is not None
    assert captions is not None
    frame = table.frame.copy(deep=False)
    before: Any = frame[args.column] if args.column in frame.columns else [None] * len(frame)
    frame[args.column] = found = captions.fill(
        before, list(frame[args.image]), root=table.root, on_bad_file=args.on_bad_file
    )
    if all(one is None for one in found):
        raise DataError(f"--image {args.image}: not one of {len(frame)} cells holds an image that can be read.")
    write_frame(frame, args.output)
    if args.output != "-":
        written = sum(new is not None and new != old for new, old in zip(found, before, strict=True))
        print(f"{written:,} captions written, {len(found) - written:,} rows as they were", file=sys.stderr)


def _table(args: argparse.Namespace, errors: ErrorCollector) -> Table | None:
    """The table, its cells as they are written: they are to come out as they went in."""
    from medley.tables.reading.read import read

    try:
        columns = list(read(args.table, args.root).frame.columns)
        if args.image not in columns:
            errors.add(f"--image {args.image}: there is no such column.{did_you_mean(args.image, columns)}")
        return read(args.table, args.root, as_text=columns)
    except MedleyError as error:
        errors.collect(error)
        return None


def _captions(args: argparse.Namespace, table: Table | None, errors: ErrorCollector) -> CaptionImages | None:
    from medley.image.captions import CaptionImages, is_blank

    settings = {name: getattr(args, name) for name in (*_COUNTS, "prompt")}
    is_full = table is not None and args.column in table.frame and not any(map(is_blank, table.frame[args.column]))
    wrong = [name for name in _COUNTS if settings[name] < 1]
    for name in wrong:
        errors.add(f"--{name.replace('_', '-')} must be a whole number from 1, got {settings[name]}.")
    if wrong:
        return None
    try:
        captions = CaptionImages(args.model, **settings)
        if not is_full:
            captions.check_model()
    except MedleyError as error:
        errors.collect(error)
        return None
    return captions
