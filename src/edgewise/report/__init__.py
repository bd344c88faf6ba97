"""What a reader sees of scores, circuits and stored runs: rows, plain text and JSON documents."""
