"""How fast rows are answered: in a process, and by a server under the load of another process.

    python benchmarks/serve.py                     a table of 14 columns, made up
    python benchmarks/serve.py --data FOLDER       the table adult/adult.csv.gz

A model is trained for two epochs (its size is what counts), saved and exported. Then:

1. One row, and 100,000 rows, in this process: `predict` of a frame, `predictor()` of a dict, beside the bare network
   on encoded arrays. The calls take turns, so that a busy machine disturbs all of them alike.
2. `medley serve` in another process, asked by 1, 8 and 64 clients over connections that stay open, each one row at a
   time; beside it a server of the same kind that only runs the network on encoded arrays. Every answer is compared with
   the one that `predict` gives to that row, so none can be lost or swapped.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

CLIENTS = (1, 8, 64)
TARGET = "income"


def made_up(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = {f"number_{i}": rng.normal(size=rows).round(3) for i in range(6)}
    words = {f"word_{i}": rng.choice([f"w{j}" for j in range(3 + 4 * i)], rows) for i in range(8)}
    score = numbers["number_0"] + (words["word_0"] == "w0") + rng.normal(size=rows)
    return pd.DataFrame({**numbers, **words, TARGET: np.where(score > 0.5, "high", "low")})


def rows_of(folder: str | None, rows: int) -> pd.DataFrame:
    if folder is None:
        return made_up(rows)
    table = pd.read_csv(Path(folder) / "adult" / "adult.csv.gz", skipinitialspace=True)
    return table.iloc[:rows]


def seconds(call: Any, clock: Any = time.perf_counter) -> float:
    start = clock()
    call()
    return clock() - start


def in_process(model: Any, exported: Any, rows: pd.DataFrame, results: list[list[Any]]) -> None:
    import torch

    table = rows.drop(columns=TARGET)
    one = table.iloc[:1]
    cells = one.to_dict("records")[0]
    predictor, fast = model.predictor(), exported.predictor()
    batch = model._rows(model._inputs_of(one, None, "warn")).slice(0, 1)
    feed = feed_of(exported, one)

    def bare() -> None:
        with torch.no_grad():
            model.network(batch)

    calls = {
        "bare network, torch": bare,
        "bare network, ONNX": lambda: exported.session.run(None, feed),
        "predict(frame)": lambda: model.predict(one),
        "predict([dict])": lambda: model.predict([cells]),
        "predictor()(dict)": lambda: predictor(cells),
        "runtime: predictor()(dict)": lambda: fast(cells),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    cpu_times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(300):
        for name, call in calls.items():
            times[name].append(seconds(call))
            cpu_times[name].append(seconds(call, time.process_time))
    for name, listed in times.items():
        p50, p99 = 1000 * median(listed), 1000 * float(np.percentile(listed, 99))
        results.append(["one row", name, 1, p50, p99, "", 1000 * median(cpu_times[name])])
    many = pd.concat([table] * (100_000 // len(table) + 1), ignore_index=True).iloc[:100_000]
    encoded = model._rows(model._inputs_of(many, None, "warn"))

    def bare_many() -> None:
        with torch.no_grad():
            for start in range(0, len(many), 1024):
                model.network(encoded.slice(start, min(start + 1024, len(many))))

    pairs = [(seconds(bare_many), seconds(lambda: model.predict(many))) for _ in range(3)]
    for place, name in enumerate(("bare network, torch", "predict(frame)")):
        rate = len(many) / median(pair[place] for pair in pairs)
        results.append(["100,000 rows", name, 1, "", "", round(rate), ""])


def feed_of(exported: Any, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What the ONNX graph reads of some rows."""
    from medley.data.sources import encode_inputs

    table = exported.table.read(rows)
    encoded = encode_inputs(exported.sources, exported.table.x(table))
    feed = {}
    for port in exported.manifest.ports:
        feed[port.array] = encoded[port.source.name].array
        feed[port.present] = encoded[port.source.name].present
    return feed


