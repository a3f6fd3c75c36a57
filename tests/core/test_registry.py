"""Names by which files refer to classes and factories."""

import sys
import types

import pytest

from medley.core import registry
from medley.core.block import Block
from medley.core.layer import Layer
from medley.errors import ConfigError, MedleyError


def test_registered_objects_and_their_names():
    @registry.register("registry_test.one")
    def make():
        return 1

    assert registry.lookup("registry_test.one") is make
    assert registry.name_of(make) == "registry_test.one"
    assert registry.name_of(lambda: 2) is None


def test_a_name_that_is_in_use_is_an_error_that_names_both_objects():
    @registry.register("registry_test.taken")
    def first():
        return 1

    registry.register("registry_test.taken")(first)
    with pytest.raises(ConfigError, match=r"'registry_test.taken' is taken by .*first; register .*second"):

        @registry.register("registry_test.taken")
        def second():
            return 2


def test_a_module_that_is_imported_anew_may_register_again():
    # A notebook cell that is run twice, a reloaded module: same place, new object.
    def make():
        @registry.register("registry_test.cell")
        class Cell:
            pass

        return Cell

    make()
    again = make()
    assert registry.lookup("registry_test.cell") is again


def test_a_name_imports_its_slice():
    assert registry.lookup("tabular.dense").__name__ == "DenseBlock"


def test_an_unknown_name_is_an_error_with_a_suggestion():
    with pytest.raises(
        ConfigError, match=r"'tabular.dens'. A custom part must be imported.*MODULE. Did you mean 'tabular.dense'\?"
    ):
        registry.lookup("tabular.dens")
    assert issubclass(ConfigError, MedleyError)


def test_registered_subclasses_of_all_packages():
    layers = registry.registered(Layer)
    assert {"core.flatten", "tabular.dense"} <= set(layers)
    assert all(issubclass(kind, Layer) for kind in layers.values())
    assert set(layers) < set(registry.registered(Block))


def test_a_package_that_is_not_installed_is_ignored_but_a_broken_one_is_an_error(monkeypatch):
    monkeypatch.setattr(registry, "SLICES", ("absent",))
    with pytest.raises(ConfigError, match=r"Nothing is registered under 'absent.block'"):
        registry.lookup("absent.block")

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "medley.absent":
                raise ModuleNotFoundError("No module named 'its_dependency'", name="its_dependency")

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="its_dependency"):
        registry.lookup("absent.other")


def test_other_distributions_announce_their_packages(monkeypatch):
    class Point:
        def load(self):
            registry.register("registry_test_plugin.part")(types.SimpleNamespace(name="part"))

    groups = []

    def entry_points(**wanted):
        groups.append(wanted)
        return [Point()]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert registry.lookup("registry_test_plugin.part").name == "part"
    assert groups == [{"group": "medley.blocks", "name": "registry_test_plugin"}]
