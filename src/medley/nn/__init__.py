"""Plain torch modules that encoders share; imports torch and nothing of medley."""
