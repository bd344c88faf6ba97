"""Checkpoints in Hugging Face's format: found, their config understood, their weights and tokenizer read."""
