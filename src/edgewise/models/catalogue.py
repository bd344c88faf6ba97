"""The names of models: the bundled ones, the classes that are understood, and hub names to suggest."""

from __future__ import annotations

# name -> folder beside this file
BUNDLED = {"demo": "demo"}

# transformers class -> the module that wires it
FAMILIES = {
    "GPT2LMHeadModel": "edgewise.models.families.gpt2",
    "LlamaForCausalLM": "edgewise.models.families.llama",
    "GPTNeoXForCausalLM": "edgewise.models.families.gpt_neox",
}

# hub names worth listing and suggesting; any other model of a class above works too
KNOWN = {
    "demo": "bundled; 4 layers, 4 heads, 479 edges; knows the four tasks",
    "planted:SEED": "made on the spot; 50 to 800 edges, and the circuit of the task planted is known",
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
}
