"""`medley caption`: generate captions for the images of a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.options import add_root
from medley.cli.output import ENDINGS, add_rows_as_json, output_of, write_frame
from medley.cli.table_argument import add_table, table_of
from medley.core.arguments import check_whole_number
from medley.errors import DataError, ErrorCollector, MedleyError, did_you_mean

if TYPE_CHECKING:
    from medley.image.captions import CaptionImages
    from medley.tables.reading.read import Table

MODEL = "Salesforce/blip-image-captioning-large"
"""The default model: it writes one plain sentence, and its weights are safetensors."""

_COUNTS = ("max_length", "num_beams", "batch_size")

_EXAMPLES = f"""\
examples:
  medley caption rooms.csv --image photo --model vit-gpt2-folder -o captioned.csv
  medley caption rooms.parquet --image photo --column text -o captioned.parquet
  medley caption rooms.csv --image photo --num-beams 4 --max-length 16 -o captioned.csv

The output is the table with a column of captions. If the table has that column already, only empty cells are filled.
Captions are cached, so an interrupted command resumes where it stopped when you run it again. The default model is
{MODEL}, from the local cache or downloaded from the Hugging Face hub; with
HF_HUB_OFFLINE=1 nothing is downloaded.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    add_table(parser)
    parser.add_argument("--image", metavar="COLUMN", required=True, help="the column of images, usually file paths")
    parser.add_argument(
        "--model",
        metavar="FOLDER",
        default=MODEL,
        help="an image-to-text model: a folder, or a name on the Hugging Face hub",
    )
    parser.add_argument("--column", metavar="NAME", default="caption", help="the column of captions (default: caption)")
    parser.add_argument(
        "-o", "--output", metavar="OUT", default="-", help=f"a file ({', '.join(ENDINGS)}); by default printed as CSV"
    )
    add_root(parser)
    parser.add_argument("--prompt", metavar="TEXT", help="the beginning of each caption; for chat models, the question")
    parser.add_argument(
        "--max-length", metavar="N", type=int, default=32, help="the maximum number of tokens per caption (default: 32)"
    )
    parser.add_argument(
        "--num-beams", metavar="N", type=int, default=1, help="the number of beams in beam search (default: 1)"
    )
    parser.add_argument("--batch-size", metavar="N", type=int, default=8, help="images per batch (default: 8)")
    parser.add_argument(
        "--on-bad-file",
        choices=("warn", "raise"),
        default="warn",
        help="for images that cannot be read: warn and leave the caption empty, or stop with an error (default: warn)",
    )
    add_rows_as_json(parser)


def run(args: argparse.Namespace) -> None:
    """Write the table with captions.

    Raises:
        DataError: the table, column or model does not exist, or the output cannot be written (all are reported).
    """
    errors = ErrorCollector()
    output = output_of(args, errors)
    if args.output != "-" and Path(args.output).resolve() in map(Path.resolve, map(Path, args.table)):
        errors.add(f"-o {args.output} is the table itself; choose another file.")
    if args.column == args.image:
        errors.add(f"--column {args.column} is the column of images; choose another name.")
    table = _read_table(args, errors)
    captions = _captioner(args, table, errors)
    errors.raise_if_any(DataError)
    assert table is not None
    assert captions is not None
    frame = table.frame.copy(deep=False)
    previous: Any = frame[args.column] if args.column in frame.columns else [None] * len(frame)
    frame[args.column] = texts = captions.fill(
        previous, list(frame[args.image]), root=table.root, on_bad_file=args.on_bad_file
    )
    if all(caption is None for caption in texts):
        raise DataError(f"--image {args.image}: none of {len(frame)} cells has an image that can be read.")
    write_frame(frame, output)
    if args.output != "-" and args.verbose:
        written = sum(new is not None and new != old for new, old in zip(texts, previous, strict=True))
        print(f"{written:,} captions written, {len(texts) - written:,} rows unchanged", file=sys.stderr)


def _read_table(args: argparse.Namespace, errors: ErrorCollector) -> Table | None:
    """Read the table with all cells as text, so that they are written back unchanged."""
    from medley.tables.reading.read import read

    try:
        source = table_of(args, [args.image])
        columns = list(read(source, args.root).frame.columns)
        if args.image not in columns:
            errors.add(f"--image {args.image}: there is no such column.{did_you_mean(args.image, columns)}")
        return read(source, args.root, as_text=columns)
    except MedleyError as error:
        errors.collect(error)
        return None


def _captioner(args: argparse.Namespace, table: Table | None, errors: ErrorCollector) -> CaptionImages | None:
    from medley.image.captions import CaptionImages, is_blank

    settings = {name: getattr(args, name) for name in (*_COUNTS, "prompt")}
    is_full = table is not None and args.column in table.frame and not any(map(is_blank, table.frame[args.column]))
    count_errors = ErrorCollector()
    for name in _COUNTS:
        check_whole_number(count_errors, settings[name], f"--{name.replace('_', '-')}")
    if count_errors.errors:
        errors.errors += count_errors.errors
        return None
    try:
        captions = CaptionImages(args.model, **settings)
        if not is_full:
            captions.check_model()
    except MedleyError as error:
        errors.collect(error)
        return None
    return captions
