"""Training: the plan, the steppers, the loop, which yields one record per epoch, and the training state."""
