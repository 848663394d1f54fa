"""An out-of-memory error is recognised by its type, or else by its message."""

import errno

import pytest
import torch
from safetensors import SafetensorError

from rpt.errors import WeightsError
from rpt.runs import train
from rpt.scoring.head import HeadScorer
from rpt.sweep import work
from rpt.system.out_of_memory import OutOfMemory, enough_memory, is_out_of_memory
from rpt.tracking import checkpoint
from rpt.tracking.folder import RunFolder

MESSAGES = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
    "HIP out of memory. Tried to allocate 1.00 GiB.",
    "MPS backend out of memory (MPS allocated: 8.00 GiB, max allowed: 9.07 GiB).",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "NCCL error: unhandled cuda error 2 'out of memory'",
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8",
    "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
    "unable to mmap 437955512 bytes from file <pytorch_model.bin>: Cannot allocate memory (12)",
    "std::bad_alloc",
    "Unable to allocate 3.20 GiB for an array with shape (429496729,) and data type float64",
    "Failed to allocate 2147483648 bytes",
]


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("kind", [RuntimeError, OSError, ImportError, SafetensorError])
def test_the_messages_of_libraries_are_recognised(kind, message):
    assert is_out_of_memory(kind(message))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(""),
        MemoryError(),
        OSError(errno.ENOMEM, "Nicht genügend Hauptspeicher verfügbar"),  # the message is in the user's language
        OutOfMemory("out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_types_are_recognised_whatever_the_message(error):
    assert is_out_of_memory(error)


def test_a_real_allocation_that_is_too_large_is_recognised():
    with pytest.raises(Exception) as caught:  # noqa: PT011  (torch may raise any type)
        torch.empty(2**50, dtype=torch.float64)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x32 and 16x2)"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("there is not enough memory in this sentence"),
        None,
    ],
)
def test_other_errors_are_not_recognised(error):
    assert not is_out_of_memory(error)


def test_an_error_caused_by_exhausted_memory_is_recognised():
    error = WeightsError("model.safetensors: cannot be read. Download it again.")
    error.__cause__ = MemoryError()
    assert is_out_of_memory(error)
    advice = r"Free some memory, then run the same command again: it continues\.$"
    with pytest.raises(OutOfMemory, match=advice), enough_memory(1):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("std::bad_alloc"),
        pytest.param(RuntimeError(MESSAGES[1]), marks=pytest.mark.slow),
        pytest.param(OSError(errno.ENOMEM, "Cannot allocate memory"), marks=pytest.mark.slow),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("part", ["losses", "score"])
def test_a_forward_that_exceeds_the_memory_is_split_for_every_type_of_error(
    part, error, configure, tiny_cb, monkeypatch
):
    act = getattr(HeadScorer, part)

    def limited(self, backbone, inserted, rows, heads):
        if len(rows.row) > 2:
            raise error
        return act(self, backbone, inserted, rows, heads)

    monkeypatch.setattr(HeadScorer, part, limited)
    outcome = train([configure(*tiny_cb)])[0]
    assert outcome.record.status == "finished"
    assert any(text.startswith("out of memory: forward passes ") for text in outcome.record.warnings)


def test_exhausted_memory_before_the_training_is_an_interruption(configure, tiny_cb, monkeypatch):
    def raise_memory_error(config):
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr("rpt.runs.find_backbone", raise_memory_error)
    with pytest.raises(OutOfMemory, match=r"^out of memory \(std::bad_alloc\)\. Free some memory"):
        train([configure(*tiny_cb)])


@pytest.mark.parametrize("error", [MemoryError(), WeightsError("model.safetensors: cannot be read.")])
def test_a_point_that_ends_by_exhausted_memory_is_interrupted_and_not_failed(error, monkeypatch):
    if isinstance(error, WeightsError):
        error.__cause__ = OSError(errno.ENOMEM, "Cannot allocate memory")
    assert work._ended_by(error).status == "interrupted"


def test_a_checkpoint_that_exceeds_the_memory_is_not_reported_as_damaged(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    checkpoint.save(folder, {"identity_hash": "me"})

    def raise_memory_error(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(checkpoint.torch, "load", raise_memory_error)
    with pytest.raises(MemoryError):
        checkpoint.load(folder, "me")
