"""Values written as strings: numbers, times, booleans, lists, images."""
