"""What `import medley` offers: the lazy names, the stub that spells them out for editors, and what they cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import medley

STUB = Path(medley.__file__).with_suffix(".pyi")


def stubbed() -> dict[str, str]:
    """Name -> module, as the stub says."""
    found = {}
    for node in ast.parse(STUB.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                # Without `as` the name would be private to the stub, and a checker would not know it.
                assert alias.asname == alias.name, f"write `import {alias.name} as {alias.name}`"
                found[alias.name] = str(node.module)
    return found


def test_the_stub_names_what_is_public_and_where_it_lives():
    public = {name: f"medley.{module}" for module, names in medley._PUBLIC.items() for name in names}
    missing = [f"from {public[name]} import {name} as {name}" for name in public if name not in stubbed()]
    assert missing == [], "the stub src/medley/__init__.pyi lacks these lines"
    assert stubbed() == public


def test_no_name_is_public_twice():
    listed = [name for names in medley._PUBLIC.values() for name in names]
    assert len(listed) == len(set(listed))


def test_every_public_name_can_be_had():
    for name in medley.__all__:
        assert getattr(medley, name) is not None, name
    assert set(dir(medley)) == set(medley.__all__)


def test_looking_around_imports_nothing():
    code = "import sys, medley; dir(medley); medley.__version__; print(*(m for m in sys.modules if m[:7] == 'medley.'))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == []


def test_a_misspelt_name_gets_a_hint():
    with pytest.raises(AttributeError, match=r"medley has no 'ConvBlok'\. Did you mean 'ConvBlock'\?"):
        medley.ConvBlok  # noqa: B018


def test_a_star_import_brings_the_public_names():
    names = {}
    exec("from medley import *", names)
    assert set(medley.__all__) <= set(names)
