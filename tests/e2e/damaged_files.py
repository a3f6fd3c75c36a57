"""Damages table files at random and reads them: `python damaged_files.py FOLDER FIRST COUNT`; a line per file.

It runs in a process of its own, because a damaged file may end it.
"""

import gzip
import io
import json
import sqlite3
import sys
import traceback
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

import medley as md
from medley.errors import MedleyError
from medley.tables.columns.infer import infer

ROWS = 60
FIT_EVERY = 4
"""One in so many files is fitted, too."""


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=ROWS),
            "count": rng.integers(0, 9, ROWS),
            "kind": rng.choice(["cat", "dog", "Straße"], ROWS),
            "note": [" ".join(rng.choice(["old", "warm", "mat", "sat"], 5)) for _ in range(ROWS)],
            "seen": pd.date_range("2020", periods=ROWS),
            "tags": [list(rng.choice(["a", "b", "c"], rng.integers(0, 3))) for _ in range(ROWS)],
            "y": rng.normal(size=ROWS),
        }
    )


def originals():
    """File name -> content of an undamaged file."""
    rows = frame()
    plain = rows.drop(columns="tags")
    text = plain.to_csv(index=False).encode()
    files = {
        "t.csv": text,
        "t.csv.gz": gzip.compress(text, mtime=0),
        "u.csv": text.decode().encode("utf-16"),
        "t.json": rows.to_json().encode(),
        "t.jsonl": rows.to_json(orient="records", lines=True).encode(),
    }
    for name, write in {
        "t.parquet": lambda file: rows.to_parquet(file),
        "z.parquet": lambda file: rows.to_parquet(file, compression="gzip", row_group_size=20),
        "t.feather": lambda file: rows.to_feather(file),
        "u.feather": lambda file: rows.to_feather(file, compression="uncompressed", chunksize=20),
    }.items():
        buffer = io.BytesIO()
        write(buffer)
        files[name] = buffer.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    files["t.zip"] = buffer.getvalue()
    if find_spec("python_calamine") and find_spec("openpyxl"):
        buffer = io.BytesIO()
        plain.to_excel(buffer, index=False)
        files["t.xlsx"] = buffer.getvalue()
    connection = sqlite3.connect(":memory:")
    plain.astype({"seen": str}).to_sql("pets", connection, index=False)
    files["t.db"] = connection.serialize()
    return files


def damaged(content, rng):
    """A copy with flipped bits, bytes of other places, or without its end or a part."""
    data = bytearray(content)
    match rng.integers(0, 6):
        case 0 | 1 | 2:
            for place in rng.integers(0, len(data), rng.integers(1, 4)):
                data[place] ^= 1 << int(rng.integers(0, 8))
        case 3:
            for place in rng.integers(0, len(data), rng.integers(1, 9)):
                data[place] = rng.integers(0, 256)
        case 4:
            del data[rng.integers(0, len(data)) :]
        case 5:
            start = int(rng.integers(0, len(data)))
            data[start : start + int(rng.integers(1, 200))] = bytes(rng.integers(0, 256, rng.integers(0, 20), np.uint8))
    return bytes(data)


def outcome_of(path, *, is_fitted):
    table = f"sqlite:///{path}" if path.suffix == ".db" else path
    try:
        infer(table)
        if is_fitted:
            options = {"max_trials": 1, "epochs": 1, "verbose": 0, "pretrained": None}
            md.fit(table, "y", directory=path.parent, overwrite=True, **options)
    except MedleyError as error:
        return f"refused {str(error)[:100]!r}"
    except BaseException as error:
        print(traceback.format_exc(), file=sys.stderr)
        return f"FOREIGN {type(error).__name__}: {str(error)[:100]!r}"
    return "read"


def main(folder, first, count):
    files = originals()
    names = sorted(files)
    warnings.simplefilter("ignore")
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        path = folder / names[number % len(names)]
        path.write_bytes(damaged(files[path.name], rng))
        print(json.dumps([number, path.name]), end=" ", flush=True)
        print(outcome_of(path, is_fitted=number % FIT_EVERY == 0), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
