"""`medley worker`: what it says and when it ends. What it does with trials is in tests/search/execute."""

import json

from medley.cli.main import main
from medley.core.serialization import header
from medley.search.execute.shared_folder import SharedFolder


def test_a_worker_without_a_search_ends(capsys, tmp_path):
    assert main(["worker", str(tmp_path), "--idle", "0.1s"]) == 0
    assert capsys.readouterr().out == "0 trials run\n"


def test_a_worker_of_another_version_leaves_the_trial_to_others(capsys, tmp_path):
    shared = SharedFolder(tmp_path / "search")  # as medley fit -o has it
    shared.make()
    shared.search.write_text(json.dumps({**header(), "format": 99}))
    shared.task("0-0").write_text("{}")
    assert main(["worker", str(tmp_path), "--idle", "0.1s"]) == 2
    assert "format 99" in capsys.readouterr().err
    assert shared.task("0-0").is_file()


def test_an_idle_time_is_checked(capsys, tmp_path):
    assert main(["worker", str(tmp_path), "--idle", "soon"]) == 2
    assert '--idle must be seconds or a string like "90s"' in capsys.readouterr().err
