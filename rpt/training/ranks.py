"""Ranks: processes on this machine that train one run together, each on its own device.

The first rank is the process of the command. Only the first rank opens folders, writes and prints. The other ranks are
its child processes. They build the same run and train on their shares of the rows, and all ranks sum their gradients.
This module starts the processes, because Lightning's launcher would run the whole command again, with its sweep.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from rpt.errors import RptError

T = TypeVar("T")

GRACE_SECONDS = 20.0
"""Number of seconds that the first rank gets to notice the loss of another rank. Then the first rank's process ends."""

MOST_TEXT = 20_000
"""Largest number of characters of a traceback that a rank sends, so that the pipe can hold it until it is read."""


class RankLost(RptError):
    """A rank ended before the training did."""


class RanksDiffer(RptError):
    """Ranks hold different values where all must hold the same."""


@dataclass(frozen=True)
class Ranks:
    """Communication of this process with the other ranks. With one rank, all methods return at once.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of ranks.
    """

    rank: int = 0
    size: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """Replace the values in place by their sum over all ranks; the sum has the same bits on each rank."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace the tensors' gradients by their sums over all ranks; None stays None if no rank has a gradient."""
        if self.size == 1 or not tensors:
            return
        present = self.sum(torch.tensor([tensor.grad is not None for tensor in tensors], dtype=torch.int64))
        grads = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
        whole = self.sum(torch.cat([grad.flatten() for grad in grads]))
        parts = whole.split([tensor.numel() for tensor in tensors])
        for tensor, part, count in zip(tensors, parts, present.tolist(), strict=True):
            tensor.grad = part.view_as(tensor) if count else None

    def gather(self, value: T) -> list[T]:
        """Return the values of all ranks, in the ranks' order, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def from_first(self, value: T) -> T:
        """Return the first rank's value, on every rank."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def check_same(self, name: str, value: str) -> None:
        """Check that a value is the same on all ranks.

        Args:
            name: Name of the value, for the error message.
            value: Value of this rank.

        Raises:
            RanksDiffer: The value differs between ranks.
        """
        if len(set(self.gather(value))) > 1:
            advice = "The devices compute different results, or files have changed since the start."
            raise RanksDiffer(f"{name} must be equal on all {self.size} devices. {advice} Set trainer.devices=1.")


ALONE = Ranks()


@dataclass(frozen=True)
class _Follower:
    """Process of a rank other than the first, with the pipe through which it sends its error.

    Attributes:
        rank: Number of the rank, from 1.
        process: Process of the rank.
        error_pipe: Pipe from which the first rank receives the error that ended the rank.
    """

    rank: int
    process: SpawnProcess
    error_pipe: Connection

    @property
    def is_lost(self) -> bool:
        return self.process.exitcode not in (None, 0)

    def end(self) -> str:
        """Describe how the rank ended."""
        code = self.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        reason = ""
        with suppress(EOFError):  # a killed process has sent nothing
            reason = self.error_pipe.recv() if self.error_pipe.poll() else ""
        return f"device {self.rank} of this training {how}" + (f":\n{reason.rstrip()}\n" if reason else ". ")


@contextmanager
def join(size: int, device: torch.device, follow: Callable[..., None], *arguments: Any) -> Iterator[Ranks]:
    """Start the other ranks, make this process the first rank inside the block, and end the other ranks after it.

    Args:
        size: Number of ranks; 1 starts no process.
        device: Device of this process; each rank has a device of the same type.
        follow: Function that the other ranks call with their `Ranks` and `arguments`. It must be defined at
            the top level of a module, so that it can be pickled.
        arguments: Further arguments of `follow`, which are pickled.

    Raises:
        RankLost: Another rank ended before the training did; the message holds its error.
    """
    if size == 1:
        yield ALONE
        return
    with TemporaryDirectory(prefix="rpt-ranks-") as folder:
        rendezvous = Path(folder) / "rendezvous"
        followers = [_start(rank, size, device, rendezvous, follow, arguments) for rank in range(1, size)]
        ended = threading.Event()
        threading.Thread(target=_end_if_lost, args=(followers, ended), name="ranks", daemon=True).start()
        try:
            with _member(0, size, device, rendezvous) as ranks:
                yield ranks
            for follower in followers:
                follower.process.join(GRACE_SECONDS)
        except Exception as error:
            lost = None if isinstance(error, RptError) else _find_lost(followers)
            if lost is None:
                raise
            raise RankLost(_loss_message(lost)) from error
        finally:
            ended.set()
            _stop(followers)


def _start(
    rank: int, size: int, device: torch.device, rendezvous: Path, follow: Callable[..., None], arguments: Sequence[Any]
) -> _Follower:
    context = multiprocessing.get_context("spawn")  # a forked process would inherit locks and the GPU's state
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_run_follower,
        args=(rank, size, device, rendezvous, sender, follow, arguments),
        name=f"rank {rank}",
        daemon=True,
    )
    process.start()
    sender.close()
    return _Follower(rank, process, receiver)


def _run_follower(
    rank: int,
    size: int,
    device: torch.device,
    rendezvous: Path,
    error_pipe: Connection,
    follow: Callable[..., None],
    arguments: Sequence[Any],
) -> None:
    """Run a rank other than the first from start to end. This is the target function of the rank's process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # only the first rank handles signals
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        with _member(rank, size, device, rendezvous) as ranks:
            follow(ranks, *arguments)
    except BaseException as error:
        reason = str(error) if isinstance(error, RptError) else "".join(traceback.format_exception(error))
        error_pipe.send(reason[-MOST_TEXT:])
        os._exit(1)  # a normal exit could wait forever for threads that communicate with other ranks


@contextmanager
def _member(rank: int, size: int, device: torch.device, rendezvous: Path) -> Iterator[Ranks]:
    """Join the process group of all ranks for the block.

    Inside the block, this rank's GPU is the current GPU, or this rank has its share of the CPU's threads.
    """
    threads = torch.get_num_threads()
    if device.type == "cuda":
        torch.cuda.set_device(rank)
    else:
        torch.set_num_threads(max(1, threads // size))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, init_method=f"file://{rendezvous}", rank=rank, world_size=size)
        yield Ranks(rank, size)
        dist.barrier()
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        torch.set_num_threads(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _end_if_lost(followers: Sequence[_Follower], ended: threading.Event) -> None:
    """End this process if a rank is lost and `join` does not return, because `join` may wait for that rank forever."""
    while not ended.wait(1.0):
        lost = next((follower for follower in followers if follower.is_lost), None)
        if lost is not None and not ended.wait(GRACE_SECONDS):
            sys.stderr.write(_loss_message(lost) + "\n")
            sys.stderr.flush()
            os._exit(1)


def _find_lost(followers: Sequence[_Follower]) -> _Follower | None:
    """Find the rank whose end caused an error in this process, waiting up to 2 seconds for each rank to end."""
    for follower in followers:
        follower.process.join(2.0)
        if follower.is_lost:
            return follower
    return None


def _loss_message(lost: _Follower) -> str:
    return f"{lost.end()}Run the same command again: it continues from the last checkpoint."


def _stop(followers: Sequence[_Follower]) -> None:
    for follower in followers:
        follower.process.kill()  # other signals are ignored; killing is safe, because the process writes no files
    for follower in followers:
        follower.process.join()
        follower.error_pipe.close()
