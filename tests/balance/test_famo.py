import torch
from torchjd.scalarization import FAMO

from medley.balance import FastAdaptiveMultitask


def test_agrees_with_torchjd_given_the_next_losses():
    balancer, reference = FastAdaptiveMultitask([1.0, 1.0, 1.0]), FAMO(3)
    before = torch.rand(3) + 0.5
    torch.testing.assert_close(balancer.total(list(before)), reference(before))
    for _ in range(30):
        losses = (torch.rand(3) + 0.5).requires_grad_()
        reference.update(losses)
        total, expected = balancer.total(list(losses)), reference(losses)
        torch.testing.assert_close(total, expected)
        torch.testing.assert_close(*(torch.autograd.grad(value, losses)[0] for value in (total, expected)))
        torch.testing.assert_close(balancer.logits, reference._w.detach())


def test_gradient_is_a_convex_combination_of_the_tasks():
    losses = torch.tensor([0.1, 5.0], requires_grad=True)
    FastAdaptiveMultitask([1.0, 1.0]).total(list(losses)).backward()
    torch.testing.assert_close(losses.grad.sum(), torch.tensor(1.0))
    torch.testing.assert_close(losses.grad[0] / losses.grad[1], torch.tensor(50.0))  # as gradients of logarithms


def test_a_task_whose_loss_falls_faster_gets_a_smaller_weight():
    balancer = FastAdaptiveMultitask([1.0, 1.0])
    for step in range(20):
        balancer.total([torch.tensor(0.7**step), torch.tensor(0.99**step)])
    assert balancer.logits[0] < 0 < balancer.logits[1]


def test_an_unobserved_task_keeps_its_logit():
    balancer = FastAdaptiveMultitask([1.0, 1.0, 1.0])
    balancer.total([torch.tensor(3.0), torch.tensor(2.0), torch.tensor(4.0)])
    balancer.total([torch.tensor(2.0), torch.tensor(0.0), torch.tensor(1.0)])
    assert balancer.logits[1] == 0
    assert balancer.before.exp().round(decimals=4).tolist() == [2.0, 2.0, 1.0]
