"""What a run leaves behind: shards, rows, kept cases, results. Local folders or any fsspec URL."""
