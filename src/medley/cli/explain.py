"""`medley explain`: what each column, word and pixel of a row added to its prediction."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model, read_rows
from medley.cli.options import add_device, add_on_unreadable, add_root
from medley.cli.table_argument import add_table, table_of
from medley.cli.tables import show_table
from medley.core.files import replacing
from medley.errors import DataError, ErrorCollector

if TYPE_CHECKING:
    from medley.model.attribution import Attribution, Part
    from medley.tables.reading.read import Table

MOST_OTHERS = 200
BAR = 12

_EXAMPLES = """\
examples:
  medley explain pets-model new.csv --row 3
  medley explain pets-model new.csv --row 3 --row 7 --target breed -o page.html

The row is compared with the other rows of the table: the amounts of all columns sum to its prediction minus the mean
prediction for them. Rows are counted from 0. The page shows words of texts and heat maps of images, too.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a folder written by medley fit or Model.save")
    add_table(parser, "rows, in any form that medley fit takes")
    parser.add_argument(
        "--row", metavar="N", type=int, action="append", required=True, help="row to explain, from 0; may be repeated"
    )
    parser.add_argument("--target", metavar="NAME", help="the target whose prediction is explained (default: all)")
    parser.add_argument(
        "--label", metavar="CLASS", help="the class whose probability is explained (default: the most probable one)"
    )
    parser.add_argument("--samples", metavar="N", type=int, default=64, help="orders of columns (default: 64)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the orders (default: 0)")
    parser.add_argument("-o", "--output", metavar="PAGE", type=Path, help="write a page (.html) with texts and images")
    add_root(parser)
    add_device(parser)
    add_on_unreadable(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print or write the attributions.

    Raises:
        DataError: the model, the table or a row does not exist, or the page cannot be written (all are reported).
    """
    errors = ErrorCollector()
    output: Path | None = args.output
    if output is not None and (output.suffix != ".html" or not output.parent.is_dir()):
        errors.add(f"-o {output}: the page must be a file that ends in .html, in a folder that exists.")
    model = open_model(args.model, errors, args.device)
    source = table_of(args, [] if model is None or model.table is None else model.table.required)
    table = read_rows(model, source, args.root, errors)
    if table is not None:
        for row in (row for row in args.row if not 0 <= row < len(table)):
            errors.add(f"--row {row}: the table has the rows 0 to {len(table) - 1}.")
    errors.raise_if_any(DataError)
    assert model is not None
    assert table is not None
    target = args.target if args.target is None else _head_of(model.table, args.target)
    label = args.label if args.label is None else _label_of(model.targets, target or model.output_names[0], args.label)
    items = model.attribute(
        _rows(table, args.row),
        target,
        label,
        background=_others(table, args.row, args.seed),
        samples=args.samples,
        steps=8 if output is not None else 0,
        on_unreadable=args.on_unreadable,
        seed=args.seed,
    )
    numbered = [replace(item, row=args.row[item.row]) for item in items]
    if args.json:
        print_json([_document(item) for item in numbered])
    elif output is None:
        for item in numbered:
            _show(item)
    if output is None:
        return
    from medley.report.attribution_html import attribution_page

    with replacing(output) as temporary:
        temporary.write_text(attribution_page(numbered, f"Explanation of {Path(table.origin).name}"), "utf-8")
    print(f"written: {output}", file=sys.stderr)


def _rows(table: Table, rows: list[int]) -> Table:
    return replace(table, frame=table.frame.iloc[rows])


def _others(table: Table, rows: list[int], seed: int) -> Table | None:
    """Other rows of the table; None if there are none."""
    others = np.setdiff1d(np.arange(len(table)), rows)
    drawn = np.random.default_rng(seed).permutation(others)[:MOST_OTHERS]
    return _rows(table, drawn.tolist()) if len(drawn) else None


def _head_of(view: object, column: str) -> str:
    """The head of a target column; the name itself if there is none, which is reported where it is used."""
    targets: dict[str, str] = getattr(view, "targets", {})
    return next((head for head, name in targets.items() if name == column), column)


def _label_of(targets: object, head: str, text: str) -> object:
    """The class that is written like `text`; the text itself if there is none."""
    codec = targets.get(head) if isinstance(targets, dict) else None
    return next((label for label in getattr(codec, "labels", None) or () if str(label) == text), text)


def _document(item: Attribution) -> dict[str, Any]:
    parts = [
        {name: getattr(part, name) for name in ("column", "kind", "cell", "amount", "error")} for part in item.parts
    ]
    head = {"row": item.row, "target": item.target, "label": item.label}
    return {**head, "output": item.output, "reference": item.reference, "parts": parts}


def _show(item: Attribution) -> None:
    from medley.report.attribution_html import headline, number

    largest = max((abs(part.amount) for part in item.parts), default=0.0) or 1.0
    title = (
        f"row {item.row}, {headline(item)}: {number(item.output)}; {number(item.reference)} on average for the rows "
        "that it is compared with"
    )
    rows = [
        (part.column, part.cell[:60], _bar(part, largest), f"{part.amount:+.4g}", number(part.error))
        for part in item.ranked
    ]
    show_table(title, ("column", "cell", "", "amount", "± error"), rows, right=("amount", "± error"))
    for part in (part for part in item.parts if part.words):
        words = sorted(part.words, key=lambda word: -abs(word.amount))[:10]
        show_table(f"words of {part.column}", ("words", "amount"), [(w.text, f"{w.amount:+.4g}") for w in words])


def _bar(part: Part, largest: float) -> str:
    length = round(abs(part.amount) / largest * BAR)
    return ("+" if part.amount >= 0 else "-") * length
