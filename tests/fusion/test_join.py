import pytest
import torch

from medley.core.probe import probe
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.fusion import JoinMaps

MAP, WIDER = Spec((3, 4, 4), "CHW"), Spec((5, 4, 4), "CHW")
SERIES, LONGER = Spec((6, 3), "TD"), Spec((7, 3), "TD")


@pytest.mark.parametrize(
    ("how", "specs", "out"),
    [
        ("add", [MAP, MAP, MAP], MAP),
        ("concatenate", [MAP, WIDER], Spec((8, 4, 4), "CHW")),
        ("concatenate", [SERIES, Spec((6, 2), "TD")], Spec((6, 5), "TD")),
        ("add", [SERIES, SERIES], SERIES),
        ("concatenate", [Spec((2, 3, 4, 5), "CZHW")] * 2, Spec((4, 3, 4, 5), "CZHW")),
    ],
)
def test_shapes_are_kept(how, specs, out):
    block = JoinMaps(how)
    assert block.out(*specs) == out
    assert probe(lambda: block.build(*specs), specs, "it") == out


def test_values_are_added_or_concatenated():
    x, y = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert torch.equal(JoinMaps("add").build(MAP, MAP)(x, y), x + y)
    assert torch.equal(JoinMaps().build(MAP, MAP)(x, y)[:, 3:], y)


@pytest.mark.parametrize(
    ("how", "specs"),
    [
        ("add", [MAP, WIDER]),
        ("concatenate", [MAP, Spec((3, 8, 8), "CHW")]),
        ("concatenate", [SERIES, LONGER]),
        ("concatenate", [MAP, SERIES]),
        ("add", [vector(3), vector(3)]),
    ],
)
def test_other_shapes_are_errors(how, specs):
    with pytest.raises(GraphError, match="of the same shape"):
        JoinMaps(how).out(*specs)


def test_other_values_of_how_are_errors():
    with pytest.raises(ConfigError, match='"concatenate" or "add"'):
        JoinMaps("multiply")
