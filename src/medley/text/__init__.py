"""Texts: input, vocabularies, and encoders of words and n-grams."""
