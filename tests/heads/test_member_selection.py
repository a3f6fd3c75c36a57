"""Selection of ensemble members, and members that do not use the linear path."""

import torch

from medley.heads.linear_skip import LinearSkip
from medley.heads.members import MembersLinear, MemberVote, join_members, mean_number, mean_softmax
from medley.nn.members import separate_members


def test_only_selected_groups_of_members_are_combined():
    vote, raw = MemberVote(10, mean_number), torch.arange(10.0).reshape(1, 10, 1)
    assert vote(raw).item() == 4.5
    vote.choose([1])
    assert vote(raw).item() == 7.0
    assert vote(raw[:, [3, 8]]).item() == 8.0  # the members that leave out one fold
    vote.choose([0, 1])
    assert vote(raw).item() == 4.5


def test_the_selection_is_part_of_the_state():
    layer = MembersLinear(10, 4, 2, mean_number)
    layer.vote.choose([1])
    restored = MembersLinear(10, 4, 2, mean_number)
    restored.load_state_dict(layer.state_dict())
    x = torch.randn(3, 10, 4)
    torch.testing.assert_close(restored.eval()(x), layer.eval()(x))


def test_join_members_equals_the_output_in_evaluation_mode():
    layer, x = MembersLinear(5, 4, 3, mean_softmax).eval(), torch.randn(2, 5, 4)
    with separate_members(layer):
        member_outputs = layer(x)
    assert member_outputs.shape == (2, 5, 3)
    torch.testing.assert_close(join_members(layer, member_outputs), layer(x))


def test_blind_members_start_from_the_prior_and_the_others_from_the_linear_path():
    prior = torch.tensor([0.3])
    skip = LinearSkip(MembersLinear(10, 4, 1, mean_number), 1, prior, blind=5).train()
    raw = skip(torch.zeros(1, 10, 4), torch.tensor([[1.0, 7.0]]))[0, :, 0]
    torch.testing.assert_close(raw, torch.tensor([7.0] * 5 + [0.3] * 5))
    raw.sum().backward()
    assert not skip.gain.factor.grad[5:].any()
