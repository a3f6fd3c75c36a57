"""The rules of the house that no linter knows."""

import ast
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "medley"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
HEAVY = {"torch", "numpy", "pandas", "pyarrow", "sklearn", "scipy", "optuna", "PIL", "polars", "tokenizers"}

# A folder of one machine, or the address of a registry. Written so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|Users|opt/(?:wheels|pypi))/\w|(?i:c:\\users\\)")
REGISTRY = re.compile(r"\b(?:pypi\.org/simp[l]e|files\.pythonhosted\.o[r]g)|\bfile:/{3}")


def imported_modules(file: Path) -> set[str]:
    """Every absolute module name that a file imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def run_python(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def module_exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_no_source_file_is_too_long():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in SOURCES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_file_is_named_after_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "constants"}
    assert [str(file.relative_to(ROOT)) for file in SOURCES if vague & {file.stem, *file.parts}] == []


def test_tracked_files_name_no_machine():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    matches = []
    for name in filter(None, listing.stdout.split("\0")):
        file = ROOT / name
        if not file.is_file():
            continue
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                matches.append(f"{name}:{number}: {line.strip()[:80]}")
    assert matches == []


def test_nn_knows_only_torch():
    # It is the one door to pretrained models; their packages are imported inside functions.
    door = {"PIL", "huggingface_hub", "peft", "safetensors", "timm", "transformers"}
    for file in (PACKAGE / "nn").rglob("*.py"):
        allowed = {"torch", "numpy", *sys.stdlib_module_names, *door}
        others = {name for name in imported_modules(file) if name.split(".")[0] not in allowed}
        assert {name for name in others if not name.startswith(("medley.nn", "medley.errors"))} == set(), file


@pytest.mark.parametrize(("package", "banned"), [("data", "torch.nn"), ("model", "torch.optim")])
def test_a_floor_leaves_alone_what_is_not_its_own(package, banned):
    for file in (PACKAGE / package).rglob("*.py"):
        assert not {n for n in imported_modules(file) if n == banned or n.startswith(f"{banned}.")}, file


def test_floors_hold_every_package_that_exists():
    contract = (ROOT / ".importlinter").read_text("utf-8")
    waiting = set(re.findall(r"\((\w+)\)", contract.split("layers =")[1].split("exhaustive")[0]))
    waiting |= set(re.findall(r"medley\.(\w+)\.\*\*", contract))
    built = {name for name in waiting if (PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists()}
    assert not built, "in .importlinter, take off the parentheses and the .** of these: they exist now"


def test_help_imports_nothing_heavy():
    if not module_exists("medley.cli.main"):
        pytest.skip("the command line is not built yet")
    printed = run_python(
        "import sys\n"
        "from medley.cli.main import main\n"
        "sys.argv = ['medley', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "print('MODULES', *sys.modules)\n"
    )
    text, _, modules = printed.rpartition("MODULES")
    assert "usage" in text.lower()
    assert HEAVY & set(modules.split()) == set()


def test_importing_medley_imports_nothing_heavy():
    assert HEAVY & set(run_python("import medley, sys; print(*sys.modules)").split()) == set()


def test_public_objects_are_documented():
    medley = importlib.import_module("medley")
    bare = []
    for name in getattr(medley, "__all__", ()):
        thing = getattr(medley, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        # A dataclass without a docstring is given its signature as one.
        if not inspect.getdoc(thing) or (thing.__doc__ or "").startswith(f"{name}("):
            bare.append(name)
        if inspect.isclass(thing):
            # getdoc looks at the base classes too: what overrides a documented method may go without.
            methods = inspect.getmembers(thing, inspect.isfunction)
            public = [m for m, f in methods if not m.startswith("_") and f.__module__.startswith("medley.")]
            bare += [f"{name}.{method}" for method in public if not inspect.getdoc(getattr(thing, method))]
    assert bare == []


def test_a_small_fit_of_plain_columns_imports_neither_scikit_learn_nor_scipy():
    printed = run_python(
        "import sys, tempfile\n"
        "import medley\n"
        "rows = {'size': [row / 7 for row in range(64)], 'kind': ['a', 'b', 'b', 'c'] * 16}\n"
        "rows['price'] = [size * (3 if kind == 'b' else 1) for size, kind in zip(rows['size'], rows['kind'])]\n"
        "medley.fit(rows, 'price', max_trials=1, epochs=1, verbose=0, directory=tempfile.mkdtemp())\n"
        "print('MODULES', *sys.modules)\n"
    )
    imported = set(printed.rpartition("MODULES")[2].split())
    assert {"sklearn", "scipy", "tabm", "rtdl_num_embeddings"} & imported == set()


@pytest.mark.parametrize(
    "package", ["auto", "cache", "cli", "core", "data", "graph", "model", "search", "tables", "train"]
)
def test_the_machinery_names_no_part_of_a_modality_or_target_kind(package):
    # A first stage is of all heads, whatever their targets are.
    named = re.compile(r'lookup\("(?:(?:text|image|audio|series)\.|heads\.(?!first_stage))')
    matches = {
        f"{file.relative_to(PACKAGE)}: {line.strip()}"
        for file in (PACKAGE / package).rglob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if named.search(line) and not line.strip().startswith(">>>")
    }
    assert matches == set(), "inputs, kinds and heads announce themselves: see core/input.py and core/head.py"


def test_nothing_forks():
    """A process that has predicted with threads hangs in a fork (docs/saved-models.md), so medley starts none."""
    forking = re.compile(r"os\.fork|forkpty|get_context\((?!\"spawn\")|from multiprocessing import|ProcessPoolExecutor")
    forking_files = [path.name for path in SOURCES if forking.search(path.read_text("utf-8"))]
    assert not forking_files
