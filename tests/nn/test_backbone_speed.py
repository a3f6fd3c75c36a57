"""How fast this machine runs a pretrained encoder."""

import pytest

from medley.errors import ConfigError
from medley.nn.backbone_speed import seconds_per_sample


@pytest.mark.parametrize(("kind", "modality"), [("bert", "text"), ("vit", "image"), ("resnet", "image")])
def test_a_few_samples_are_timed(tiny, kind, modality):
    assert 0 < seconds_per_sample(tiny(kind), modality) < 10


def test_a_model_of_another_modality_is_an_error(tiny):
    with pytest.raises(ConfigError, match="reads images"):
        seconds_per_sample(tiny("vit"), "text")
