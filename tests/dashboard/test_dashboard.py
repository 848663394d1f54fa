"""The dashboard shows its panels, reads only values that runs log, and is published."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from rpt.dashboard import pages
from rpt.dashboard.__main__ import main
from rpt.dashboard.panels import NO_PROMPT, encoders, sections
from rpt.runs import train
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.summary import read_diagnostics, summary
from rpt.tracking.wandb_logger import wandb_config
from tests.support.options import ENCODERS

ROOT = Path(__file__).parents[2]


def panels():
    return [panel for section in sections(encoders()) for panel in section.panels]


def flat(value, path=""):
    if isinstance(value, dict):
        return {key for name, item in value.items() for key in flat(item, f"{path}.{name}" if path else name)}
    return {path}


@pytest.fixture(scope="module")
def logged_out(tmp_path_factory):
    """Environment variables of a command without a W&B login."""
    home = tmp_path_factory.mktemp("home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return {**kept, "HOME": str(home), "NETRC": str(home / "netrc"), "WANDB_CACHE_DIR": str(home / "cache")}


def command(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "rpt.dashboard", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# Tests of the panels


@pytest.mark.slow
def test_every_key_that_a_panel_reads_is_logged_by_runs(configure, tiny_cb):
    outcomes = train([configure(*tiny_cb, f"encoder={encoder}") for encoder in (*encoders(), NO_PROMPT)])
    settings, ends, curves = set(), set(), set()
    for outcome in outcomes:
        record = Record.read(outcome.folder)
        settings |= flat(wandb_config(record))
        ends |= set(summary(record, read_diagnostics(RunFolder(outcome.folder))))
        curves |= set((outcome.folder / "metrics.csv").read_text().splitlines()[0].split(","))
    for panel in panels():
        assert set(panel.over) <= settings, panel
        assert set(panel.shows) <= (curves if panel.kind == "lines" else ends), panel


def test_the_panels_compare_every_encoder_over_every_axis_of_robustness():
    assert [*encoders(), NO_PROMPT] == sorted(ENCODERS, key=lambda name: (name == NO_PROMPT, name))
    for key in ("lr", "prompt.length", "chosen.init"):
        [bars] = [
            panel for panel in panels() if panel.kind == "bars" and panel.over == (key,) and "score" in panel.title
        ]
        shown = (*encoders(), NO_PROMPT) if key == "lr" else encoders()
        assert bars.shows == tuple(f"{name}/counted_score" for name in shown)
    assert {panel.kind for panel in panels()} == {"bars", "dots", "lines", "parallel"}


# Tests of the workspace


# wandb-workspaces 0.4 uses validators of pydantic 1, which pydantic 2 reports as deprecated.
@pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")
@pytest.mark.parametrize("group", ["learning_rate", 'it\'s a "study"', None])
def test_the_workspace_has_all_sections_and_filters_the_runs_of_the_group(group):
    made = pages.build_workspace(pages.RunSelection("team", "rpt", group), sections(encoders()))._to_model()
    spec = made.model_dump(by_alias=True)["spec"]["section"]
    [runs] = spec["runSets"]
    filters = [(entry["key"]["name"], entry["op"], entry["value"]) for entry in runs["filters"]["filters"]]
    assert filters == ([] if group is None else [("group", "=", group)])
    found = spec["panelBankConfig"]["sections"]
    assert [section["name"] for section in found] == [section.title for section in sections(encoders())]
    by_title = {panel["config"]["chartTitle"]: panel for section in found for panel in section["panels"]}
    dots = by_title["residual: score by learning rate"]["config"]
    assert (dots["xAxis"], dots["yAxis"]) == ("config:lr.value", "summary:residual/counted_score")
    assert dots["xAxisLogScale"] is True
    bars = by_title["share of failed runs by encoder"]["config"]
    assert (bars["metrics"], bars["groupBy"], bars["groupAgg"]) == (["failed"], "chosen.value.encoder", "mean")
    lines = by_title["prompt/gate by encoder"]["config"]
    assert (lines["xAxis"], lines["metrics"], lines["groupArea"]) == ("_step", ["prompt/gate"], "stddev")
    axes = by_title["choices and score"]["config"]["columns"]
    assert [axis["accessor"] for axis in axes] == [
        "config:lr.value",
        "config:chosen.value.encoder",
        "config:prompt.value.length",
        "config:chosen.value.init",
        "config:seed.value",
        "summary:counted_score",
    ]
    assert [bool(axis["log"]) for axis in axes] == [True, False, False, False, False, False]


# Tests of the command


@pytest.mark.slow
def test_a_dry_run_prints_the_panels_and_publishes_nothing(server):
    done = command(server, "--entity", "team", "--group", "learning_rate", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert Server.saved == []
    first, *lines, last = done.stdout.splitlines()
    assert first == "workspace and report 'rpt robustness: learning_rate' in team/rpt, runs of group learning_rate"
    assert len(lines) == len(panels()) + len(sections(encoders()))
    assert last == "Nothing was published: --dry-run."


@pytest.mark.slow
def test_publishing_needs_an_entity_and_a_dry_run_does_not(server):
    done = command(server, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("workspace and report 'rpt robustness: rpt' in ENTITY/rpt, all runs\n")
    refused = command(server)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "publishing needs --entity: the W&B user or team that owns the project" in refused.stderr
    assert Server.saved == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "there is no W&B login on this machine"),
        ({"WANDB_API_KEY": "short"}, "WANDB_API_KEY invalid: API key must have 40+ characters"),
    ],
)
def test_without_a_login_the_command_prints_the_panels_and_how_to_log_in(logged_out, given, problem):
    done = command({**logged_out, **given}, "--entity", "team")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "workspace and report 'rpt robustness: rpt' in team/rpt, all runs"
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"Nothing was published: {problem}")
    assert last.endswith(". Run `wandb login`, then the same command again.")


def test_a_missing_library_is_reported_with_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    for name in [name for name in sys.modules if name.startswith("wandb_workspaces.")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["--entity", "team", "--dry-run"]) == 2
    assert capsys.readouterr() == ("", "wandb-workspaces is not installed. Run: pip install 'rpt[dashboard]'\n")


class Server(BaseHTTPRequestHandler):
    """The part of W&B's interface that saves the two pages. The server stores the saved pages in a list."""

    saved: ClassVar[list[dict]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.answer(json.loads(body)) if self.path == "/graphql" else {}
        content = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def answer(self, asked):
        query, given = asked["query"], asked.get("variables") or {}
        if "upsertView" in query:
            self.saved.append(given)
            project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
            page = {"id": f"VmlldzoxMjM{len(self.saved)}", "name": given["name"], "type": given["type"]}
            page |= {"displayName": given["displayName"], "description": "", "project": project}
            page |= {"spec": given["spec"], "updatedAt": "2026-01-01T00:00:00", "createdAt": "2026-01-01T00:00:00"}
            return {"data": {"upsertView": {"view": page, "inserted": True}}}
        node = {"id": "p", "internalId": "q", "name": "rpt", "entityName": "team", "createdAt": "2026-01-01T00:00:00"}
        node |= {"isBenchmark": False, "user": None}
        viewer = {"id": "u", "entity": "team", "username": "u", "email": "", "flags": "{}", "teams": {"edges": []}}
        edges = {"edges": [{"cursor": "c", "node": node}], "pageInfo": {"endCursor": "c", "hasNextPage": False}}
        is_known = given.get("projectName", "rpt") == "rpt"
        return {"data": {"viewer": viewer, "project": node if is_known else None, "models": edges}}

    def log_message(self, *arguments):
        """Write no line for a request."""


@pytest.fixture
def server(logged_out, monkeypatch):
    """Start a local server, and yield environment variables of a command that is logged in to it."""
    monkeypatch.setattr(Server, "saved", [])
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield {**logged_out, "WANDB_BASE_URL": f"http://127.0.0.1:{running.server_port}", "WANDB_API_KEY": "0" * 40}
    running.shutdown()
    running.server_close()


@pytest.mark.slow
def test_publishing_saves_the_workspace_and_the_report(server):
    done = command(server, "--entity", "team", "--group", "learning_rate")
    assert done.returncode == 0, done.stderr
    report, workspace = Server.saved
    assert (workspace["type"], report["type"]) == ("project-view", "runs")
    assert workspace["displayName"] == report["displayName"] == "rpt robustness: learning_rate"
    assert all(address.startswith(server["WANDB_BASE_URL"]) for address in done.stdout.split())
    assert len(done.stdout.split()) == 2
    blocks = json.loads(report["spec"])["blocks"]
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    titles = [panel["config"]["chartTitle"] for grid in grids for panel in grid["panelBankSectionConfig"]["panels"]]
    assert titles == [panel.title for panel in panels()]
    assert {grid["runSets"][0]["filters"]["filters"][0]["value"] for grid in grids} == {"learning_rate"}


@pytest.mark.slow
def test_a_missing_project_is_reported_in_one_line_and_nothing_is_saved(server):
    done = command(server, "--entity", "team", "--project", "typo")
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "team/typo: cannot be published (ValueError: Run set 'Run set' project 'team/typo' not found"
    )
    assert last.endswith("Check --entity and --project and that this machine reaches W&B.")
    assert Server.saved == []
