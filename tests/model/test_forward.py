"""Running a network over rows."""

import pytest
import torch

from medley.errors import ConfigError
from medley.model.forward import compute_outputs, resolve_device


def encode(model, rows):
    return model._rows(rows)


@pytest.mark.parametrize("batch_size", [1, 5, 24, 1000])
def test_the_batch_size_affects_the_memory_not_the_result(model, rows, batch_size):
    data = encode(model, rows)
    whole, parts = compute_outputs(model.network, data, 24), compute_outputs(model.network, data, batch_size)
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor)


def test_the_network_goes_back_to_the_mode_it_was_in(model, rows):
    data = encode(model, rows)
    before = model.network.state_dict()["parts.wide.1.running_mean"].clone()
    model.network.train()
    raw = compute_outputs(model.network, data, 7)
    assert model.network.training
    model.network.eval()
    compute_outputs(model.network, data, 7)
    assert not model.network.training
    assert not raw["kind"].requires_grad
    assert torch.equal(model.network.state_dict()["parts.wide.1.running_mean"], before)


@pytest.mark.parametrize("device", ["cuda:99", 3.5, ""])
def test_a_device_that_is_not_here_is_refused(device):
    with pytest.raises(ConfigError, match=r'cannot be used here: .*Pass "auto"'):
        resolve_device(device)


def test_gpus_are_called_cuda():
    with pytest.raises(ConfigError, match=r"device is 'gpu:1', which is not a device: torch calls GPUs 'cuda:1'"):
        resolve_device("gpu:1")


def test_devices_by_name():
    assert resolve_device("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == resolve_device(None).type == expected


@pytest.mark.parametrize("batch_size", [0, -5, 2.5, "8", True])
def test_batch_sizes_are_checked(model, rows, batch_size):
    with pytest.raises(ConfigError, match="batch_size must be a whole number of at least 1, got"):
        model.predict(rows, batch_size=batch_size)
