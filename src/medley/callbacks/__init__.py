"""Callbacks of a search: the base class, and trackers that write to TensorBoard, MLflow, and Weights & Biases."""
