"""Mutants of saved models: files whose values were replaced, removed, swapped and repeated at random."""

import copy
import json
import random
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from medley.core.serialization import checksum

CANARY = "medley-canary"
"""A part of every path that mutants name: nobody may open such a file."""


def hostile_values(rng):
    """Values that a file may hold instead of the right one."""
    deep = []
    for _ in range(200):
        deep = [deep]
    plain = [None, True, False, 0, 1, -1, 2, 3, 7, 255, 10**6, 10**9, 2**31, 2**63, 10**30, -(2**63), 0.5, -0.5, 1e30]
    odd = [
        1e308,
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "lion",
        "0",
        "\ud800",
        "a" * 5000,
        "*",
        "../x",
        ".",
        "é\0",
    ]
    nested = [[], {}, [0], [[]], [None], {"a": 1}, [1, 2, 3], ["a", "a"], {"block": "heads.regression", "fields": {}}]
    names = ["image.input", "fusion.merge", "core.flatten", "text.input", "tabular.dense", "heads.counts", "image.kind"]
    nested += [{"block": "text.input"}, {"registered": rng.choice(names)}, {"space": "Int", "low": 1, "high": 3}, deep]
    paths = [f"/{CANARY}/folder", f"//{CANARY}/share", f"{CANARY}/name", f"hf-hub:{CANARY}/name"]
    return [*plain, *odd, *nested, *names, *paths, "number", "category", "text", "float16", "int8", "none", "mean"]


def places(value, path=()):
    """The paths of all values of a JSON."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def mutated(content, rng):
    """A JSON with one to three mutations; what stands in it is not touched."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        every = list(places(content))
        # By depth first: long lists would otherwise be all that is ever mutated.
        depth = rng.randint(1, max(map(len, every)))
        path = rng.choice([path_candidate for path_candidate in every if len(path_candidate) <= depth] or every)
        mutate_at(content, path, every, rng)
    return content


def mutate_at(content, path, every, rng):
    """Mutates the value at one path."""
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    value = parent[key]
    match rng.choice(["replace", "replace", "replace", "near", "near", "delete", "swap", "repeat", "rename"]):
        case "delete":
            del parent[key]
        case "near" if isinstance(value, bool):
            parent[key] = not value
        case "near" if isinstance(value, int | float):
            parent[key] = rng.choice([value + 1, value - 1, -value, value * 2, value * 1000, float(value), str(value)])
        case "near" if isinstance(value, str):
            parent[key] = rng.choice([value + "x", value[:-1], value.upper(), value[::-1]])
        case "near" | "repeat" if isinstance(value, list) and value:
            parent[key] = rng.choice([value[:-1], value + value[-1:], value[::-1], value * 3])
        case "swap":
            other = content
            for step in rng.choice(every):
                other = other[step]
            parent[key] = copy.deepcopy(other)
        case "rename" if isinstance(parent, dict):
            parent[rng.choice(["lion", key + "_", key.upper(), *list(parent)])] = parent.pop(key)
        case _:
            parent[key] = rng.choice(hostile_values(rng))


def mutated_arrays(content, rng):
    """The bytes of a safetensors file with a tensor removed, renamed, cast or filled, or with flipped bytes."""
    if rng.random() < 0.2:
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        return bytes(damaged)
    arrays = load(content)
    if not arrays:
        return content
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    match rng.choice(["delete", "rename", "cast", "reshape", "longer", "shorter", "fill", "flip"]):
        case "delete":
            del arrays[name]
        case "rename":
            arrays[rng.choice([name + "x", *sorted(arrays)])] = arrays.pop(name)
        case "cast":
            kind = rng.choice(["float64", "float32", "float16", "int64", "int8", "uint8", "bool"])
            with np.errstate(all="ignore"):
                arrays[name] = array.astype(kind)
        case "reshape":
            arrays[name] = array.reshape(rng.choice([(-1,), (1, *array.shape), (*array.shape, 1)]))
        case "longer":
            arrays[name] = np.concatenate([np.atleast_1d(array)] * 2)
        case "shorter":
            arrays[name] = np.atleast_1d(array)[: rng.choice([0, 1, -1])]
        case "fill":
            with np.errstate(all="ignore"):
                number = rng.choice([0, 1, -1, 255, 1e30, float("nan"), float("inf"), -float("inf")])
                arrays[name] = np.full_like(array, np.asarray(number).astype(array.dtype))
        case _:
            flat = array.reshape(-1).copy()
            if flat.size:
                place, other = rng.randrange(flat.size), rng.randrange(flat.size)
                with np.errstate(all="ignore"):
                    flat[place] = (flat[other : other + 1] * array.dtype.type(2))[0] if flat.dtype != bool else True
            arrays[name] = flat.reshape(array.shape)
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def sealed(content):
    """JSON values as bytes, with a checksum that fits, unless there is none to replace."""
    if isinstance(content, dict) and "checksum" in content:
        content["checksum"] = checksum(json.loads(json.dumps(content)))
    return json.dumps(content).encode("utf-8", "surrogatepass")


def write_mutant(golden, target, seed):
    """Writes a mutant of a saved model, with checksums that fit: whoever changes a file can write those as well."""
    rng = random.Random(seed)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    description = json.loads((golden / "model.json").read_text("utf-8"))
    files = {name: (golden / name).read_bytes() for name in ("weights.safetensors", "codecs.safetensors")}
    choice = rng.random()
    if choice < 0.75:
        description = mutated(description, rng)
    elif choice < 0.95:
        name = rng.choice(["codecs.safetensors", "codecs.safetensors", "weights.safetensors"])
        files[name] = mutated_arrays(files[name], rng)
    if isinstance(description, dict) and isinstance(description.get("files"), dict):
        for name, entry in description["files"].items():
            if name in files and isinstance(entry, dict):
                entry |= {"bytes": len(files[name]), "sha256": sha256(files[name]).hexdigest()}
    text = sealed(description)
    if choice >= 0.95:
        damaged = bytearray(text)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        text = bytes(damaged)
    for name, content in files.items():
        (target / name).write_bytes(content)
    (target / "model.json").write_bytes(text)


def write_exported_mutant(golden, target, seed):
    """Writes a mutant of an exported model: its manifest, or a byte of its graph, with checksums that fit."""
    rng = random.Random(seed)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    manifest = json.loads((golden / "model.onnx.json").read_text("utf-8"))
    graph = bytearray((golden / "model.onnx").read_bytes())
    if rng.random() < 0.9:
        manifest = mutated(manifest, rng)
    else:
        for _ in range(rng.randint(1, 3)):
            graph[rng.randrange(len(graph))] = rng.randrange(256)
    if isinstance(manifest.get("onnx"), dict):
        manifest["onnx"] |= {"bytes": len(graph), "sha256": sha256(graph).hexdigest()}
    (target / "model.onnx").write_bytes(graph)
    (target / "model.onnx.json").write_bytes(sealed(manifest))


def rows_of(golden: Path):
    """The rows that lie beside a golden model."""
    return unpacked(json.loads((golden / "expected.json").read_text("utf-8"))["rows"])


def unpacked(value):
    """Rows of JSON."""
    from medley.core.serialization import array_from_json

    if isinstance(value, dict):
        if set(value) == {"array", "dtype", "shape"}:
            return array_from_json(value)
        if set(value) == {"tuple"}:
            return tuple(unpacked(item) for item in value["tuple"])
        return {name: unpacked(item) for name, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value
