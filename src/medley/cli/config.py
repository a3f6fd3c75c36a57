"""Options of a command in a YAML file: read for `--config`, written for `--save-config`.

A key is an option without its dashes. Options that are given several times are lists, those of the form COLUMN=VALUE
are dicts, those without a value are true or false. Every value is text until its option reads it, so that `no` and
`1:30` stay what they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medley.errors import ConfigError, ErrorCollector, did_you_mean

_OWN = ("config", "save-config", "help", "debug", "json")
_BOOLEANS = {"true": True, "false": False}
_UNSET = ("", "null", "~")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add both options to a command."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="read options from a YAML file, which medley new and --save-config write; options of the command line "
        "replace its values, and those of the form COLUMN=VALUE add to them (-: the standard input)",
    )
    parser.add_argument(
        "--save-config", metavar="FILE", type=Path, help="write the options of this call to a YAML file"
    )


class Config:
    """The options in a file.

    Args:
        file: its name.
        values: key -> text, list of texts, or dict of texts.
        errors: what is wrong with it.
    """

    def __init__(self, file: str, values: Mapping[str, Any], errors: ErrorCollector) -> None:
        self.file = file
        self.values = dict(values)
        self.errors = errors
        self.used: set[str] = set()

    def names(self, options: Mapping[str, str]) -> dict[str, str]:
        """How messages name the arguments whose values come from the file: Python's argument -> "run.yaml: epochs".

        Args:
            options: Python's argument -> option.
        """
        keys = {argument: option.removeprefix("--") for argument, option in options.items()}
        return {argument: f"{self.file}: {key}" for argument, key in keys.items() if key in self.used}

    def arguments(self, parser: argparse.ArgumentParser, explicit: Mapping[str, Any]) -> list[str]:
        """The words that stand for the file on the command line; what is wrong is added to `errors`.

        Args:
            parser: of the command.
            explicit: the values that the command line gives, by destination; they replace those of the file.
        """
        keys = {key_of(action): action for action in _actions(parser)}
        words: list[str] = []
        positional: list[str] = []
        for key, value in self.values.items():
            action = keys.get(key.replace("_", "-"))
            if action is None:
                hint = did_you_mean(key, keys) or f" Keys are the options of {parser.prog}, see --help."
                self._add(f"is not a key.{hint}", key)
            elif action.dest in explicit and not is_of_pairs(action):
                continue
            elif action.option_strings:
                self.used.add(key_of(action))
                words += self._words(action, key, value)
            else:
                positional += self._texts(action, key, value)
        return [*positional, *words]

    def _words(self, action: argparse.Action, key: str, value: Any) -> list[str]:
        option = long_option(action)
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            if str(value).lower() in ("auto", *_UNSET):
                return []
            if str(value).lower() not in _BOOLEANS:
                self._add(f"must be true or false, got {value!r}.", key)
                return []
            is_set = _BOOLEANS[str(value).lower()]
            if isinstance(action, argparse.BooleanOptionalAction):
                return [option if is_set else f"--no-{option.removeprefix('--')}"]
            return [option] if is_set else []
        return [f"{option}={text}" for text in self._texts(action, key, value)]

    def _texts(self, action: argparse.Action, key: str, value: Any) -> list[str]:
        """The values of an option as texts that it can read; those that it cannot are reported."""
        is_list = isinstance(action, argparse._AppendAction) or action.nargs == "+"
        if isinstance(value, Mapping):
            if not is_of_pairs(action):
                self._add(f"must be {'a list' if is_list else 'one value'}, got a dict.", key)
                return []
            pairs = ((name, part) for name, parts in value.items() for part in _listed(parts))
            return [f"{name}={'' if part is None else part}" for name, part in pairs]
        if isinstance(value, list) and not is_list:
            self._add(f"must be one value, got a list of {len(value)}.", key)
            return []
        texts = [text for text in _listed(value) if text not in _UNSET]
        for text in list(texts):
            if not isinstance(text, str):
                self._add(f"must be {'a list of single values' if is_list else 'one value'}, got {text!r}.", key)
                return []
            if action.choices is not None and text not in map(str, action.choices):
                self._add(f"must be one of {', '.join(map(str, action.choices))}, got {text!r}.", key)
                texts.remove(text)
            elif callable(action.type):
                try:
                    action.type(text)
                except (argparse.ArgumentTypeError, ValueError) as error:
                    reason = (
                        f"{error}" if isinstance(error, argparse.ArgumentTypeError) else f"must be valid, got {text!r}"
                    )
                    self._add(f"{reason}.", key)
                    texts.remove(text)
        return texts

    def _add(self, message: str, key: str) -> None:
        self.errors.add(f"{key} {message}", where=self.file)


def with_config(
    arguments: Sequence[str], parsers: Mapping[str, argparse.ArgumentParser]
) -> tuple[list[str], Config | None]:
    """The arguments of the command line with those of the file that `--config` names before them.

    Args:
        arguments: after `medley`.
        parsers: command -> parser.

    Raises:
        ConfigError: the file cannot be read, or no table is named.
    """
    place = next((place for place, word in enumerate(arguments) if word in parsers), len(arguments))
    parser = parsers[arguments[place]] if place < len(arguments) else None
    if parser is None or "--config" not in parser._option_string_actions:
        return list(arguments), None
    words = list(arguments[place + 1 :])
    explicit = _explicit(parser, words)
    if "config" not in explicit:
        return list(arguments), None
    config = read_config(explicit["config"])
    before = config.arguments(parser, explicit)
    for action in parser._get_positional_actions():
        if action.dest not in explicit and not config.values.get(action.dest):
            config.errors.add(f"{action.dest} is missing; name it there, or as {action.metavar}.", where=config.file)
            config.errors.raise_if_any(ConfigError)
    return [*arguments[: place + 1], *before, *words], config


def _explicit(parser: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """The values that words set, by destination, without any defaults."""
    saved = [(action, action.default, action.nargs) for action in parser._actions]
    defaults, parser._defaults = parser._defaults, {}
    for action in parser._actions:
        action.default = argparse.SUPPRESS
        if not action.option_strings:
            action.nargs = "*"
    try:
        return vars(parser.parse_known_args(words)[0])
    finally:
        parser._defaults = defaults
        for action, default, nargs in saved:
            action.default, action.nargs = default, nargs


def read_config(file: str) -> Config:
    """Reads the options in a file; `-` is the standard input.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"--config {file} cannot be read: {reason}.") from error
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        content = yaml.load(text, yaml.BaseLoader)  # only texts, lists and dicts
    except yaml.YAMLError as error:
        raise ConfigError(f"--config {file} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"--config {file} holds no options: lines such as 'target: price' were expected.")
    config = Config(file, content, ErrorCollector())
    keys = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    for key in dict.fromkeys(key for key in keys if keys.count(key) > 1):
        config.errors.add(f"{key} is there {keys.count(key)} times; merge them.", where=file)
    return config


def options_of(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, Any]:
    """The options of a call as keys and values of a file; those that have their default are left out."""
    options: dict[str, Any] = {}
    for action in _actions(parser):
        value: Any = getattr(args, action.dest, None)
        if value is None or value in ([], action.default):
            continue
        if isinstance(action, argparse._StoreConstAction) and value != action.const:
            continue
        if is_of_pairs(action) and all("=" in item for item in value):
            pairs: dict[str, list[str]] = {}
            for item in value:
                name, _, part = item.rpartition("=") if action.dest == "kind" else item.partition("=")
                pairs.setdefault(name, []).append(part)
            value = {name: parts[0] if len(parts) == 1 else parts for name, parts in pairs.items()}
        elif isinstance(action, argparse._StoreConstAction):
            value = True
        options[key_of(action)] = value[0] if action.nargs == "+" and len(value) == 1 else value
    return options


def config_text(options: Mapping[str, Any], head: str = "") -> str:
    """Options as the text of a file."""
    import yaml

    plain = {key: _plain(value) for key, value in options.items()}
    return head + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1_000)


def key_of(action: argparse.Action) -> str:
    """The key of an option, or of what stands without one."""
    return long_option(action).removeprefix("--") if action.option_strings else action.dest


def long_option(action: argparse.Action) -> str:
    """An option's first name of several letters."""
    return next((option for option in action.option_strings if option.startswith("--")), action.option_strings[0])


def is_of_pairs(action: argparse.Action) -> bool:
    """Whether an option takes COLUMN=VALUE, several times."""
    return isinstance(action, argparse._AppendAction) and "=" in str(action.metavar)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    return (action for action in parser._actions if key_of(action) not in _OWN)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float) else str(value)
