"""Workers read and encode a table on shared storage by themselves, alone and in a group that trains one network."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.search.execute import files
from medley.search.execute.processes import Processes
from medley.search.table_stream import TableStream
from medley.tables.reading import shards

ROWS, GROUP = 2_000, 250


def write_table(folder):
    """A table of numbers and paths of images, in small row groups; the URL of its folder."""
    generator = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(20):
        Image.fromarray(generator.integers(0, 255, (4, 4, 3), dtype=np.uint8)).save(folder / f"images/{number}.png")
    numbers = np.arange(ROWS)
    rows = {"size": generator.normal(size=ROWS), "photo": [f"images/{number % 20}.png" for number in numbers]}
    rows["price"] = rows["size"] * 2 + generator.normal(size=ROWS)
    rows["photo"][7] = "images/none.png"
    frame = pd.DataFrame(rows)
    (folder / "table").mkdir()
    frame[: ROWS // 2].to_parquet(folder / "table" / "a.parquet", row_group_size=GROUP)
    frame[ROWS // 2 :].to_parquet(folder / "table" / "b.parquet", row_group_size=GROUP)
    return f"file://{folder}/table", frame


OPTIONS = {"epochs": 1, "verbose": 0, "memory": "10KB", "tuner": "random", "batch_size": 128}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_ROWS", 400)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Trial .*photo. 1 files or cells")
@pytest.mark.parametrize("is_group", [False, True])
def test_workers_encode_a_table_on_shared_storage(tmp_path, monkeypatch, is_group):
    """The search reads it, and encodes nothing; two workers, or the two processes of one, do."""
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(TableStream, "encode", None)  # of the search; workers are other processes
    url, frame = write_table(tmp_path)
    group = None
    if is_group:
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "medley", "worker"]
        command = [sys.executable, *launch, str(tmp_path / "project"), "--idle", "60s"]
        group = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    executor = files.Files(1) if is_group else Processes(2)
    place = {"directory": tmp_path, "project_name": "project", "root": tmp_path}
    trials = 1 if is_group else 2
    model = md.fit(url, ["price"], max_trials=trials, executor=executor, **place, **OPTIONS)
    if group is not None:
        output, errors = group.communicate(timeout=60)
        assert group.returncode == 0, errors
        assert "1 trial" in output
    assert [row["row"] for row in model.metadata["unreadable_rows"]["photo"]] == [7]
    assert list((tmp_path / "cache" / "tables").glob("*/0.rows"))
    assert not list((tmp_path / "cache" / "tables").glob(".new-*"))
    predicted = model.predict(frame[:500].assign(photo=str(tmp_path / "images" / "0.png"))).price
    assert np.corrcoef(predicted, frame.price[:500])[0, 1] > 0.8
