"""Backbones of the hub are downloaded once, only with the needed files, and are then read from the cache.

A small local server takes the role of the hub. The real client connects to it, in a new process.
"""

import hashlib
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rpt.backbones.hub import needed_files
from rpt.config.paths import config_dir
from rpt.config.schema import BackboneConfig
from tests.support.composed import compose

COMMIT = "a" * 40
CONTENT = {
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"tensors" * 100,
    "pytorch_model.bin": b"pickle" * 100,
    "tf_model.h5": b"other" * 100,
    "onnx/model.onnx": b"other" * 100,
    "onnx/config.json": b"{}",
    "README.md": b"words",
}
SERVED = "our/model"

OPTIONS = sorted(path.stem for path in (config_dir() / "backbone").glob("*.yaml"))


class Hub(http.server.BaseHTTPRequestHandler):
    """Server with the part of the hub's interface that the client uses to download a public model."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status, code):
        body = json.dumps({"error": code}).encode()
        self.reply(status, body, {"Content-Type": "application/json", "X-Error-Code": code})

    def do_GET(self):
        path = self.path.partition("?")[0]
        api = f"/api/models/{SERVED}"
        if path.startswith(f"/{SERVED}/resolve/"):
            name = path.removeprefix(f"/{SERVED}/resolve/").partition("/")[2]
            self.server.fetched.append(name)
            etag = hashlib.sha1(CONTENT[name]).hexdigest()
            self.reply(200, CONTENT[name], {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        elif path.startswith(f"{api}/tree/"):
            self.send([{"type": "file", "path": n, "size": len(c), "oid": n} for n, c in CONTENT.items()])
        elif path in (api, f"{api}/revision/main"):
            self.send({"id": SERVED, "sha": COMMIT, "siblings": [{"rfilename": name} for name in CONTENT]})
        elif path.startswith(f"{api}/revision/"):
            self.refuse(404, "RevisionNotFound")
        elif path.startswith("/api/models/our/gated"):
            self.refuse(403, "GatedRepo")
        else:
            self.refuse(404, "RepoNotFound")

    do_HEAD = do_GET

    def send(self, value):
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.fetched = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(tmp_path):
    """Evaluate an expression on `rpt.backbones.files` in a new process, and return its value or its error message."""

    def run(expression, port, offline=False):
        code = (
            "import json, sys\nfrom rpt.backbones import files\n"
            f"try: print(json.dumps({expression}, default=str))\n"
            "except files.NoSuchBackbone as error: print(json.dumps(f'refused: {error}'))\n"
            "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
        )
        client = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path / "home")}
        environment = {**os.environ, **client, "HF_HUB_OFFLINE": str(int(offline)), "HF_HUB_DISABLE_XET": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def locate(hub_id, revision=None):
    return f"files.locate(None, None, {hub_id!r}, {revision!r})"


def test_only_the_needed_files_of_a_model_are_downloaded(hub, ask, tmp_path):
    folder = Path(ask(locate(SERVED), hub.server_port))
    assert folder.is_relative_to(tmp_path / "home")
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {name: CONTENT[name] for name in ("config.json", "tokenizer.json", "model.safetensors")}
    assert set(hub.fetched) == set(found)


def test_a_downloaded_model_is_found_without_the_hub(hub, ask):
    assert ask(f"files.cached({SERVED!r}, None)", hub.server_port) is None
    assert hub.fetched == []  # looking into the cache makes no request
    folder = ask(locate(SERVED), hub.server_port)
    hub.fetched.clear()
    for offline in (False, True):
        assert ask(f"files.cached({SERVED!r}, None)", hub.server_port, offline=offline) == folder
        assert ask(locate(SERVED), hub.server_port, offline=offline) == folder
    assert ask(locate(SERVED, COMMIT), hub.server_port, offline=True) == folder
    assert hub.fetched == []


def test_an_incomplete_model_in_the_cache_is_completed(hub, ask):
    folder = Path(ask(locate(SERVED), hub.server_port))
    (folder / "model.safetensors").unlink()  # a program that needs only the config leaves such a folder
    assert ask(f"files.cached({SERVED!r}, None)", hub.server_port, offline=True) is None
    assert ask(locate(SERVED), hub.server_port) == str(folder)
    assert (folder / "model.safetensors").read_bytes() == CONTENT["model.safetensors"]


@pytest.mark.parametrize(
    ("hub_id", "revision", "message"),
    [
        ("our/none", None, "the hub has no public model our/none. Correct backbone.hub_id, or log in: hf auth login"),
        (SERVED, "v9", "the model our/model on the hub has no revision v9. Set backbone.revision=null."),
        ("our/gated", None, "the hub gives our/gated only to those who accepted its licence: accept its licence at "),
        ("no name", None, "no name is not a valid name of a model on the hub. Set backbone.hub_id=OWNER/NAME."),
    ],
)
def test_a_model_that_the_hub_does_not_provide_is_refused_with_a_one_line_message(hub, ask, hub_id, revision, message):
    answer = ask(locate(hub_id, revision), hub.server_port)
    assert answer.startswith(f"refused: {message}")
    assert "\n" not in answer


@pytest.mark.parametrize(("offline", "why"), [(True, "HF_HUB_OFFLINE is set"), (False, "ConnectError")])
def test_a_hub_that_cannot_be_reached_gives_a_one_line_message_with_advice(ask, tmp_path, offline, why):
    with socket.socket() as closed:  # a bound port without a listening server refuses connections
        closed.bind(("127.0.0.1", 0))
        answer = ask(locate("Qwen/Qwen3-0.6B"), closed.getsockname()[1], offline=offline)
    reason = f"is not in the cache at {tmp_path / 'home' / 'hub'} and could not be fetched from the hub ({why})"
    advice = "fetch it on a machine that reaches the hub, copy it here, and run backbone=local backbone.path=DIR"
    assert answer == f"refused: Qwen/Qwen3-0.6B {reason}: {advice} backbone.name=qwen3_0.6b"


@pytest.mark.slow  # the client waits until its time limit
def test_a_hub_that_never_answers_gives_an_error(ask):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "could not be fetched from the hub (ReadTimeout)" in ask(locate(SERVED), silent.getsockname()[1])


def test_pytorch_files_are_needed_only_if_there_are_no_safetensors_files():
    common = ["config.json", "spiece.model", "vocab.txt", "README.md", "coreml/config.json", "tf_model.h5"]
    pickles = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "training_args.bin"]
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    texts = ["config.json", "spiece.model", "vocab.txt"]
    assert needed_files([*common, *pickles, *shards]) == texts + shards
    assert needed_files([*common, *pickles]) == texts + pickles[:2]


@pytest.mark.slow
def test_the_first_line_of_every_option_has_model_licence_and_size():
    assert len(OPTIONS) >= 26
    for option in OPTIONS:
        values = compose([f"backbone={option}", "backbone.path=DIR"])["backbone"]
        section = BackboneConfig.model_validate(values)
        assert section.name == option
        sources = [section.package is not None, section.hub_id is not None, option == "local"]
        assert sum(sources) == 1, option
        first = (config_dir() / "backbone" / f"{option}.yaml").read_text().partition("\n")[0]
        if option == "local":
            continue
        named = re.match(
            r"# .+ \((?P<model>[\w-]+/[\w.-]+)\), (Apache-2\.0|MIT|Llama 3\.2 Community License), .*"
            r"[\d.]+ [MB] frozen weights.* [\d.]+ [MG]B",
            first,
        )
        assert named, first
        assert section.hub_id in (None, named["model"]), option


@pytest.mark.parametrize("option", OPTIONS)
def test_the_prompt_is_at_the_front_of_a_language_model_and_fits_the_positions_of_an_encoder(option):
    section = BackboneConfig.model_validate(compose([f"backbone={option}", "backbone.path=DIR"])["backbone"])
    if section.family == "encoder":
        assert section.prompt_at == "after_cls"
        assert section.text_limit + 100 <= 512
    else:
        assert section.prompt_at == "front"
        assert section.text_limit <= 512
