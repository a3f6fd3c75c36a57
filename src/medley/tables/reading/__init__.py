"""Readers: files, folders and frames of any library -> a pandas DataFrame, whole or in batches."""
