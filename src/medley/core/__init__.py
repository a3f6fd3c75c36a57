"""The vocabulary: kinds, specs, spaces, blocks, codecs, batches. Knows no modality and no loop."""
