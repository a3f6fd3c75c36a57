"""The door: a graph or a list of inputs and heads in, a searched and trained model out."""
