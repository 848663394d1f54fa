"""README and docs: every command on them runs as written, and the files that they show work as they stand there.

Commands run in a copy of the checkout. Two things are added to those that train: a tiny backbone, where the command
names none, and an end after a few rows. Models of the hub are tiny random ones, saved in the layout of its cache.
Studies that stand in a table train one seed of one task, on the rows of the copy.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hub_cache import new_snapshot

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LEFT_OUT = shutil.ignore_patterns(".*", "runs", "build", "dist", "*.egg-info", "__pycache__", "docs", "outputs")
FENCE = re.compile(r"^```(\w*)(?: title=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_A_TABLE = re.compile(r"`(python run\.py [^`]*)`")
FEW = ["trainer.epochs=1", "trainer.progress=false"]
HUB = {"google-t5/t5-base": "tiny_t5", "google-t5/t5-large": "tiny_t5", "google-bert/bert-base-uncased": "tiny_bert"}


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """The page's fences: language, title, text."""
    return FENCE.findall(page.read_text())


def commands(text: str, prompt: str = "") -> list[str]:
    """Of a fence the lines that are commands, without prompt and remark."""
    joined = text.replace("\\\n", " ")
    lines = (line.removeprefix(prompt) for line in joined.splitlines() if line.startswith(prompt))
    bare = (line.split("  #")[0].strip() for line in lines)
    return [line for line in bare if line.startswith(("python ", "make "))]


def exported(text: str, checkout: Path) -> list[str]:
    """The folders that a fence puts into PYTHONPATH for all later commands of its page."""
    return [path.replace("$PWD", str(checkout)) for path in re.findall(r"^export PYTHONPATH=(\S+)", text, re.MULTILINE)]


def table_commands(page: Path) -> list[str]:
    """The commands in the page's tables, each with what makes it small."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    found = [command for line in lines for command in IN_A_TABLE.findall(line)]
    few_shot = {command: " data.k_per_class=5" for command in found if "few_shot" in command}
    return [f"{command} data=jsonl data.root=superglue task=cb seed=0{few_shot.get(command, '')}" for command in found]


PROMPTS = {"bash": "", "console": "$ "}
"""What commands begin with in the fences that hold any; what else stands in `console` is their output."""


def path_of(overrides: list[str]) -> Path:
    """The folder of a fixture's tiny model."""
    [path] = [one.partition("=")[2] for one in overrides if one.startswith("backbone.path=")]
    return Path(path)


@pytest.fixture(scope="session")
def hub_cache(request, tmp_path_factory) -> Path:
    """The hub's cache, holding tiny models under the names of large ones."""
    cache = tmp_path_factory.mktemp("hub")
    for name, fixture in HUB.items():
        shutil.copytree(path_of(request.getfixturevalue(fixture)), new_snapshot(cache, name))
    return cache


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the checkout with rows in the release's layout, MRPC's among them."""
    from tests.support.samples import FOLDERS, sample_rows

    place = tmp_path / "rpt"
    shutil.copytree(ROOT, place, ignore=LEFT_OUT)
    for folder in FOLDERS:
        write_rows(place / "superglue" / folder, sample_rows(folder))
    labels = ("equivalent", "not_equivalent")
    pairs = [{"sentence1": f"It rains on day {day}.", "sentence2": f"Rain falls on day {day}."} for day in range(40)]
    rows = [{"idx": idx, **pair, "label": labels[idx % 2]} for idx, pair in enumerate(pairs)]
    write_rows(place / "superglue" / "MRPC", {"train": rows, "val": rows[:8]})
    cities = [("Italy", ["Rome", "Roma"]), ("Spain", "Madrid")]
    asked = [{"idx": idx, "country": f"{cities[idx % 2][0]} {idx}", "answer": cities[idx % 2][1]} for idx in range(40)]
    write_rows(place / "superglue" / "Capitals", {"train": asked, "val": asked[:8]})
    return place


def write_rows(folder: Path, splits: dict[str, list[dict]]) -> None:
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_run(line: str, tiny: list[str]) -> list[str]:
    """A command as it is run here."""
    program, *rest = shlex.split(line)
    if program == "make":
        return ["make", "-n", *rest]
    if rest[0] != "run.py" or "--help" in rest:
        return [sys.executable, *rest]
    is_paper = any(one.startswith(("experiment=paper/", "paper/")) for one in rest)
    names_backbone = is_paper or "robustness" in rest or any(one.startswith("backbone=") for one in rest)
    rows = 512 if any(one.startswith("data.k_per_class=") for one in rest) else 8  # of which few-shot takes its own
    shared = ["backbone.dropout=false"] if is_paper else []  # else none of its runs would share a forward: minutes more
    return [sys.executable, *rest, *([] if names_backbone else tiny), *shared, *FEW, f"data.max_rows={rows}"]


def expected_refusal(line: str) -> str | None:
    """What a command says that cannot run here; None where it must run."""
    if "cluster=slurm" in line and shutil.which("srun") is None:
        return "there is no srun"
    return "Set encoder.bottleneck_dim=128" if "bottleneck_dim=0" in line else None  # shown because it is refused


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page_runs(page, checkout, hub_cache, tiny_bert, request):
    on_ray = "ray.address=auto" in page.read_text()
    environment = {
        **os.environ,
        **({"RAY_ADDRESS": request.getfixturevalue("ray_cluster")} if on_ray else {}),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(hub_cache),
        "PYTHONPATH": str(checkout),  # before the installed checkout
    }
    for language, title, text in blocks(page):
        if title:
            add(checkout / title, text, appended=language == "python")
        for path in exported(text, checkout) if language == "bash" else []:
            environment["PYTHONPATH"] = f"{path}:{checkout}"
        for line in commands(text, PROMPTS[language]) if language in PROMPTS else []:
            runs_or_is_refused(line, tiny_bert, checkout, environment)
    for line in table_commands(page):
        runs_or_is_refused(line, tiny_bert, checkout, environment)


def runs_or_is_refused(line: str, tiny: list[str], checkout: Path, environment: dict[str, str]) -> None:
    """A command ends well; one that cannot run here says why."""
    done = subprocess.run(
        as_run(line, tiny), cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    refusal = expected_refusal(line)
    assert (done.returncode == 0) == (refusal is None), f"{line}\n{said}"
    assert refusal is None or refusal in said, f"{line}\n{said}"


def add(path: Path, text: str, *, appended: bool) -> None:
    """Do what the page says of a file: a class goes to the end of its module, a YAML is a file of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)  # a project beside the checkout has folders of its own
    path.write_text(f"{path.read_text()}\n\n{text}" if appended and path.exists() else text)


def test_every_page_has_its_commands_in_fences_that_are_run():
    # A fence of another kind would never be run: commands must not stand in one.
    for page in PAGES:
        for language, _, text in blocks(page):
            assert language in PROMPTS or not commands(text), page


def test_every_study_of_the_paper_stands_in_a_table_that_is_run():
    found = {command.split()[3] for command in table_commands(ROOT / "docs" / "paper.md")}
    assert found == {f"paper/{file.stem}" for file in (ROOT / "sweeps" / "paper").glob("*.yaml")} - {"paper/encoders"}


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
