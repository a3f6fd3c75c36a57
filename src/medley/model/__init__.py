"""What a user keeps: resolved graph, fitted codecs, weights; predict, evaluate, save, load. No optimiser, no loop."""
