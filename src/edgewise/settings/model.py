"""Which model, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from edgewise.settings.device import AUTO
from edgewise.settings.setting import setting

DType: TypeAlias = Literal["auto", "float32", "float64", "bfloat16", "float16"]
DeviceMap: TypeAlias = Literal["auto", "balanced", "balanced_low_0", "sequential"]
KvHeads: TypeAlias = Literal["native", "query"]


@dataclass(frozen=True)
class ModelSettings:
    """A model, as every verb that loads one takes it."""

    title: ClassVar[str] = "Model and machine"

    model: str = setting(help="Bundled name, folder, hub name, GGUF or weights file.")
    config: str | None = setting(
        None, help="Config of weights in TransformerLens's format, if not beside them.", metavar="FILE.json"
    )
    gguf_file: str | None = setting(None, help="Which GGUF file of a folder or hub repository.", metavar="NAME")
    adapter: str | None = setting(
        None, help="PEFT adapter to merge into the model: a folder or hub name.", metavar="FOLDER"
    )
    dtype: DType = setting(
        AUTO, help="Type of its weights: auto (bfloat16 on CUDA, else float32), float32, float64, bfloat16, float16."
    )
    device: str = setting(AUTO, help="Where it runs: auto (cuda where there is one, else cpu), cpu, cuda, cuda:1, mps.")
    device_map: DeviceMap | None = setting(
        None, help="Spread its layers over all GPUs, as accelerate does.", shown_default="one device"
    )
    kv_heads: KvHeads = setting(
        "native", help="native, or query: a k and a v of every query head where several share one."
    )
    attention: str | None = setting(None, help="eager, sdpa, flash_attention_2.", shown_default="transformers' choice")
    ignore_config: tuple[str, ...] = setting((), help="A config attribute you vouch for; repeatable.")
    trust_remote_code: bool = setting(False, help="Run code that the model's folder or hub repository carries.")
