"""The model that a user keeps: resolved graph, fitted codecs, weights; it predicts, evaluates, saves and loads."""
