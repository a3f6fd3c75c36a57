"""Training: the plan, the steppers, a short loop that yields one record per epoch, and the state of a training."""
