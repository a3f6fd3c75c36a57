"""`medley completion`: print a script that completes commands, options and their values in a shell."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_EXAMPLES = """\
examples:
  medley completion bash >> ~/.bashrc
  medley completion zsh >> ~/.zshrc
  medley completion fish > ~/.config/fish/completions/medley.fish

The script holds all commands and options, so that completing starts no Python; write it anew after an update.
"""

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_medley() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command="" word words=""
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word != -* ]] && { command=$word; break; }
    done
    case "$command $previous" in
%(values)s
    esac
    if [[ -z $words && $current == -* || -z $command ]]; then
        case "$command" in
            "") words="%(commands)s" ;;
%(options)s
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [[ -z $words ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _medley medley
"""

_ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"
"""zsh runs completions of bash."""


@dataclass(frozen=True)
class _Option:
    """One option of a command."""

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...]
    takes_value: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> None:
    """Print the script."""
    print(script(args.shell), end="")


def script(shell: str) -> str:
    """The script for a shell."""
    from medley.cli.main import COMMANDS, command_parser

    options = {name: list(_options(command_parser([name])[1][name])) for name in COMMANDS}
    return _fish(options) if shell == "fish" else (_ZSH if shell == "zsh" else "") + _bash(options)


def _options(parser: argparse.ArgumentParser) -> Iterator[_Option]:
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            choices = tuple(map(str, action.choices or ()))
            help = (action.help or "").replace("%%", "%").partition("; ")[0].partition(" (")[0]
            yield _Option(tuple(action.option_strings), help, choices, action.nargs != 0)


def _bash(options: dict[str, list[_Option]]) -> str:
    indent = " " * 8
    values = []
    for command, known in options.items():
        for option in (option for option in known if option.choices):
            patterns = "|".join(shlex.quote(f"{command} {name}") for name in option.names)
            values.append(f'{indent}{patterns}) words="{" ".join(option.choices)}" ;;')
    names = {command: " ".join(name for option in known for name in option.names) for command, known in options.items()}
    cases = [f'{indent}    {command}) words="{words}" ;;' for command, words in names.items()]
    parts = {"values": "\n".join(values), "options": "\n".join(cases), "commands": " ".join(options)}
    return _BASH % parts


def _fish(options: dict[str, list[_Option]]) -> str:
    from medley.cli.main import COMMANDS

    lines = []
    for command, summary in COMMANDS.items():
        lines.append(f"complete -c medley -f -n __fish_use_subcommand -a {command} -d {shlex.quote(summary)}")
        for option in options[command]:
            words = [f"complete -c medley -n '__fish_seen_subcommand_from {command}'"]
            words += [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
            words += ["-x -a " + shlex.quote(" ".join(option.choices))] if option.choices else []
            words += ["-r"] if option.takes_value and not option.choices else []
            lines.append(" ".join([*words, f"-d {shlex.quote(option.help)}"]))
    return "\n".join(lines) + "\n"
