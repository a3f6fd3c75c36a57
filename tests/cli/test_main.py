"""The command line as a whole: help, versions, errors, exit codes."""

import subprocess
import sys

import pytest

from medley import __version__
from medley.cli import blocks
from medley.cli.main import VERBS, main
from medley.errors import DataError


def medley(*words, **options):
    command = [sys.executable, "-m", "medley.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def stopped(*words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    return stop.value.code


def test_help_names_every_verb(capsys):
    assert stopped("--help") == 0
    told = capsys.readouterr().out
    assert all(f"\n    {verb} " in told for verb in VERBS)
    assert "examples:" in told


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_examples(capsys, verb):
    assert stopped(verb, "--help") == 0
    told = capsys.readouterr().out
    assert f"usage: medley {verb}" in told
    assert f"examples:\n  medley {verb}" in told


def test_version_tells_what_medley_stands_on(capsys):
    assert stopped("--version") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"medley {__version__}"
    assert any(line.startswith("torch 2.") for line in lines)


def test_help_version_and_wrong_words_import_nothing_heavy():
    code = (
        "import sys\n"
        "from medley.cli.main import main\n"
        "for words in ['--help'], ['--version'], ['trials', '--help'], ['describe'], ['no-such-verb']:\n"
        "    try: main(words)\n"
        "    except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'rich', 'sklearn', 'optuna'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_python_dash_m_medley_is_the_command():
    command = [sys.executable, "-m", "medley", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"medley {__version__}\n")


def test_no_verb_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "usage: medley" in capsys.readouterr().err


def test_words_that_make_no_command_end_with_2(capsys):
    assert stopped("descibe") == 2
    assert "descibe" in capsys.readouterr().err
    assert stopped("describe") == 2
    assert "MODEL_DIR" in capsys.readouterr().err


def test_an_error_is_one_message_and_2(tmp_path):
    done = medley("describe", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"medley: {tmp_path / 'nothing'} holds neither")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DataError("2 errors:\n- one\n- two"), 2, "medley: 2 errors:\n- one\n- two\n"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), 2, "x.csv"),
        (KeyboardInterrupt(), 130, "medley: interrupted\n"),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, told):
    def fail(args):
        raise error

    monkeypatch.setattr(blocks, "run", fail)
    assert main(["blocks"]) == code
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""
    for words in (["--debug", "blocks"], ["blocks", "--debug"]):
        with pytest.raises(type(error)):
            main(words)


def test_a_defect_of_ours_is_not_hidden(monkeypatch):
    def fail(args):
        raise ZeroDivisionError

    monkeypatch.setattr(blocks, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["blocks"])


def test_a_reader_that_leaves_early_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "medley.cli.main", "blocks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
    assert process.returncode == 0


PART = """
import torch

from medley.core.layer import Layer


class Twice(Layer, register="{name}.twice"):
    def build(self, *specs):
        return torch.nn.Identity()
"""


def test_parts_of_ones_own_are_imported_by_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts_of_mine.py").write_text(PART.format(name="mine"))
    (tmp_path / "broken_parts.py").write_text("import no_such_package\n")
    assert main(["blocks", "mine.twice"]) == 2
    assert "No part is called 'mine.twice'" in capsys.readouterr().err
    assert main(["blocks", "mine.twice", "--import", "parts_of_mine"]) == 0
    assert "Twice (mine.twice), Layer" in capsys.readouterr().out
    for name, told in (
        ("nowhere", "there is no such module"),
        ("parts_of_mine.py", "without .py"),
        ("broken_parts", "it imports 'no_such_package'"),
    ):
        assert main(["blocks", "--import", name]) == 2
        assert told in capsys.readouterr().err


def test_numbers_that_are_none_are_told_with_the_option(capsys):
    for option in ("--trials", "--max-trials", "--epochs", "--seed"):
        assert stopped("fit", "x.csv", option, "many") == 2
        err = capsys.readouterr().err
        assert "a whole number such as 20 belongs here, not 'many'" in err
        assert option in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["fit", "x.csv", "price"],
            "'price' is an unexpected argument. Columns to predict are named so: --target price",
        ),
        (["fit", "x.csv", "--tagret", "price"], "unknown option --tagret. Did you mean '--target'?"),
        (["describe", "a", "b"], "'b' is an unexpected argument."),
    ],
)
def test_words_that_a_verb_has_no_use_for_are_told_with_a_hint(capsys, words, told):
    assert stopped(*words) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"medley {words[0]}: error: {told}")
