"""Which members of an ensemble count, and how members without a linear path start."""

import torch

from medley.heads.linear_skip import LinearSkip
from medley.heads.members import MembersLinear, MemberVote, joined, mean_number, mean_softmax
from medley.nn.members import members_apart


def test_only_chosen_groups_of_members_vote():
    vote, raw = MemberVote(10, mean_number), torch.arange(10.0).reshape(1, 10, 1)
    assert vote(raw).item() == 4.5
    vote.choose([1])
    assert vote(raw).item() == 7.0
    assert vote(raw[:, [3, 8]]).item() == 8.0  # the members that leave out one fold
    vote.choose([0, 1])
    assert vote(raw).item() == 4.5


def test_the_choice_is_part_of_the_state():
    layer = MembersLinear(10, 4, 2, mean_number)
    layer.vote.choose([1])
    again = MembersLinear(10, 4, 2, mean_number)
    again.load_state_dict(layer.state_dict())
    x = torch.randn(3, 10, 4)
    torch.testing.assert_close(again.eval()(x), layer.eval()(x))


def test_outputs_of_members_are_joined_as_the_head_joins_them():
    layer, x = MembersLinear(5, 4, 3, mean_softmax).eval(), torch.randn(2, 5, 4)
    with members_apart(layer):
        apart = layer(x)
    assert apart.shape == (2, 5, 3)
    torch.testing.assert_close(joined(layer, apart), layer(x))


def test_members_that_are_blind_start_at_the_prior_and_the_others_at_the_answers():
    prior = torch.tensor([0.3])
    skip = LinearSkip(MembersLinear(10, 4, 1, mean_number), 1, prior, blind=5).train()
    raw = skip(torch.zeros(1, 10, 4), torch.tensor([[1.0, 7.0]]))[0, :, 0]
    torch.testing.assert_close(raw, torch.tensor([7.0] * 5 + [0.3] * 5))
    raw.sum().backward()
    assert not skip.gain.factor.grad[5:].any()
