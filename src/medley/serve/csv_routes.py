"""`POST /models/M/predict.csv`: a table in a text file in, the same table with answers out."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from medley.errors import MedleyError
from medley.serve.body import read_body
from medley.serve.loaded import Loaded, Predicted
from medley.serve.model_request import ModelRequest
from medley.serve.refusal import Refusal
from medley.serve.rows import Options, checked_rows

router = APIRouter()


@router.post("/models/{name}/predict.csv")
async def predict_csv(request: Request, name: str) -> Response:
    """Answers as columns after those of the table; cells that cannot be read count as missing."""
    model_request = ModelRequest.of(request, name)
    loaded, limits = model_request.loaded, model_request.settings.limits
    frame = await run_in_threadpool(read_csv, await read_body(request, limits), loaded)
    rows = checked_rows(_records(frame, loaded), loaded.fields, limits)
    options = Options(probabilities=request.query_params.get("probabilities", "true") != "false", on_unreadable="warn")
    predicted = await model_request.predicted(rows, options)
    text = await run_in_threadpool(_csv_of, frame, predicted)
    headers = {
        "content-disposition": f'attachment; filename="{loaded.name}-answers.csv"',
        "medley-rows": str(len(rows)),
        "medley-unreadable-cells": str(len(predicted.warnings)),
    }
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def read_csv(body: bytes, loaded: Loaded) -> Any:
    """A table in CSV (of any delimiter) as a frame.

    Raises:
        Refusal: it cannot be read, or lacks columns.
    """
    if loaded.view is None:
        inputs = ", ".join(field.name for field in loaded.fields)
        raise Refusal(422, f"The model reads inputs ({inputs}) rather than a table: send rows as JSON.")
    if b"\0" in body[:1024] or body.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK")):
        raise Refusal(415, "The table must be a text file in UTF-8, neither compressed nor of another format.")
    stream = BytesIO(body)
    stream.name = "table.csv"
    try:
        return loaded.view.read(stream, empty=True).frame
    except MedleyError as error:
        raise Refusal(422, str(error)) from None


def _records(frame: Any, loaded: Loaded) -> list[dict[str, Any]]:
    """Rows of the columns that the model reads, in Python's types; cells without a value are None."""
    cells = {}
    for field in loaded.fields:
        series = frame[field.name]
        values = series.astype(object).where(series.notna(), None)
        cells[field.name] = [value.item() if hasattr(value, "item") else value for value in values.tolist()]
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _csv_of(frame: Any, predicted: Predicted) -> str:
    import pandas as pd

    columns = {f"{name}_predicted" if name in frame.columns else name: cells for name, cells in predicted.columns}
    answers = pd.DataFrame(columns, index=frame.index)
    return pd.concat([frame, answers], axis=1).to_csv(index=False)
