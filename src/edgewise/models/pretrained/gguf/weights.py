"""Whether the module holds every tensor of its GGUF file."""

from __future__ import annotations

from typing import Any

from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

from edgewise.errors import UnsupportedModelError
from edgewise.models.pretrained.gguf.header import Header
from edgewise.models.pretrained.gguf.reader import reading_quickly
from edgewise.models.pretrained.gguf.rotary import FACTORS

# In the config, or read beside the table of names.
_ELSEWHERE = {FACTORS, "output.weight"}


def require_all_read(header: Header, module: Any) -> None:
    """Refuse a file with tensors that ``transformers`` passed over: biases, factors, another class's parts.

    Raises:
        UnsupportedModelError: naming the first few.
    """
    processor = TENSOR_PROCESSORS.get(header.architecture, TensorProcessor)(config=module.config.to_dict())
    with reading_quickly():
        read = set(get_gguf_hf_weights_map(module, processor)) | _ELSEWHERE
    over = sorted(name for name in header.tensors if not {name, name.removesuffix(".weight")} & read)
    if over:
        some = ", ".join(over[:3]) + (", ..." if len(over) > 3 else "")
        raise UnsupportedModelError(
            f"GGUF file {str(header.path)!r}: transformers passes over {len(over)} of its {len(header.tensors)} tensors"
            f" ({some}); use the model's own checkpoint (safetensors)"
        )
