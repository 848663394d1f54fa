"""Gather the rows of several requests for a few milliseconds, and answer them in shared forward passes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from rpt.errors import DataError
from rpt.predict.answers import Asked, answer_window, read_row
from rpt.predict.lines import InputRow
from rpt.predict.predictor import Predictor
from rpt.serve.limits import Limits
from rpt.serve.refusal import Refusal

Answers = list[dict[str, Any]]
"""Answers of a request, by row, then by run in the order of the request."""

MOST_GATHERED = 1024
"""Number of answers with which a batch is full, so that it waits for no further request."""


@dataclass(frozen=True)
class Job:
    """A request that waits for the model.

    Attributes:
        rows: Rows with the fields of a task.
        names: Names of the runs. Each run answers each row.
        future: Future that receives the answers, or the reason why there are none.
    """

    rows: Sequence[Mapping[str, Any]]
    names: Sequence[str]
    future: Future[Answers] = field(default_factory=Future)

    @property
    def size(self) -> int:
        """Number of answers that the request asks for, if each row is one example."""
        return len(self.rows) * len(self.names)


@dataclass(frozen=True)
class _ReadJob:
    """A job whose rows fit their tasks.

    Attributes:
        job: The job.
        asked: Rows to answer.
        positions: Position of each row in the request, from 1, by the row's number in the batch.
    """

    job: Job
    asked: Sequence[Asked]
    positions: Mapping[int, int]


class Batcher:
    """Worker thread that owns the model, and the bounded queue of requests in front of it.

    The first request of a batch waits `gather_seconds` for further requests. The rows of all requests of a batch then
    share forward passes, also if different runs of a group (`rpt.predict.predictor.Group`) answer them. Requests that
    arrive during a forward pass form the next batch.

    Args:
        predictor: The runs that answer, with their loaded backbone. Only the worker thread uses it.
        limits: Limits of a request and of the queue.
        gather_seconds: Time in seconds that the first request of a batch waits for further requests.

    Attributes:
        num_batches: Number of batches that the worker thread has gathered.
    """

    def __init__(self, predictor: Predictor, limits: Limits, gather_seconds: float) -> None:
        self._predictor = predictor
        self._limits = limits
        self._gather_seconds = gather_seconds
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        self.num_batches = 0
        self._thread = threading.Thread(target=self._work, name="rpt-serve-model", daemon=True)
        self._thread.start()

    def submit(self, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Future[Answers]:
        """Queue a request.

        Returns:
            Future of the answers. It raises a `Refusal` for rows that do not fit the task.

        Raises:
            Refusal: The queue is full, or the server is stopping (503).
        """
        job = Job(rows, names)
        with self._lock:
            if self._is_closed:
                raise Refusal(503, "the server is stopping.")
            if self._waiting and self._waiting + job.size > self._limits.waiting:
                message = f"{self._waiting:,} answers are waiting for the model, and {self._limits.waiting:,} may wait."
                raise Refusal(503, f"{message} Send the request again later.", {"Retry-After": "1"})
            self._waiting += job.size
            self._queue.put(job)
        job.future.add_done_callback(lambda _: self._release(job.size))
        return job.future

    def close(self) -> None:
        """Refuse further requests, answer the requests that wait, and end the worker thread."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()

    def _release(self, size: int) -> None:
        with self._lock:
            self._waiting -= size

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            jobs, is_last = self._gather(first)
            self.num_batches += 1
            self._answer([job for job in jobs if job.future.set_running_or_notify_cancel()])
            if is_last:
                return

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        """Collect the jobs of a batch. Return them, and whether the server stops after this batch."""
        jobs, size = [first], first.size
        end = time.monotonic() + self._gather_seconds
        while size < MOST_GATHERED:
            try:
                job = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
            size += job.size
        return jobs, False

    def _answer(self, jobs: Sequence[Job]) -> None:
        """Answer jobs together. A job with a faulty row gets the reason, and the other jobs get their answers."""
        numbers = count()
        read: list[_ReadJob] = []
        for job in jobs:
            try:
                read.append(self._read(job, numbers))
            except Exception as error:
                job.future.set_exception(_refusal(error))
        self._score(read)

    def _read(self, job: Job, numbers: Iterator[int]) -> _ReadJob:
        """Read the rows of a job with their tasks.

        Args:
            job: The job.
            numbers: Source of row numbers, which no two rows of a batch share.

        Raises:
            DataError: A row does not fit its task, or the job asks for too many answers.
        """
        asked: list[Asked] = []
        positions: dict[int, int] = {}
        for position, values in enumerate(job.rows, start=1):
            row = InputRow(f"row {position}", next(numbers), {"idx": position, **values})
            positions[row.number] = position
            asked += read_row(self._predictor, row, job.names)
        _check_size(asked, self._limits)
        return _ReadJob(job, asked, positions)

    def _score(self, read: Sequence[_ReadJob]) -> None:
        """Score the rows of jobs together. If that fails, score each job alone, which finds the job with the fault."""
        answers: dict[int, list[dict[str, Any]]] = {}
        try:
            for number, line in answer_window(self._predictor, [asked for job in read for asked in job.asked]):
                answers.setdefault(number, []).append(line.values)
        except Exception as error:
            if len(read) == 1:
                read[0].job.future.set_exception(_refusal(error))
                return
            for job in read:
                self._score([job])
            return
        for job in read:
            job.job.future.set_result(_ordered(job, answers))


def _check_size(asked: Sequence[Asked], limits: Limits) -> None:
    """Refuse a request that asks for too many answers, or with an example of too many choices (DataError)."""
    size = sum(entry.size for entry in asked)
    if size > limits.answers:
        raise DataError(f"the request asks for {size:,} answers (examples times runs); allowed are {limits.answers:,}.")
    for entry in asked:
        most = max((len(example.choices) for example in entry.examples), default=0)
        if most > limits.choices:
            raise DataError(f"{entry.row.place}: an example has {most:,} choices; allowed are {limits.choices:,}.")


def _refusal(error: Exception) -> Exception:
    """Return the refusal of a row that does not fit the task; another exception is a bug and is returned itself."""
    return Refusal(422, str(error)) if isinstance(error, DataError) else error


def _ordered(read: _ReadJob, answers: Mapping[int, list[dict[str, Any]]]) -> Answers:
    """Return the answers of a request by row, then by run. The examples of a row keep their order."""
    order = {name: position for position, name in enumerate(read.job.names)}
    return [
        {"row": position, **values}
        for number, position in read.positions.items()
        for values in sorted(answers.get(number, []), key=lambda values: order[values["run"]])
    ]
