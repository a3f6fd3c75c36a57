"""What prediction without torch stands on: inputs and heads, and the codecs that they make, import none."""

import subprocess
import sys

CODE = """
import sys
from importlib import import_module

for name in ("torch", "transformers", "optuna", "sklearn", "safetensors", "rich"):
    sys.modules[name] = None

from medley.core import registry
from medley.core.head import Head
from medley.core.input import InputBlock

for name in registry.SLICES:
    if name not in ("balance", "nn", "train"):  # for training
        import_module(f"medley.{name}")
import medley.cli.predict
import medley.runtime

made = 0
for name, kind in list(registry._objects.items()):
    if isinstance(kind, type) and issubclass(kind, InputBlock | Head) and kind.__module__.startswith("medley."):
        if name not in ("image.captions", "image.mapped"):  # made of other rows, by a model
            kind().codec()
            made += 1
print(made)
"""


def test_codecs_are_made_where_torch_cannot_be_imported():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8
