"""Methods whose work is done by a function of a higher package: both have the same signature."""

import ast
import inspect
from pathlib import Path

import pytest

from medley.core import registry
from medley.errors import NotRegisteredError

PACKAGE = Path(registry.__file__).parents[1]


def delegations():
    """(dotted module, class, method, operation) of every method that returns what an operation returns."""
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_text("utf-8")
        if "operation(" not in source:
            continue
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for owner in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)):
            for method in (node for node in owner.body if isinstance(node, ast.FunctionDef)):
                for call in ast.walk(method):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "operation":
                        assert isinstance(call.args[0], ast.Constant)
                        yield module, owner.name, method.name, call.args[0].value


@pytest.mark.parametrize(("module", "owner", "method", "name"), list(delegations()), ids=lambda value: str(value))
def test_a_method_has_the_signature_of_its_operation(module, owner, method, name):
    operation = registry.operation(name)
    declared = inspect.signature(getattr(getattr(__import__(module, fromlist=[owner]), owner), method))
    (_, *parameters), (_, *expected) = declared.parameters.values(), inspect.signature(operation).parameters.values()
    assert parameters == expected
    returned = "Model" if declared.return_annotation == "Self" else declared.return_annotation  # of `ModelOperations`
    assert returned == inspect.signature(operation).return_annotation


def test_saved_files_cannot_name_an_operation():
    assert callable(registry.operation("report.page"))
    with pytest.raises(NotRegisteredError):
        registry.lookup("report.page")
