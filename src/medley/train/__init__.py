"""Training: a plan, a stepper, one short loop that yields records, and what stands around it."""
