"""Measure the requests per second of `python -m rpt.serve`, with many clients at a time and with one client.

    python -m benchmarks.serve            # MiniLM, 8 prompts of CB, 1,000 requests of each kind

A request holds one row and names one of the prompts. Three kinds of requests take turns, 100 requests of a kind each:

- 50 clients at a time. Their requests share forward passes.
- One client, which sends its next request when it has the last answer.
- One client of a server that does not wait for further requests (`--gather-ms 0`), the fastest server for one client.

Every answer is compared with the answer of `rpt.load(RUN).predict`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

import rpt
from benchmarks.command import ROOT, run, write_result
from rpt.console import say
from rpt.data.sources import sample_source

NUM_PROMPTS = 8
NUM_CLIENTS = 50
ROUND = 100
"""Number of requests of each kind in a round."""
ROUNDING = 1e-5
"""Largest allowed difference of a score from `rpt.predict`."""

Fields = dict[str, Any]


@dataclass
class Kind:
    """Kind of requests, and its measurements.

    Attributes:
        address: Host and port of the server.
        num_clients: Number of clients. Each has one request at a time.
        seconds: Wall time of each round.
        latencies: Seconds from each request to its answer.
        num_differences: Number of answers with another label than `rpt.predict`.
        largest_difference: Largest difference of a score from `rpt.predict`.
    """

    address: str
    num_clients: int
    seconds: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    num_differences: int = 0
    largest_difference: float = 0.0

    def table(self) -> dict[str, float]:
        """Return requests per second, latencies in milliseconds, and differences from `rpt.predict`."""
        cuts = quantiles(self.latencies, n=20)
        return {
            "requests": len(self.latencies),
            "requests_per_second": len(self.latencies) / sum(self.seconds),
            "latency_p50_ms": 1000 * cuts[9],
            "latency_p95_ms": 1000 * cuts[18],
            "other_labels_than_predict": self.num_differences,
            "largest_score_difference": self.largest_difference,
        }


def main() -> None:
    """Train the prompts, measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 100 requests a kind (default: %(default)s)")
    parser.add_argument("--runs", type=Path, help="folder of 8 finished runs of CB; without it they are trained")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as trained:
        folder = options.runs or Path(trained)
        if options.runs is None:
            seeds = f"seed=range({NUM_PROMPTS})"
            run("-m", "hydra/launcher=packed", "task=cb", "trainer.epochs=2", seeds, f"output_dir={folder}")
        rows = [_without_label(row) for _, row in sample_source("CB").splits["val"]]
        expected = answers_of_predict(folder, rows)
        gathering, direct = _start(folder), _start(folder, "--gather-ms", "0")
        try:
            first, second = _address(gathering), _address(direct)
            kinds = {
                f"{NUM_CLIENTS} clients": Kind(first, NUM_CLIENTS),
                "1 client": Kind(first, 1),
                "1 client, --gather-ms 0": Kind(second, 1),
            }
            measure(kinds, rows, expected, options.rounds)
        finally:
            for server in (gathering, direct):
                server.terminate()
                server.wait()
    report(kinds)


def _without_label(row: Fields) -> Fields:
    return {"premise": row["premise"], "hypothesis": row["hypothesis"]}


def answers_of_predict(folder: Path, rows: Sequence[Fields]) -> dict[str, list[Fields]]:
    """Answer all rows with each run alone, by `rpt.load(RUN).predict`.

    Returns:
        Answers to the rows, by the name of the run.
    """
    paths = sorted(record.parent for record in folder.glob("*/run.json"))
    assert len(paths) == NUM_PROMPTS
    return {path.name: rpt.load(path).predict(rows) for path in paths}


def _start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rpt.serve", str(folder), "--port", "0", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _address(server: subprocess.Popen[str]) -> str:
    """Wait until a server accepts requests, and return its host and port."""
    assert server.stdout is not None
    match = re.search(r"http://([\d.:]+)", server.stdout.readline())
    assert match is not None
    return match[1]


