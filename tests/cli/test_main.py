"""The command line as a whole: help, versions, errors, exit codes."""

import re
import subprocess
import sys

import pytest

from medley import __version__
from medley.cli import blocks
from medley.cli.main import COMMANDS, main
from medley.errors import DataError


def medley(*arguments, **options):
    command = [sys.executable, "-m", "medley.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def exit_code_of(*arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    return error.value.code


def test_help_lists_every_command(capsys):
    assert exit_code_of("--help") == 0
    output = capsys.readouterr().out
    assert all(re.search(rf"\n    {command}\s", output) for command in COMMANDS)
    assert "examples:" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(capsys, command):
    assert exit_code_of(command, "--help") == 0
    output = capsys.readouterr().out
    assert f"usage: medley {command}" in output
    assert f"examples:\n  medley {command}" in output


def test_version_lists_the_dependencies(capsys):
    assert exit_code_of("--version") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"medley {__version__}"
    assert any(line.startswith("torch 2.") for line in lines)


def test_help_version_and_invalid_arguments_import_no_heavy_packages():
    code = (
        "import sys\n"
        "from medley.cli.main import main\n"
        "for words in ['--help'], ['--version'], ['trials', '--help'], ['describe'], ['no-such-verb']:\n"
        "    try: main(words)\n"
        "    except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'rich', 'sklearn', 'optuna'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr


def test_python_dash_m_medley_runs_the_command_line():
    command = [sys.executable, "-m", "medley", "--version"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(f"medley {__version__}\n")


def test_no_command_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "usage: medley" in capsys.readouterr().err


def test_invalid_commands_exit_with_2(capsys):
    assert exit_code_of("descibe") == 2
    assert "there is no command 'descibe'. Did you mean 'describe'?" in capsys.readouterr().err
    assert exit_code_of("describe") == 2
    assert "MODEL_DIR" in capsys.readouterr().err


def test_an_error_prints_one_message_and_exits_with_2(tmp_path):
    process = medley("describe", str(tmp_path / "nothing"))
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith(f"medley: {tmp_path / 'nothing'} contains neither")
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("2 errors:\n- one\n- two"), 2, "medley: 2 errors:\n- one\n- two\n"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), 2, "x.csv"),
        (KeyboardInterrupt(), 130, "medley: interrupted\n"),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, message):
    def fail(args):
        raise error

    monkeypatch.setattr(blocks, "run", fail)
    assert main(["blocks"]) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
    for arguments in (["--debug", "blocks"], ["blocks", "--debug"]):
        with pytest.raises(type(error)):
            main(arguments)


def test_bugs_in_medley_are_not_hidden(monkeypatch):
    def fail(args):
        raise ZeroDivisionError

    monkeypatch.setattr(blocks, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["blocks"])


@pytest.mark.parametrize("arguments", [["blocks"], ["--help"], ["--version"], ["fit", "--help"]])
def test_a_closed_pipe_is_not_an_error(arguments):
    with subprocess.Popen(
        [sys.executable, "-m", "medley.cli.main", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


def test_custom_blocks_are_imported_by_module_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts_of_mine.py").write_text(PART.format(name="mine"))
    (tmp_path / "broken_parts.py").write_text("import no_such_package\n")
    assert main(["blocks", "mine.twice"]) == 2
    assert "There is no block 'mine.twice'" in capsys.readouterr().err
    assert main(["blocks", "mine.twice", "--import", "parts_of_mine"]) == 0
    assert "Twice (mine.twice), Layer" in capsys.readouterr().out
    for name, message in (
        ("nowhere", "there is no such module"),
        ("parts_of_mine.py", "without .py"),
        ("broken_parts", "it imports 'no_such_package'"),
    ):
        assert main(["blocks", "--import", name]) == 2
        assert message in capsys.readouterr().err


def test_invalid_numbers_are_reported_with_their_option(capsys):
    for option in ("--trials", "--max-trials", "--epochs", "--seed"):
        assert exit_code_of("fit", "x.csv", option, "many") == 2
        err = capsys.readouterr().err
        assert "must be a whole number, such as 20, got 'many'" in err
        assert option in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fit", "x.csv", "price"],
            "'price' is an unexpected argument. To predict a column, write --target price",
        ),
        (["fit", "x.csv", "--tagret", "price"], "unknown option --tagret. Did you mean '--target'?"),
        (["describe", "a", "b"], "'b' is an unexpected argument."),
    ],
)
def test_unexpected_arguments_are_reported_with_a_hint(capsys, arguments, message):
    assert exit_code_of(*arguments) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"medley {arguments[0]}: error: {message}")


@pytest.mark.parametrize("arguments", [["--targt", "price"], ["--verson"], ["-x"], ["--debug", "--out=x"]])
def test_an_unknown_option_without_a_command_is_reported(arguments):
    process = medley(*arguments)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert "unknown option" in process.stderr or "invalid choice" in process.stderr


WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = None; from medley.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "pets.csv", "--target", "a"],
        ["predict", "model", "pets.csv"],
        ["describe", "model"],
        ["trials", "model"],
    ],
)
def test_without_torch_a_command_says_what_to_install(arguments, tmp_path):
    (tmp_path / "pets.csv").write_text("a,b\n1,2\n3,4\n")
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.strip().endswith("torch, which is not installed. Install it: pip install torch")
    assert "Traceback" not in process.stderr


def test_without_torch_the_python_api_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import medley; medley.load"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    expected = "MissingDependencyError: medley.load needs torch, which is not installed. Install it: pip install torch"
    assert expected in process.stderr


def test_a_module_of_medley_that_is_missing_is_no_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "medley.cli.blocks", None)
    with pytest.raises(ModuleNotFoundError, match=r"medley\.cli\.blocks"):
        main(["blocks"])
