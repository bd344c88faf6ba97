"""The names of models: the bundled ones, and hub names to suggest."""

from __future__ import annotations

# name -> folder beside this file
BUNDLED = {"demo": "demo"}

# name -> hub repository of a checkpoint in TransformerLens's format; the names are TransformerLens's
LENS_MODELS = {
    "attn-only-1l": "NeelNanda/Attn_Only_1L512W_C4_Code",
    "attn-only-2l": "NeelNanda/Attn_Only_2L512W_C4_Code",
    "attn-only-3l": "NeelNanda/Attn_Only_3L512W_C4_Code",
    "attn-only-4l": "NeelNanda/Attn_Only_4L512W_C4_Code",
    "attn-only-2l-demo": "NeelNanda/Attn-Only-2L512W-Shortformer-6B-big-lr",
    "redwood_attn_2l": "ArthurConmy/redwood_attn_2l",
    "gelu-1l": "NeelNanda/GELU_1L512W_C4_Code",
    "gelu-2l": "NeelNanda/GELU_2L512W_C4_Code",
    "gelu-3l": "NeelNanda/GELU_3L512W_C4_Code",
    "gelu-4l": "NeelNanda/GELU_4L512W_C4_Code",
    "solu-1l": "NeelNanda/SoLU_1L512W_C4_Code",
    "solu-2l": "NeelNanda/SoLU_2L512W_C4_Code",
    "solu-3l": "NeelNanda/SoLU_3L512W_C4_Code",
    "solu-4l": "NeelNanda/SoLU_4L512W_C4_Code",
    "solu-6l": "NeelNanda/SoLU_6L768W_C4_Code",
    "solu-8l": "NeelNanda/SoLU_8L1024W_C4_Code",
    "solu-10l": "NeelNanda/SoLU_10L1280W_C4_Code",
    "solu-12l": "NeelNanda/SoLU_12L1536W_C4_Code",
}
LENS_NOTES = {
    "attn-only-4l": "attention only, 4 layers, 1,281 edges: the Docstring model",
    "attn-only-2l-demo": "attention only, 2 layers, shortformer positions",
    "redwood_attn_2l": "attention only, 2 layers, shortformer positions, 257 edges",
}


def hub_name(name: str) -> str:
    """The hub repository behind a name of the catalogue; any other name as it is."""
    return LENS_MODELS.get(name, name)


def _lens_note(name: str) -> str:
    kind, layers = name.split("-")[0], name.rsplit("-", 1)[-1].removesuffix("l")
    plain = f"{'attention only' if kind == 'attn' else f'{kind} MLPs'}, {layers} layer{'s' * (layers != '1')}"
    return LENS_NOTES.get(name, plain)


# hub names worth listing and suggesting; any other model of a known class, or in TransformerLens's format, works too
KNOWN = {
    "demo": "bundled; 4 layers, 4 heads, 479 edges; knows the four tasks",
    "planted:SEED": "made on the spot; 50 to 800 edges, and the circuit of the task planted is known",
    "compiled:PROGRAM": "made on the spot, for the task compiled; circuit known: two-back, induction, two-hops, "
    "successor, seen, agreement",
    "interpbench:CASE": "InterpBench's trained models by case, such as interpbench:11; circuit known, by whole heads",
    "gpt2": "GPT-2 small, 32,491 edges",
    "gpt2-medium": "GPT-2 medium",
    "gpt2-large": "GPT-2 large",
    "gpt2-xl": "GPT-2 XL",
    "distilgpt2": "GPT-2 distilled to 6 layers",
    "EleutherAI/pythia-70m": "GPT-NeoX, parallel blocks",
    "EleutherAI/pythia-160m": "GPT-NeoX, parallel blocks, 32,347 edges",
    "EleutherAI/pythia-410m": "GPT-NeoX, parallel blocks",
    "meta-llama/Llama-3.2-1B": "Llama, grouped key/value heads",
    "meta-llama/Llama-3.1-8B": "Llama, grouped key/value heads",
    "HuggingFaceTB/SmolLM-135M": "Llama, grouped key/value heads",
    "TinyLlama/TinyLlama_v1.1": "Llama, grouped key/value heads",
    "EleutherAI/gpt-neo-125m": "GPT-Neo, every other layer within a window",
    "EleutherAI/gpt-j-6b": "GPT-J, parallel blocks",
    "facebook/opt-125m": "OPT, learned positions",
    "mistralai/Mistral-7B-v0.1": "Mistral, sliding window",
    "mistralai/Mixtral-8x7B-v0.1": "Mixtral, experts",
    "HuggingFaceTB/SmolLM3-3B": "SmolLM3, every fourth layer without positions",
    "CohereForAI/c4ai-command-r-v01": "Cohere, parallel blocks",
    "ibm-granite/granite-3.3-2b-base": "Granite, as Llama, with multipliers",
    "bigscience/bloom-560m": "BLOOM, ALiBi",
    "Qwen/Qwen2.5-0.5B": "Qwen2, grouped key/value heads",
    "Qwen/Qwen3-0.6B": "Qwen3, grouped key/value heads",
    "Qwen/Qwen1.5-MoE-A2.7B": "Qwen2-MoE, experts",
    "Qwen/Qwen3-30B-A3B": "Qwen3-MoE, experts",
    "google/gemma-2b": "Gemma 1, one key/value head",
    "google/gemma-2-2b": "Gemma 2, norms before and after, soft-caps",
    "google/gemma-3-270m": "Gemma 3, one key/value head",
    "google/gemma-3-1b-pt": "Gemma 3, one key/value head",
    "microsoft/phi-2": "Phi, parallel blocks",
    "microsoft/Phi-3-mini-4k-instruct": "Phi-3, sliding window",
    "microsoft/phi-4": "Phi-3's class",
    "allenai/OLMo-1B-hf": "OLMo 1, LayerNorm without gain",
    "allenai/OLMoE-1B-7B-0924": "OLMoE, experts",
    "allenai/OLMo-2-0425-1B": "OLMo 2, norms after attention and MLP alone",
    "allenai/Olmo-3-7B-Instruct": "OLMo 3, sliding window",
    "LGAI-EXAONE/EXAONE-4.0-1.2B": "EXAONE 4, norms after attention and MLP alone",
    "zai-org/GLM-4-9B-0414": "GLM-4, norms before and after",
    "stabilityai/stablelm-2-1_6b": "StableLM, LayerNorm",
    "tiiuae/falcon-7b": "Falcon, parallel blocks, one key/value head",
    **{name: f"TransformerLens format: {_lens_note(name)}" for name in LENS_MODELS},
}