def measure(kinds: dict[str, Kind], rows: Sequence[Fields], expected: dict[str, list[Fields]], rounds: int) -> None:
    """Send the requests of all kinds in turns. The first of the `rounds + 1` rounds warms up and is not measured."""
    for number in range(rounds + 1):
        for name, kind in kinds.items():
            requests = [_request(number * ROUND + position, rows, expected) for position in range(ROUND)]
            seconds, latencies = send(kind, requests)
            if number:
                kind.seconds.append(seconds)
                kind.latencies += latencies
                say(f"{number:3} {name:26} {ROUND / seconds:7.1f} requests/s")


def _request(number: int, rows: Sequence[Fields], expected: dict[str, list[Fields]]) -> tuple[str, Fields, Fields]:
    """Return the run, the row and the expected answer of a request."""
    name, position = list(expected)[number % NUM_PROMPTS], number // NUM_PROMPTS % len(rows)
    return name, rows[position], expected[name][position]


def send(kind: Kind, requests: Sequence[tuple[str, Fields, Fields]]) -> tuple[float, list[float]]:
    """Send requests by as many clients as the kind has, and compare the answers with the expected answers.

    Returns:
        Wall time of all requests in seconds, and the latency of each request.
    """
    shares = [requests[client :: kind.num_clients] for client in range(kind.num_clients)]
    with ThreadPoolExecutor(kind.num_clients) as pool:
        connections = [http.client.HTTPConnection(kind.address) for _ in shares]
        for connection in connections:
            connection.connect()
        start = time.perf_counter()
        answered = list(pool.map(_send_share, connections, shares))
        seconds = time.perf_counter() - start
    for share, answers in zip(shares, answered, strict=True):
        for (name, _, expected), (_, answer) in zip(share, answers, strict=True):
            assert answer["run"] == name
            kind.num_differences += answer["label"] != expected["label"]
            pairs = zip(answer["scores"], expected["scores"], strict=True)
            kind.largest_difference = max(kind.largest_difference, *(abs(score - other) for score, other in pairs))
    return seconds, [latency for answers in answered for latency, _ in answers]


def _send_share(connection: http.client.HTTPConnection, requests: Sequence[tuple[str, Fields, Fields]]) -> list[Any]:
    """Send requests one after the other over one connection. Return the latency and the answer of each request."""
    answers = []
    for name, row, _ in requests:
        body = json.dumps({"run": name, "rows": [row]})
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"content-type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        latency = time.perf_counter() - start
        assert response.status == 200, content
        answers.append((latency, json.loads(content)["answers"][0]))
    connection.close()
    return answers


def report(kinds: dict[str, Kind]) -> None:
    """Print and write the measurements.

    A ratio is the wall time with one client, divided by the wall time with many clients: the median over rounds.
    """
    first, *others = kinds
    tables = {name: kind.table() for name, kind in kinds.items()}
    ratios = {
        f"{first} / {name}": median(
            alone / many for alone, many in zip(kinds[name].seconds, kinds[first].seconds, strict=True)
        )
        for name in others
    }
    for name, table in tables.items():
        rate, middle, high = (table[key] for key in ("requests_per_second", "latency_p50_ms", "latency_p95_ms"))
        say(f"{name:26} {rate:7.1f} requests/s, latency p50 {middle:6.1f} ms, p95 {high:6.1f} ms")
    for name, ratio in ratios.items():
        say(f"{name}: {ratio:.2f} times the requests per second")
    for kind in kinds.values():
        assert kind.num_differences == 0
        assert kind.largest_difference <= ROUNDING
    write_result(
        "serve",
        {
            "prompts": NUM_PROMPTS,
            "table": tables,
            "ratios": ratios,
            "round_seconds": {name: kind.seconds for name, kind in kinds.items()},
        },
    )


if __name__ == "__main__":
    main()
