"""Every command in the README and in docs/ runs as it is written there, with the files that the pages show.

Commands run in a copy of the checkout. A command that trains gets a limit on epochs and rows, and a tiny backbone if
it names no backbone. Models of the hub are tiny random models, saved in the layout of the hub's cache. The studies of
`sweeps/` and of the paper train one seed, and those in a table one task, on the rows of the copy.
"""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.hub_cache import new_snapshot
from tests.support.preloaded import run_preloaded

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LEFT_OUT = shutil.ignore_patterns(".*", "runs", "build", "dist", "*.egg-info", "__pycache__", "docs", "outputs")
FENCE = re.compile(r"^```(\w*)(?: title=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_A_TABLE = re.compile(r"`(python run\.py [^`]*)`")
FEW = ["trainer.progress=false"]
HUB = {"google-t5/t5-base": "tiny_t5", "google-t5/t5-large": "tiny_t5", "google-bert/bert-base-uncased": "tiny_bert"}


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return the fenced code blocks of a page as language, title and text."""
    return FENCE.findall(page.read_text())


def commands(text: str, prompt: str = "") -> list[str]:
    """Return the commands of a code block without the shell's prompt and without comments."""
    joined = text.replace("\\\n", " ")
    lines = (line.removeprefix(prompt) for line in joined.splitlines() if line.startswith(prompt))
    bare = (line.split("  #")[0].strip() for line in lines)
    return [line for line in bare if line.startswith(("python ", "make "))]


def exported(text: str, checkout: Path) -> list[str]:
    """Return the folders that a code block adds to PYTHONPATH for all later commands of the page."""
    return [path.replace("$PWD", str(checkout)) for path in re.findall(r"^export PYTHONPATH=(\S+)", text, re.MULTILINE)]


def table_commands(page: Path) -> list[str]:
    """Return the commands in the tables of a page, with overrides for one task, one seed and few rows."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    found = [command for line in lines for command in IN_A_TABLE.findall(line)]
    few_shot = {command: " data.k_per_class=5" for command in found if "few_shot" in command}
    return [f"{command} data=jsonl data.root=superglue task=cb seed=0{few_shot.get(command, '')}" for command in found]


PROMPTS = {"bash": "", "console": "$ "}
"""Prompt of the shell by the language of a code block. Lines of a `console` block without the prompt are output."""


def path_of(overrides: list[str]) -> Path:
    """Return the folder of the tiny model that overrides choose."""
    [path] = [text.partition("=")[2] for text in overrides if text.startswith("backbone.path=")]
    return Path(path)


@pytest.fixture(scope="session")
def hub_cache(request, tmp_path_factory) -> Path:
    """A cache of the hub that holds tiny models under the names of published models."""
    cache = tmp_path_factory.mktemp("hub")
    for name, fixture in HUB.items():
        shutil.copytree(path_of(request.getfixturevalue(fixture)), new_snapshot(cache, name))
    return cache


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the checkout with rows of SuperGLUE, MRPC and a task of capitals in the layout of the release."""
    from tests.support.samples import FOLDERS, sample_rows

    copy = tmp_path / "rpt"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    for folder in FOLDERS:
        write_rows(copy / "superglue" / folder, sample_rows(folder))
    labels = ("equivalent", "not_equivalent")
    pairs = [{"sentence1": f"It rains on day {day}.", "sentence2": f"Rain falls on day {day}."} for day in range(40)]
    rows = [{"idx": idx, **pair, "label": labels[idx % 2]} for idx, pair in enumerate(pairs)]
    write_rows(copy / "superglue" / "MRPC", {"train": rows, "val": rows[:8]})
    cities = [("Italy", ["Rome", "Roma"]), ("Spain", "Madrid")]
    asked = [{"idx": idx, "country": f"{cities[idx % 2][0]} {idx}", "answer": cities[idx % 2][1]} for idx in range(40)]
    write_rows(copy / "superglue" / "Capitals", {"train": asked, "val": asked[:8]})
    return copy


def write_rows(folder: Path, splits: dict[str, list[dict]]) -> None:
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def study_of(arguments: list[str]) -> str:
    """Return the YAML of the shipped study that a command names after `-cn`; an empty text for any other command."""
    names = [name for option, name in itertools.pairwise(arguments) if option == "-cn"]
    files = [file for name in names if (file := ROOT / "sweeps" / f"{name}.yaml").exists()]
    return files[0].read_text() if files else ""


class TinyModels(NamedTuple):
    """Overrides that choose a tiny model, by the kind of backbone that it replaces."""

    bert: list[str]
    llama: list[str]


@pytest.fixture
def tiny(tiny_bert, tiny_llama) -> TinyModels:
    return TinyModels(tiny_bert, tiny_llama)


def shortened(line: str, tiny: TinyModels) -> list[str]:
    """Return the arguments of a command, with overrides that make its training short."""
    program, *rest = shlex.split(line)
    if program == "make":
        return ["make", "-n", *rest]
    if rest[0] != "run.py" or "--help" in rest:
        return [sys.executable, *rest]
    is_paper = any(text.startswith(("experiment=paper/", "paper/")) for text in rest)
    names_backbone = is_paper or any(text.startswith("backbone=") for text in rest)
    backbone = tiny.llama if "override backbone: smollm2" in study_of(rest) else tiny.bert
    rows = 512 if any(text.startswith("data.k_per_class=") for text in rest) else 8  # few-shot draws its own rows
    # Runs with dropout in the backbone cannot share forward passes, so that training would take minutes longer.
    shared = ["backbone.dropout=false"] if is_paper else []
    epochs = 8 if any("halving.rungs" in text for text in rest) else 1  # three rungs are at epochs 1, 2 and 4
    few = [*FEW, f"trainer.epochs={epochs}", f"data.max_rows={rows}"]
    if study_of(rest) or is_paper:
        rest = of_one_seed(rest)
    return [sys.executable, *rest, *([] if names_backbone else backbone), *shared, *few]


def of_one_seed(arguments: list[str]) -> list[str]:
    """Return the arguments of a study with a single seed. Its other points stay."""
    seeds = ["seed=0"] if any(text in {"-m", "-cn"} for text in arguments) else []
    return [text for text in arguments if not text.startswith("seed=")] + seeds


def expected_refusal(line: str) -> str | None:
    """Return the message of a command that must be refused, or None for a command that must succeed."""
    if "cluster=slurm" in line and shutil.which("srun") is None:
        return "there is no srun"
    return "Set encoder.bottleneck_dim=128" if "bottleneck_dim=0" in line else None  # the page shows its refusal


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page_runs(page, checkout, hub_cache, tiny, request):
    on_ray = "ray.address=auto" in page.read_text()
    environment = {
        **os.environ,
        **({"RAY_ADDRESS": request.getfixturevalue("ray_cluster")} if on_ray else {}),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(hub_cache),
        "PYTHONPATH": str(checkout),  # the copy takes precedence over the installed package
    }
    for language, title, text in blocks(page):
        if title:
            add(checkout / title, text, appended=language == "python")
        for path in exported(text, checkout) if language == "bash" else []:
            environment["PYTHONPATH"] = f"{path}:{checkout}"
        for line in commands(text, PROMPTS[language]) if language in PROMPTS else []:
            assert_runs_or_is_refused(line, tiny, checkout, environment)
    for line in table_commands(page):
        assert_runs_or_is_refused(line, tiny, checkout, environment)


def assert_runs_or_is_refused(line: str, tiny: TinyModels, checkout: Path, environment: dict[str, str]) -> None:
    """Run a command. It must succeed, or fail with its `expected_refusal`."""
    if "rpt.serve" in shlex.split(line):
        assert_serves_and_stops(line, checkout, environment)
        return
    program, *arguments = shortened(line, tiny)
    if program == sys.executable and " ".join(arguments).startswith(("run.py", "-m rpt.")):
        done = run_preloaded(arguments, cwd=checkout, env=environment)
    else:
        done = subprocess.run(
            [program, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
    output = done.stdout + done.stderr
    refusal = expected_refusal(line)
    assert (done.returncode == 0) == (refusal is None), f"{line}\n{output}"
    assert refusal is None or refusal in output, f"{line}\n{output}"


def assert_serves_and_stops(line: str, checkout: Path, environment: dict[str, str]) -> None:
    """Start a server. It must print its address, answer there, and end on Ctrl-C with exit code 0."""
    command = [*shortened(line, TinyModels([], [])), "--port", "0"]
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = re.search(r"http://[\d.:]+", server.stdout.readline())
            assert address, server.stderr.read()
            with urllib.request.urlopen(f"{address[0]}/runs", timeout=60) as response:
                assert json.load(response)["runs"]
            server.send_signal(signal.SIGINT)
            assert server.wait(60) == 0
        finally:
            server.kill()


def add(path: Path, text: str, *, appended: bool) -> None:
    """Write a file that a page shows. Python code is appended to an existing module, and YAML is a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)  # the example of a user's own project has new folders
    path.write_text(f"{path.read_text()}\n\n{text}" if appended and path.exists() else text)


def test_every_command_is_in_a_code_block_that_is_run():
    for page in PAGES:
        for language, _, text in blocks(page):
            assert language in PROMPTS or not commands(text), page


def test_every_study_of_the_paper_is_in_a_table_that_is_run():
    found = {command.split()[3] for command in table_commands(ROOT / "docs" / "paper.md")}
    assert found == {f"paper/{file.stem}" for file in (ROOT / "sweeps" / "paper").glob("*.yaml")} - {"paper/encoders"}


def test_links_between_pages_have_existing_targets():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_site_has_every_page_and_no_link_leaves_its_folder():
    docs = ROOT / "docs"
    listed = set(re.findall(r"\b([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.name for page in docs.glob("*.md")}
    for page in docs.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).resolve().is_relative_to(docs), f"{page.name}: {target}"
