"""Images of what a search found. Trains nothing."""
