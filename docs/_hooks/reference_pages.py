"""The API reference: a page per group of public names of `medley`, and one of `medley.extend`.

Names come from the packages themselves, so a new public name appears without an edit here. Its page follows from the
package that defines it.
"""

from __future__ import annotations

from typing import Any

from mkdocs.structure.files import File, Files

import medley
from medley import extend, plot

PAGES = {
    "models": ("Models and training", "Train, predict, save and load."),
    "inputs": ("Inputs", "Declare what a row contains. Each input has a codec and a default block."),
    "blocks": ("Blocks and fusions", "The parts of a network between its inputs and its heads."),
    "heads": ("Heads", "Declare what is predicted: the loss, the metrics and the format of predictions."),
    "search": ("Search and callbacks", "Search spaces, objectives, tuners and callbacks."),
    "errors": ("Errors and warnings", "Errors are raised and warnings issued with their parts as attributes."),
}
ESTIMATORS = ["MedleyClassifier", "MedleyRegressor", "MedleyMultiTask"]
PACKAGES = {"heads": "heads", "search": "search", "callbacks": "search", "errors": "errors"} | dict.fromkeys(
    ("core", "fusion", "linear", "tabular", "image", "text", "audio", "series"), "blocks"
)
"""Package -> page; names of all other packages are on the page of models."""
MODULES = {"core.space": "search", "core.choice": "search", "image.folder": "inputs", "text.folder": "inputs"} | {
    "heads.first_stage": "blocks",
    "image.captions": "inputs",
    "image.mapped": "inputs",
    "text.label_bag": "inputs",
    "series.sequences": "inputs",
    "series.timeseries": "inputs",
}


def page_of(module: str) -> str:
    """The page of a public name that is defined in this module of medley."""
    package, _, file = module.partition(".")
    if module in MODULES:
        return MODULES[module]
    return "inputs" if file.endswith("input") else PACKAGES.get(package, "models")


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the pages of the reference."""
    names: dict[str, list[str]] = {page: [] for page in PAGES}
    for module, exported in medley._PUBLIC.items():
        names[page_of(module)] += exported
    contents = {page: _page(*PAGES[page], "medley", sorted(names[page])) for page in PAGES}
    contents["extend"] = _page(
        "medley.extend",
        "Base classes for blocks, heads, codecs, metrics and balancers of your own.",
        "medley.extend",
        sorted(extend.__all__),
    )
    contents["plot"] = _page("medley.plot", plot.__doc__ or "", "medley.plot", sorted(plot.__all__))
    contents["sklearn"] = _page(
        "medley.sklearn",
        "Estimators for scikit-learn.",
        "medley.sklearn",
        ESTIMATORS,
    )
    lines = [
        "# API reference",
        "",
        "The public names of `medley`, and of `medley.extend` for those who write their own parts. Everything else may",
        "change in any version.",
        "",
    ]
    for page, content in contents.items():
        title = content.split("\n", 1)[0].lstrip("# ")
        package = "medley" if page in names else f"medley.{page}"
        others = {"sklearn": ESTIMATORS, "plot": plot.__all__, "extend": extend.__all__}
        members = names[page] if page in names else others[page]
        lines += [f"## [{title}]({page}.md)", ""]
        lines += [", ".join(f"[`{name}`]({page}.md#{package}.{name})" for name in sorted(members)), ""]
    contents["index"] = "\n".join(lines)
    for page, content in contents.items():
        files.append(File.generated(config, f"reference/{page}.md", content=content))
    return files


def _page(title: str, summary: str, package: str, names: list[str]) -> str:
    parts = [f"# {title}", summary, *(f"::: {package}.{name}" for name in names)]
    return "\n\n".join(parts) + "\n"
