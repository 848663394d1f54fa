"""The application on two workers of a Ray cluster: a killed worker is replaced, and no request is lost."""

import json
import os
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from rpt.errors import ConfigError
from rpt.serve.ray_serve import build

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray and Ray Serve raise deprecation warnings of their libraries

NUM_REQUESTS = 200
NUM_STARTS = 6
"""Number of attempts to start Ray. A node gives its own agent 15 seconds to start, which a busy machine may exceed."""


@pytest.fixture
def cluster(monkeypatch):
    """Start a Ray cluster on this machine with Ray Serve on a free port, and return its address."""
    pytest.importorskip("grpc_reflection", reason="needs Ray Serve: pip install 'rpt[ray-serve]'")
    for name, value in (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_AUTH_MODE", "disabled")):
        monkeypatch.setenv(name, value)
    import ray
    from ray import serve

    folder = tempfile.mkdtemp(prefix="ray")  # paths of sockets have at most 107 bytes, and tmp_path is longer
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    size = {"num_cpus": 2, "object_store_memory": 100 * 1024**2, "include_dashboard": False}
    for attempt in range(NUM_STARTS):
        try:
            ray.init(address="local", _temp_dir=folder, **size, **quiet)
            break
        except Exception as error:
            if attempt == NUM_STARTS - 1 or "timed out during startup" not in str(error):
                raise
            ray.shutdown()
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield f"http://127.0.0.1:{port}"
        serve.shutdown()
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def workers():
    """List the names of the workers that answer requests."""
    import ray

    named = ray.util.list_named_actors(all_namespaces=True)
    return sorted(actor["name"] for actor in named if "SERVE_REPLICA" in actor["name"])


def ask(address, name, row):
    """Send a request until it is answered. Return the answer and the number of requests that failed."""
    data = json.dumps({"run": name, "rows": [row]}).encode()
    for failures in range(600):
        request = urllib.request.Request(f"{address}/predict", data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)["answers"][0], failures
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise
            time.sleep(0.5)
    raise AssertionError("no answer after 600 requests")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_worker_is_replaced_and_every_request_is_answered(cluster, folder, runs, names, rows):
    import ray
    from ray import serve

    serve.run(build({"runs": str(folder), "replicas": "2", "cpus": "0.5"}))
    first = workers()
    assert len(first) == 2
    by_name = {run.record.name: run for run in runs}
    expected = {name: by_name[name].predict(rows[:25]) for name in names}
    requests = [(names[number % 8], number // 8) for number in range(NUM_REQUESTS)]
    with ThreadPoolExecutor(20) as pool:
        pending = [pool.submit(ask, cluster, name, rows[row]) for name, row in requests]
        while sum(future.done() for future in pending) < 20:
            time.sleep(0.01)
        ray.kill(ray.get_actor(first[0], namespace="serve"))
        answers = [future.result() for future in pending]
    for (name, row), (answer, _) in zip(requests, answers, strict=True):
        assert (answer["run"], answer["label"]) == (name, expected[name][row]["label"])
        assert answer["scores"] == pytest.approx(expected[name][row]["scores"], rel=0, abs=1e-5)
    ends = time.monotonic() + 300
    while len(workers()) < 2 or first[0] in workers():
        assert time.monotonic() < ends, workers()
        time.sleep(0.5)


WRONG = {
    "runs": {},
    "replica": {"runs": "a", "replica": "2"},
    "cpus": {"runs": "a", "cpus": "two"},
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_argument_is_refused(key):
    with pytest.raises(ConfigError) as caught:
        build(WRONG[key])
    assert [problem.key for problem in caught.value.problems] == [key]


def test_several_folders_are_separated_as_paths_are(tmp_path):
    pytest.importorskip("grpc_reflection", reason="needs Ray Serve: pip install 'rpt[ray-serve]'")
    application = build({"runs": os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]), "replicas": "2"})
    assert application is not None
