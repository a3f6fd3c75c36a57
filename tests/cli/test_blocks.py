"""`medley blocks`."""

import pytest

from medley.cli.main import main
from medley.core.block import Block
from medley.core.registry import registered


def shown(capsys, *words):
    assert main(["blocks", *words]) == 0
    return capsys.readouterr().out


def test_every_registered_part_has_a_line(capsys):
    lines = shown(capsys).splitlines()
    first = {line.split()[0]: line for line in lines if line.strip()}
    for name, cls in registered(Block).items():
        assert cls.__name__ in first[name].split()
        assert not first[name].rstrip().endswith(cls.__name__), f"{name} says nothing about itself"


@pytest.mark.parametrize("word", ["image.conv", "ConvBlock", "convblock"])
def test_one_part_shows_its_ranges_and_what_they_mean(capsys, word):
    told = shown(capsys, word)
    assert told.startswith("ConvBlock (image.conv), Layer\n")
    kernel = next(line for line in told.splitlines() if line.startswith("kernel_size"))
    assert kernel.split() == ["kernel_size", "3,", "5,", "7", "3", "side", "of", "the", "kernels."]
    assert "\nname" not in told.split("fields", 1)[1]


def test_every_part_can_be_shown_and_tells_each_field(capsys):
    for name in registered(Block):
        told = shown(capsys, name)
        assert "Args:" not in told
        assert ">>>" not in told


def test_a_part_that_is_not_there_is_told_with_what_is_near(capsys):
    assert main(["blocks", "imag.conv"]) == 2
    assert "No part is called 'imag.conv'. Did you mean 'image.conv'?" in capsys.readouterr().err
