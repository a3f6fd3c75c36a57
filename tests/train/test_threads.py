"""CPU threads: few for small networks; the previous setting is restored."""

import pytest
import torch
from torch import nn

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


class Products(nn.Module):
    """Products of several kinds of a batch (B, 6, 8)."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.weight = nn.Parameter(torch.randn(6, 8, 4))

    def forward(self, x):
        match self.kind:
            case "matmul":
                return x @ self.weight[0]
            case "baddbmm":
                return torch.baddbmm(torch.zeros(6, 1, 4), x.transpose(0, 1), self.weight)
            case "einsum":
                return torch.einsum("bef, efk -> bek", x, self.weight)
            case "attention":
                return nn.functional.scaled_dot_product_attention(x, x, x)


@pytest.mark.parametrize("kind", ["matmul", "baddbmm", "einsum", "attention", "conv"])
def test_products_are_counted_as_torch_counts_them(kind):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    network, batch = Products(kind), torch.rand(4, 6, 8)
    if kind == "conv":
        network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(800, 7))
        batch = torch.rand(4, 3, 10, 10)
    # As plain products: torch 2.14 does not count those of the fused attention of CPUs.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(batch)
    assert forward_flops(network, batch) == counter.get_total_flops() > 0


def test_recurrent_layers_and_attention_are_counted():
    class Last(nn.Module):
        def __init__(self, module, *more):
            super().__init__()
            self.module, self.more = module, more

        def forward(self, x):
            return self.module(x, *(x for _ in self.more))[0]

    batch = torch.rand(4, 6, 8)
    # Four gates of 5 units, each of 8 inputs and 5 states.
    assert forward_flops(Last(nn.LSTM(8, 5, batch_first=True)), batch) == 2 * 4 * 6 * 4 * 5 * (8 + 5)
    attention = nn.MultiheadAttention(8, 2, dropout=0.1)  # of 4 positions of 6 rows
    projections, products = 4 * 2 * 4 * 6 * 8 * 8, 2 * 2 * 6 * 4 * 4 * 8
    assert forward_flops(Last(attention, "key", "value"), batch) == projections + products
