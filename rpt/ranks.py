"""Processes that train one run together, one a device of this machine: ranks.

The first rank is the process that was started; it alone opens folders, writes and prints. The others are its
children: they build the same run, take their share of the rows, and add their sums to everybody's. Processes are
started here and not by a launcher of Lightning, which would run the whole command again, sweep and all.
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
"""How long the first rank may take to notice that another has ended, before its process is ended, too."""

MOST_TEXT = 20_000
"""Of a traceback, so that it fits the pipe that nobody reads yet."""


class RankLost(RptError):
    """A rank that ended before the training did."""


class RanksDiffer(RptError):
    """Ranks that hold different numbers where all must hold the same."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train a run together; alone it is the first of one, and nothing is exchanged.

    Attributes:
        rank: This process's number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """Replace the values by their sum over all ranks; the same bits on each."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace the tensors' gradients by their sums over all ranks; None stays where no rank has one."""
        if self.size == 1 or not tensors:
            return
        present = self.sum(torch.tensor([tensor.grad is not None for tensor in tensors], dtype=torch.int64))
        grads = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
        whole = self.sum(torch.cat([grad.flatten() for grad in grads]))
        parts = whole.split([tensor.numel() for tensor in tensors])
        for tensor, part, count in zip(tensors, parts, present.tolist(), strict=True):
            tensor.grad = part.view_as(tensor) if count else None

    def gather(self, value: T) -> list[T]:
        """What each rank gives, in their order, on every rank."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def from_first(self, value: T) -> T:
        """What the first rank gives, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def check_same(self, what: str, value: str) -> None:
        """Compare a value over all ranks.

        Raises:
            RanksDiffer: It is another on some rank.
        """
        if len(set(self.gather(value))) > 1:
            advice = "Their devices do not compute alike, or files changed meanwhile. Set trainer.devices=1."
            raise RanksDiffer(f"{self.size} devices hold different {what}, where all must hold the same. {advice}")


ALONE = Ranks()


@dataclass(frozen=True)
class _Follower:
    """A rank but the first, seen from the first.

    Attributes:
        rank: Its number.
        process: Its process.
        words: Where it says why it ends, if it can.
    """

    rank: int
    process: SpawnProcess
    words: Connection

    @property
    def is_lost(self) -> bool:
        return self.process.exitcode not in (None, 0)

    def end(self) -> str:
        """How it ended, in words."""
        code = self.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = ""
        with suppress(EOFError):  # killed, it could say nothing
            said = self.words.recv() if self.words.poll() else ""
        return f"device {self.rank} of this training {how}" + (f":\n{said.rstrip()}\n" if said else ". ")


@contextmanager
def join(size: int, device: torch.device, follow: Callable[..., None], *arguments: Any) -> Iterator[Ranks]:
    """Start the other ranks, be the first of them inside the block, and see that none outlives it.

    Args:
        size: How many ranks; 1 starts nothing.
        device: Of what type each has one.
        follow: What the others do, given their `Ranks` and the arguments; a function of a module, as it is pickled.
        arguments: Likewise.

    Raises:
        RankLost: Another rank has ended; its last words are in the message.
    """
    if size == 1:
        yield ALONE
        return
    with TemporaryDirectory(prefix="rpt-ranks-") as folder:
        meeting = Path(folder) / "meeting"
        followers = [_start(rank, size, device, meeting, follow, arguments) for rank in range(1, size)]
        ended = threading.Event()
        threading.Thread(target=_end_with, args=(followers, ended), name="ranks", daemon=True).start()
        try:
            with _member(0, size, device, meeting) as ranks:
                yield ranks
            for follower in followers:
                follower.process.join(GRACE_SECONDS)
        except Exception as error:
            lost = None if isinstance(error, RptError) else _lost(followers)
            if lost is None:
                raise
            raise RankLost(_loss(lost)) from error
        finally:
            ended.set()
            _stop(followers)


def _start(
    rank: int, size: int, device: torch.device, meeting: Path, follow: Callable[..., None], arguments: Sequence[Any]
) -> _Follower:
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads' locks and the GPU's state
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_be_follower,
        args=(rank, size, device, meeting, sender, follow, arguments),
        name=f"rank {rank}",
        daemon=True,
    )
    process.start()
    sender.close()
    return _Follower(rank, process, receiver)


def _be_follower(
    rank: int,
    size: int,
    device: torch.device,
    meeting: Path,
    words: Connection,
    follow: Callable[..., None],
    arguments: Sequence[Any],
) -> None:
    """The whole life of another rank."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # reach all; the first rank ends the others
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        with _member(rank, size, device, meeting) as ranks:
            follow(ranks, *arguments)
    except BaseException as error:
        said = str(error) if isinstance(error, RptError) else "".join(traceback.format_exception(error))
        words.send(said[-MOST_TEXT:])
        os._exit(1)  # threads of the exchange may wait for the others, which wait for this one


@contextmanager
def _member(rank: int, size: int, device: torch.device, meeting: Path) -> Iterator[Ranks]:
    """Meet the others; inside the block this rank's device is the current one, and a CPU's threads are shared out."""
    threads = torch.get_num_threads()
    if device.type == "cuda":
        torch.cuda.set_device(rank)
    else:
        torch.set_num_threads(max(1, threads // size))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, init_method=f"file://{meeting}", rank=rank, world_size=size)
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


def _end_with(followers: Sequence[_Follower], ended: threading.Event) -> None:
    """End this process where it waits for a rank that is gone: not every exchange notices."""
    while not ended.wait(1.0):
        lost = next((follower for follower in followers if follower.is_lost), None)
        if lost is not None and not ended.wait(GRACE_SECONDS):
            sys.stderr.write(_loss(lost) + "\n")
            sys.stderr.flush()
            os._exit(1)


def _lost(followers: Sequence[_Follower]) -> _Follower | None:
    """The rank whose end is behind an error here; it may be on its way out still."""
    for follower in followers:
        follower.process.join(2.0)
        if follower.is_lost:
            return follower
    return None


def _loss(lost: _Follower) -> str:
    return f"{lost.end()}Run the same command again: it goes on from the last checkpoint."


def _stop(followers: Sequence[_Follower]) -> None:
    for follower in followers:
        follower.process.kill()  # it ignores other signals, and writes nothing that could be left half-written
    for follower in followers:
        follower.process.join()
        follower.words.close()
