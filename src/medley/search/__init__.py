"""Search: a trial's values, how they are chosen, and the number that trials are compared by."""
