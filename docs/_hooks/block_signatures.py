"""What a reader of the source alone, such as griffe, cannot know about medley's classes.

- Subclasses of `Block` become dataclasses when they are defined (`Block.__init_subclass__`): their signatures are taken
  from the imported classes.
- Methods of a block that override those of its base class matter to authors of blocks only; they are described once,
  with the base classes of `medley.extend`.
- Doctests stand in docstrings without a heading; they become code blocks.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

import griffe

DOCTEST = re.compile(r"^(?:>>> .*\n?)(?:.+\n?)*", re.MULTILINE)


class BlockSignatures(griffe.Extension):
    """Completes registered classes, and marks doctests as code."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Fences the doctests of a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = DOCTEST.sub(
                lambda match: f"```pycon\n{match[0].rstrip()}\n```\n", obj.docstring.value
            )

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Takes the parameters of the imported class, and leaves out its overrides."""
        if "register" not in cls.keywords or not cls.path.startswith("medley."):
            return
        cls.labels.discard("dataclass")  # an implementation detail to readers
        target = getattr(import_module(cls.module.path), cls.name)
        inherited = {name for base in target.__mro__[1:] for name in vars(base)}
        for name in inherited & set(cls.members):
            del cls.members[name]
        if "__init__" in vars(target) and "__init__" not in cls.members:
            cls.set_member("__init__", griffe.Function("__init__", parameters=_parameters(target)))
            for parameter in cls.members["__init__"].parameters:
                cls.members.pop(parameter.name, None)


def _parameters(target: type) -> griffe.Parameters:
    parameters = [
        griffe.Parameter(
            parameter.name,
            annotation=_annotation(parameter.annotation),
            kind=griffe.ParameterKind[parameter.kind.name.lower()],
            default=None if parameter.default is parameter.empty else repr(parameter.default),
        )
        for parameter in inspect.signature(target).parameters.values()
    ]
    return griffe.Parameters(griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword), *parameters)


def _annotation(annotation: Any) -> str | None:
    if annotation is inspect.Parameter.empty:
        return None
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return text.replace(" | Space", "").replace("Space | ", "")
