import torch
from torch.nn.functional import scaled_dot_product_attention

from medley.nn.fusion_attention import Pooling


def test_it_is_scaled_dot_product_attention_with_a_key_mask():
    module = Pooling([2, 3, 4], 6, 3)
    torch.nn.init.normal_(module.query)
    vectors = [torch.randn(5, width) for width in (2, 3, 4)]
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]], dtype=torch.bool)
    tokens = module.norm(torch.stack([layer(x) for layer, x in zip(module.tokens, vectors, strict=True)], 1))
    query = module.query.expand(5, 3, 6).unsqueeze(2)  # B, heads, 1, width
    keys = tokens.unsqueeze(1).expand(5, 3, 3, 6)
    values = module.value(tokens).unflatten(2, (3, 2)).transpose(1, 2)  # B, heads, M, width / heads
    heads = scaled_dot_product_attention(query, keys, values, attn_mask=present[:, None, None, :])
    torch.testing.assert_close(module(vectors, present), module.join(heads.flatten(1)))


def test_golden_value_of_a_tiny_case():
    """Two tokens (1, -1) and (-1, 1) after normalisation; the query (a, 0) scores them +-a / sqrt(2)."""
    module = Pooling([1, 1], 2, 1)
    with torch.no_grad():
        for layer, signs in zip(module.tokens, ([[1.0], [-1.0]], [[-1.0], [1.0]]), strict=True):
            layer.weight.copy_(torch.tensor(signs))
            layer.bias.zero_()
        module.query.copy_(torch.tensor([[2**0.5 * 0.5, 0.0]]))
        for layer in (module.value, module.join):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
    out = module([torch.tensor([[10.0]]), torch.tensor([[10.0]])], None)
    # softmax(0.5, -0.5) = (0.731059, 0.268941), so the mean of the tokens is (0.462117, -0.462117): tanh(0.5).
    torch.testing.assert_close(out, torch.tensor([[0.462117, -0.462117]]), rtol=0, atol=1e-5)
    lone = module([torch.tensor([[10.0]]), torch.tensor([[10.0]])], torch.tensor([[False, True]]))
    torch.testing.assert_close(lone, torch.tensor([[-1.0, 1.0]]), rtol=0, atol=1e-5)
