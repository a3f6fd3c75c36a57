"""How far predictions can be trusted: validation predictions and what is learnt from them. NumPy only."""
