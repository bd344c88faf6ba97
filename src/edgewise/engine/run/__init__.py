"""One plain or hooked pass: batches, hooks, memory, the metric on its logits, what sources write."""
