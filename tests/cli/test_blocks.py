"""`medley blocks`."""

import pytest

from medley.cli.main import main
from medley.core.block import Block
from medley.core.registry import registered


def output_of(capsys, *arguments):
    assert main(["blocks", *arguments]) == 0
    return capsys.readouterr().out


def test_every_registered_block_has_a_line(capsys):
    lines = output_of(capsys).splitlines()
    first = {line.split()[0]: line for line in lines if line.strip()}
    for name, cls in registered(Block).items():
        assert cls.__name__ in first[name].split()
        assert not first[name].rstrip().endswith(cls.__name__), f"{name} has no description"


@pytest.mark.parametrize("name", ["image.conv", "ConvBlock", "convblock"])
def test_a_block_is_shown_with_its_ranges_and_descriptions(capsys, name):
    output = output_of(capsys, name)
    assert output.startswith("ConvBlock (image.conv), Layer\n")
    kernel = next(line for line in output.splitlines() if line.startswith("kernel_size"))
    assert kernel.split() == ["kernel_size", "3,", "5,", "7", "3", "side", "length", "of", "the", "kernels."]
    assert "\nname" not in output.split("fields", 1)[1]


def test_every_block_can_be_shown(capsys):
    for name in registered(Block):
        output = output_of(capsys, name)
        assert "Args:" not in output
        assert ">>>" not in output


def test_the_error_for_an_unknown_block_names_a_similar_one(capsys):
    assert main(["blocks", "imag.conv"]) == 2
    assert "There is no block 'imag.conv'. Did you mean 'image.conv'?" in capsys.readouterr().err
