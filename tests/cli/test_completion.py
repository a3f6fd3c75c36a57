"""`medley completion`."""

import shutil
import subprocess

import pytest

from medley.cli.completion import script
from medley.cli.main import COMMANDS, main


def completed(line):
    """What bash proposes for the last word of a line."""
    words = line.split(" ")
    array = " ".join(f"'{word}'" for word in words)
    call = f"COMP_WORDS=({array})\nCOMP_CWORD={len(words) - 1}\n_medley\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    code = f"{script('bash')}\n{call}"
    result = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_options_values_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets.csv").touch()
    assert completed("medley ") == list(COMMANDS)
    assert completed("medley ev") == ["evaluate"]
    assert completed("medley fit --tim") == ["--time", "--time-limit"]
    assert completed("medley predict --prob") == ["--proba"]
    assert completed("medley fit pets.csv --on-bad-file ") == ["warn", "raise", "drop"]
    assert completed("medley completion --") == ["--help", "--quiet", "--verbose"]
    assert completed("medley fit pe") == ["pets.csv"]


@pytest.mark.parametrize(("shell", "check"), [("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_scripts_of_other_shells(capsys, tmp_path, shell, check):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command in text
    assert "on-bad-file" in text
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed; its script was not parsed")
    (tmp_path / "script").write_text(text)
    subprocess.run([*check, str(tmp_path / "script")], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_commands_options_and_values(tmp_path):
    (tmp_path / "script").write_text(script("fish"))

    def proposed(line):
        code = f"source {tmp_path / 'script'}; complete -C '{line}'"
        result = subprocess.run(
            ["fish", "--no-config", "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert result.stderr == ""
        return [proposal.partition("\t")[0] for proposal in result.stdout.splitlines()]

    assert proposed("medley ev") == ["evaluate"]
    assert sorted(proposed("medley ")) == sorted(COMMANDS)
    assert proposed("medley predict --prob") == ["--proba"]
    assert sorted(proposed("medley fit pets.csv --on-bad-file ")) == ["drop", "raise", "warn"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_registers_the_completion(tmp_path):
    text = script("zsh").replace("compinit &&", f"compinit -u -d {tmp_path / 'dump'} &&", 1)
    (tmp_path / "script").write_text(text)
    code = f"source {tmp_path / 'script'}; print -r -- ${{_comps[medley]}} ${{+functions[_medley]}}"
    result = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == ""
    assert result.stdout.split() == ["_bash_complete", "-o", "filenames", "-F", "_medley", "1"]


def test_an_unknown_shell_is_reported(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    assert "bash" in capsys.readouterr().err
