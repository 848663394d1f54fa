"""Find the devices and the dtype that a configuration means on this machine.

Each function imports torch when it is called, so that a wrong configuration is refused without this import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpt.config.schema import Config
from rpt.errors import ConfigError

if TYPE_CHECKING:
    import torch


def device_of(config: Config) -> torch.device:
    """Return the device of `trainer.device`; `auto` is a GPU if one is visible, else the CPU.

    Raises:
        ConfigError: `trainer.device=cuda` is set and no GPU is visible.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    if config.trainer.device == "cuda" and not has_gpu:
        raise ConfigError.of("trainer.device", "cuda", "no GPU is visible here. Set trainer.device=cpu or auto.")
    return torch.device("cuda" if has_gpu and config.trainer.device != "cpu" else "cpu")


def count_devices(config: Config, device: torch.device) -> int:
    """Return the number of devices that train one run: `trainer.devices`; `auto` is all GPUs, or one CPU process.

    Raises:
        ConfigError: The machine has fewer GPUs than `trainer.devices`.
    """
    import torch

    devices, num_gpus = config.trainer.devices, torch.cuda.device_count()
    if devices == "auto":
        return num_gpus if device.type == "cuda" else 1
    if device.type == "cuda" and devices > num_gpus:
        advice = (
            f"must be at most {num_gpus}, the number of GPUs visible here. Set it to {num_gpus} or less, or to auto."
        )
        raise ConfigError.of("trainer.devices", devices, advice)
    return devices


def dtype_of(config: Config, device: torch.device) -> torch.dtype:
    """Return the dtype of the backbone's weights, `backbone.dtype`.

    `auto` is float32 for a fine-tuned backbone. For a frozen backbone, it is bfloat16 on hardware with fast bfloat16,
    else float32.
    """
    from rpt.backbones.frozen import choose_dtype

    is_tuned, dtype = config.trainer.tune == "all", config.backbone.dtype
    return choose_dtype("float32" if is_tuned and dtype == "auto" else dtype, device)
