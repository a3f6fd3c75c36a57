"""CPU threads: few for small networks; the previous setting is restored."""

import pytest
import torch

from medley.train import threads as module
from medley.train.threads import default_threads, forward_flops, threads


def test_the_previous_setting_is_restored_after_an_error():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before


def test_small_networks_get_one_thread_and_large_ones_all(make_bench, monkeypatch):
    bench = make_bench()
    batch = bench.rows.slice(0, 32)
    with threads(2):
        assert default_threads(forward_flops(bench.network, batch)) == 1
        monkeypatch.setattr(module, "MIN_FLOPS", 1.0)
        assert default_threads(forward_flops(bench.network, batch)) == 2


def test_counting_leaves_the_network_as_it_was(make_bench):
    bench = make_bench()
    before = bench.weights()
    bench.network.train()
    forward_flops(bench.network, bench.rows.slice(0, 32))
    assert bench.network.training
    assert all(torch.equal(value, before[name]) for name, value in bench.network.state_dict().items())


def test_products_and_convolutions_are_counted_as_torch_counts_them():
    from torch.utils.flop_counter import FlopCounterMode

    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(800, 7)
    ).eval()
    images = torch.rand(4, 3, 10, 10)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images)
    assert forward_flops(network, images) == counter.get_total_flops()
