"""The matrix products of a training step: their shapes, their number of operations, and their time alone."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.peers.stopwatch import CLOCKS

LARGE = 2048
"""Rows and columns of the large square product whose speed is the ceiling of this machine."""

REPEATS = 3
WEIGHT_PRODUCTS = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default)
BATCHED_PRODUCTS = (torch.ops.aten.bmm.default, torch.ops.aten.baddbmm.default)
"""Products of attention: queries with keys, and probabilities with values."""

PRODUCT_NAMES = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
"""Names of the products in torch's profiler."""


class Operand(NamedTuple):
    """Layout of an argument of a product."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype


class Product(NamedTuple):
    """A matrix product with given layouts: `left @ right`, with an optional summand as the first operand."""

    function: Any
    operands: tuple[Operand, ...]

    @property
    def is_of_attention(self) -> bool:
        """Whether the product is batched, as only the products of attention are."""
        return self.function in BATCHED_PRODUCTS

    @property
    def operations(self) -> int:
        """Number of multiplications and additions."""
        left, right = self.operands[-2:]
        return 2 * math.prod(left.shape) * right.shape[-1]

    @property
    def num_bytes(self) -> int:
        """Number of bytes of both factors and of the result, each read or written once."""
        left, right = self.operands[-2:]
        sizes = [math.prod(left.shape), math.prod(right.shape), math.prod(left.shape[:-1]) * right.shape[-1]]
        return sum(sizes) * left.dtype.itemsize


class ProductCounter(TorchDispatchMode):
    """Mode that counts the matrix products of its block, of forward and backward passes.

    Attributes:
        counts: Number of each product.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[Product] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count a product, and call the operator."""
        if func in WEIGHT_PRODUCTS or func in BATCHED_PRODUCTS:
            operands = [Operand(tuple(arg.shape), arg.stride(), arg.dtype) for arg in args if isinstance(arg, Tensor)]
            self.counts[Product(func, tuple(operands))] += 1
        return func(*args, **(kwargs or {}))


def count_products(steps: Callable[[], object]) -> Counter[Product]:
    """Return the matrix products of training steps, with the number of each."""
    counter = ProductCounter()
    with counter:
        steps()
    return counter.counts


def seconds_alone(products: Mapping[Product, int], clock: str) -> dict[str, float]:
    """Measure the seconds of all products: each alone, in a loop, with its factors in the caches where they fit.

    Args:
        products: Products, with the number of each.
        clock: Name of a clock of `CLOCKS`.

    Returns:
        Seconds of the products with weights (`weights`) and of attention (`attention`).
    """
    seconds = {"weights": 0.0, "attention": 0.0}
    for product, count in products.items():
        arguments = [_filled(operand) for operand in product.operands]
        kind = "attention" if product.is_of_attention else "weights"
        seconds[kind] += count * _median_seconds(partial(product.function, *arguments), clock)
    return seconds


def large_product_speed(dtype: torch.dtype, clock: str) -> float:
    """Measure the operations per second of a product of two square matrices with `LARGE` rows."""
    left, right = (torch.randn(LARGE, LARGE).to(dtype) for _ in range(2))
    return 2 * LARGE**3 / _median_seconds(partial(torch.mm, left, right), clock)


def _median_seconds(function: Callable[[], object], clock: str) -> float:
    """Return the median time of `REPEATS` calls, after a call that fills the caches."""
    now, times = CLOCKS[clock], []
    for _ in range(REPEATS + 1):
        start = now()
        function()
        times.append(now() - start)
    return statistics.median(times[1:])


def _filled(operand: Operand) -> Tensor:
    """Return a tensor of random numbers with a given layout."""
    size = 1 + sum((length - 1) * stride for length, stride in zip(operand.shape, operand.strides, strict=True))
    return torch.randn(size).to(operand.dtype).as_strided(operand.shape, operand.strides)


def profile(steps: Callable[[], object], most: int = 6) -> dict[str, Any]:
    """Return the operators of training steps with the largest self time.

    Returns:
        `operators`: names and shares of the self time of all operators; `products`: share of all matrix products.
    """
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        steps()
    events = [event for event in profiler.key_averages() if event.key.startswith("aten::")]
    total = sum(event.self_cpu_time_total for event in events)
    ranked = sorted(events, key=lambda event: -event.self_cpu_time_total)
    products = sum(event.self_cpu_time_total for event in events if event.key in PRODUCT_NAMES)
    return {
        "operators": {event.key: event.self_cpu_time_total / total for event in ranked[:most]},
        "products": products / total,
    }
