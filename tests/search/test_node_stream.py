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
from medley.tables.reading import remote, shards
from medley.tables.reading.arrow_files import parquet_batches
from medley.tables.reading.shards import Shard, row_group_shards, shards_of

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


def test_shards_are_whole_row_groups_of_one_file(tmp_path):
    _, frame = write_table(tmp_path)
    paths = [tmp_path / "table" / name for name in ("a.parquet", "b.parquet")]
    parts = shards_of([f"file://{path}" for path in paths], row_group_shards(paths))
    assert [(shard.place, shard.row_groups, shard.start) for shard in parts] == [
        (0, range(2), 0),  # 250 rows are too few
        (0, range(2, 4), 500),
        (1, range(2), 1_000),
        (1, range(2, 4), 1500),
    ]
    frames = [part for shard in parts for part in parquet_batches(paths[shard.place], 90, ["price"], shard)]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), frame[["price"]])


def test_only_the_row_groups_and_columns_of_a_shard_are_transferred(tmp_path):
    file = tmp_path / "table.parquet"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40_000, 4)), columns=list("abcd"))
    frame.to_parquet(file, row_group_size=10_000)
    transferred = []
    with pytest.MonkeyPatch.context() as patch:
        opened = remote._file_system("file").open

        def open_counting(path, mode):
            stream = opened(path, mode)
            read_bytes = stream.read
            stream.read = lambda *size: transferred.append(data := read_bytes(*size)) or data
            return stream

        patch.setattr(type(remote._file_system("file")), "open", lambda self, path, mode: open_counting(path, mode))
        shard = Shard(0, f"file://{file}", range(1, 2), 10_000)
        batch = next(parquet_batches(file, 10_000, ["b"], shard))
    np.testing.assert_array_equal(batch.b, frame.b[10_000:20_000])
    assert 80_000 < sum(map(len, transferred)) < 200_000 < file.stat().st_size / 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Trial .*photo. 1 files or cells")
@pytest.mark.parametrize("is_group", [False, True])
def test_workers_encode_a_table_on_shared_storage(tmp_path, monkeypatch, is_group):
    """The search reads it, and encodes nothing; two workers, or the two processes of one, do."""
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "BEAT_SECONDS", 0.2)
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
    encoded = {path.parent.name: path.stat().st_size for path in (tmp_path / "cache" / "tables").glob("*/0.rows")}
    assert encoded
    assert not list((tmp_path / "cache" / "tables").glob(".new-*"))
    predicted = model.predict(frame[:500].assign(photo=str(tmp_path / "images" / "0.png"))).price
    assert np.corrcoef(predicted, frame.price[:500])[0, 1] > 0.8
