"""What is kept between runs: encoded rows in memory-mapped files and growing stores, found by their content."""