def bare_server(path: str, port: int) -> None:
    """A server of the same kind that runs the network on encoded arrays, one request at a time."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from medley.runtime import load

    exported = load(path, threads=1)
    types = {node.name: {"tensor(bool)": bool, "tensor(int32)": np.int32}.get(node.type, np.float32)
             for node in exported.session.get_inputs()}  # fmt: skip

    async def predict(request: Request) -> JSONResponse:
        content = json.loads(await request.body())
        feed = {name: np.array(cells, types[name]) for name, cells in content.items()}
        return JSONResponse([output.tolist() for output in exported.session.run(None, feed)])

    app = Starlette(routes=[Route("/models/model/predict", predict, methods=["POST"])])
    uvicorn.run(app, port=port, log_config=None, access_log=False)


async def ask(reader: Any, writer: Any, body: bytes) -> Any:
    head = "POST /models/model/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    status = int(answer.split(b" ", 2)[1])
    size = next(
        int(line.split(b":")[1]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    content = json.loads(await reader.readexactly(size))
    if status != 200:
        raise RuntimeError(f"{status}: {content}")
    return content


async def load(port: int, bodies: list[bytes], clients: int, requests: int) -> tuple[list[float], float, list[Any]]:
    """Seconds of each request, seconds in all, and the answers in the order of the requests, client by client."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    for reader, writer in connections:
        await ask(reader, writer, bodies[0])
    times: list[float] = []

    async def client(number: int) -> list[Any]:
        reader, writer = connections[number]
        answers = []
        for place in range(number * requests, (number + 1) * requests):
            start = time.perf_counter()
            answers.append(await ask(reader, writer, bodies[place % len(bodies)]))
            times.append(time.perf_counter() - start)
        return answers

    start = time.perf_counter()
    answers = await asyncio.gather(*(client(number) for number in range(clients)))
    total = time.perf_counter() - start
    for _, writer in connections:
        writer.close()
    return times, total, [answer for listed in answers for answer in listed]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_server(arguments: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, *arguments, str(port)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    raise RuntimeError("the server does not start")


def under_load(path: Path, exported: Any, rows: pd.DataFrame, requests: int, results: list[list[Any]]) -> None:
    table = rows.drop(columns=TARGET).iloc[:512]
    records = json.loads(table.to_json(orient="records"))
    expected = exported.predict(table)[TARGET].tolist()
    bodies = {
        "medley serve": [json.dumps({"rows": [record]}).encode() for record in records],
        "bare network": [
            json.dumps({name: array[None].tolist() for name, array in zip(feed, arrays, strict=True)}).encode()
            for feed in [feed_of(exported, table)]
            for arrays in zip(*feed.values(), strict=True)
        ],
    }
    servers = {
        "medley serve": ["-m", "medley.cli.main", "serve", f"model={path}", "--port"],
        "bare network": [__file__, "--bare", str(path), "--port"],
    }
    for name, arguments in servers.items():
        process, port = start_server(arguments)
        try:
            asyncio.run(load(port, bodies[name], 8, 50))  # warm
            for clients in CLIENTS:
                share = max(requests // clients, 20)
                times, total, answers = asyncio.run(load(port, bodies[name], clients, share))
                assert len(answers) == clients * share
                if name == "medley serve":
                    given = [answer["answers"][0][TARGET]["prediction"] for answer in answers]
                    assert given == [expected[place % len(expected)] for place in range(len(given))]
                p50, p99 = 1000 * median(times), 1000 * float(np.percentile(times, 99))
                results.append(["server", name, clients, p50, p99, round(len(times) / total), ""])
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", help="folder with adult/adult.csv.gz")
    parser.add_argument("--requests", type=int, default=2_000, help="per number of clients; 0 for no server")
    parser.add_argument("--csv", metavar="FILE", help="write the results there, too")
    parser.add_argument("--bare", metavar="ONNX", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        bare_server(args.bare, args.port)
        return
    import gc

    import medley as md
    from medley.runtime import load as load_exported

    rows = rows_of(args.data, 3_000)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = md.fit(rows, TARGET, max_trials=1, epochs=2, verbose=0)
        path = model.export(Path(folder) / "model.onnx")
        exported = load_exported(path, threads=1)
        results: list[list[Any]] = []
        gc.freeze()
        in_process(model, exported, rows, results)
        if args.requests:
            under_load(path, exported, rows, args.requests, results)
    header = ["what", "how", "clients", "p50 ms", "p99 ms", "rows/s", "CPU ms"]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {rows.shape[1] - 1} columns")
    for line in [header, *results]:
        shown = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in line]
        print("{:<13} {:<27} {:>7} {:>8} {:>8} {:>8} {:>8}".format(*shown))
    if args.csv:
        with open(args.csv, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *results])


if __name__ == "__main__":
    main()
