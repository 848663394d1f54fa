"""Reads back what W&B was told of a run, from its own offline files."""

import json
import struct
import time


def records(path):
    """The records of a W&B file: LevelDB's log format, one protobuf message each."""
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
        if kind in (1, 4):  # a whole record, or the last part of one
            record = protocol.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def items(entries):
    return {entry.key or "/".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


class Sent:
    """All that one offline file holds of a run."""

    def __init__(self, path):
        found = [(record.WhichOneof("record_type"), record) for record in records(path)]
        [self.run] = [record.run for kind, record in found if kind == "run"]
        self.config = items(self.run.config.update)
        self.history = [items(record.history.item) for kind, record in found if kind == "history"]
        self.summary = {}
        for kind, record in found:
            self.summary |= items(record.summary.update) if kind == "summary" else {}
        self.exits = [record.exit.exit_code for kind, record in found if kind == "exit"]
        requests = [record.request.log_artifact.artifact for kind, record in found if kind == "request"]
        artifacts = [record.artifact for kind, record in found if kind == "artifact"] or requests
        self.files = {
            artifact.type: {entry.path: entry for entry in artifact.manifest.contents} for artifact in artifacts
        }
        self.folder = path.parent


def sent_to_end(path):
    """A file once it is whole. W&B's own process writes it and may be at it still when a run has ended."""
    ends = time.monotonic() + 60
    while not any(one.WhichOneof("record_type") == "exit" for one in records(path)):
        assert time.monotonic() < ends, f"W&B has not written the end of a run to {path}"
        time.sleep(0.1)
    return Sent(path)


def sent(folder):
    """What W&B was told of a run, a training and its resumes one by one."""
    return [sent_to_end(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
