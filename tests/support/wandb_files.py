"""Readers of W&B's offline files, to check what a run logged."""

import json
import struct
import time


def records(path):
    """Yield the records of a W&B file: protobuf messages in LevelDB's log format."""
    from wandb.proto import wandb_internal_pb2 as protocol

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of a record
            record = protocol.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def decoded(entries):
    """Return the JSON values of W&B's entries by key."""
    return {entry.key or "/".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


class LoggedRun:
    """Content of one offline file of W&B: what a run logged in one training, or in one resumed training.

    Attributes:
        run: W&B's record of the run.
        config: Configuration of the run by key.
        history: Logged values of each step by key.
        summary: Final values by key.
        exits: Exit codes, empty while the file is not closed.
        files: Files of each artifact, by the type of the artifact and their path.
        folder: Folder of the offline file.
    """

    def __init__(self, path):
        found = [(record.WhichOneof("record_type"), record) for record in records(path)]
        [self.run] = [record.run for kind, record in found if kind == "run"]
        self.config = decoded(self.run.config.update)
        self.history = [decoded(record.history.item) for kind, record in found if kind == "history"]
        self.summary = {}
        for kind, record in found:
            self.summary |= decoded(record.summary.update) if kind == "summary" else {}
        self.exits = [record.exit.exit_code for kind, record in found if kind == "exit"]
        requests = [record.request.log_artifact.artifact for kind, record in found if kind == "request"]
        artifacts = [record.artifact for kind, record in found if kind == "artifact"] or requests
        self.files = {
            artifact.type: {entry.path: entry for entry in artifact.manifest.contents} for artifact in artifacts
        }
        self.folder = path.parent


def logged_run(path):
    """Wait until W&B's background process has written an offline file to its end, and read it."""
    deadline = time.monotonic() + 60
    while not any(record.WhichOneof("record_type") == "exit" for record in records(path)):
        assert time.monotonic() < deadline, f"W&B has not written the end of a run to {path}"
        time.sleep(0.1)
    return LoggedRun(path)


def logged_runs(folder):
    """Read all offline files of a run folder: one of the first training and one of each resumed training."""
    return [logged_run(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
