"""The models that known circuits belong to: their names and the shapes of their graphs."""

from __future__ import annotations

from edgewise.graph import GraphSpec

GPT2_SMALL = GraphSpec(12, 12, 768)
GPT2_NAMES = ("gpt2", "openai-community/gpt2")
GEMMA_2B = GraphSpec(18, 8, 2048, n_kv_heads=1)
GEMMA_2B_NAMES = ("google/gemma-2b",)
ATTN_ONLY_4L = GraphSpec(4, 8, 512, has_mlp=False)
ATTN_ONLY_NAMES = ("attn-only-4l", "NeelNanda/Attn_Only_4L512W_C4_Code")
