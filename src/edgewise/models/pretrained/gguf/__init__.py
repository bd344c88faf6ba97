"""GGUF files: found, their header checked, and what ``transformers`` makes of them held against what they say."""
