"""Structure of the code: short files and functions, allowed imports, and commands without slow imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES_OF_A_FILE = 299
MOST_LINES_OF_A_FUNCTION = 50

FRAME = ("rpt/cli.py", "rpt/config/*", "rpt/build.py", "rpt/runs.py", "rpt/sweep/grid.py")
LOOP = ("rpt/training/*", "rpt/runs.py", "rpt/data/datamodule.py", "rpt/tracking/*")
LEAVES = ("rpt.prompt", "rpt.tasks", "rpt.data.rows", "rpt.backbones", "rpt.scoring")

# A library, and the files that may import it; `*` crosses folders.
ALLOWED = {
    "hydra": (*FRAME, "hydra_plugins/*"),
    "omegaconf": (*FRAME, "hydra_plugins/*"),
    "lightning": LOOP,
    "pytorch_lightning": (),  # the same library under its old name
    "wandb": ("rpt/tracking/wandb_logger.py", "rpt/config/wandb_login.py"),
    "wandb_workspaces": ("rpt/dashboard/pages.py",),
    "fastapi": ("rpt/serve/app.py", "rpt/serve/body.py"),
    "starlette": ("rpt/serve/app.py", "rpt/serve/body.py"),
    "uvicorn": ("rpt/serve/__main__.py",),
    "tensorboard": ("rpt/tracking/tensorboard_logger.py",),
    "torch.utils.tensorboard": ("rpt/tracking/tensorboard_logger.py",),
}
# Modules of rpt that `LEAVES` may import.
LEAVES_MAY_IMPORT = (*LEAVES, "rpt.errors", "rpt.config.options", "rpt.system")


def python_files(*tops: str) -> list[Path]:
    """Return the files in the folders `tops`, relative to the root. A missing folder has no files."""
    found = [file for top in tops for file in sorted((ROOT / top).rglob("*.py"))]
    return [file.relative_to(ROOT) for file in found]


def dotted(file: Path) -> str:
    """Return the name by which a file is imported: `rpt.prompt.init` for `rpt/prompt/init.py`."""
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def within(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a dotted name equals one of `patterns`, or is inside one."""
    return any(fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*") for pattern in patterns)


def imports(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Return the dotted names that a source imports anywhere, also inside functions.

    `from a import b` gives `a.b`, which may be a module or only a name inside `a`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def imports_of(file: Path) -> set[str]:
    source = (ROOT / file).read_text(encoding="utf-8")
    return set(imports(source, dotted(file), file.name == "__init__.py"))


def test_no_file_is_too_long():
    files = [*python_files("rpt", "tests", "benchmarks", "hydra_plugins"), Path("run.py")]
    lines = {str(file): len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(lines) > 10
    assert {file: count for file, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_every_function_fits_on_a_screen():
    long = {}
    for file in python_files("rpt"):
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long[f"{file}:{node.name}"] = lines
    assert long == {}


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_imported_only_by_the_allowed_files(library):
    files = python_files("rpt", "hydra_plugins")
    users = {str(file) for file in files if any(within(name, (library,)) for name in imports_of(file))}
    assert sorted(file for file in users if not any(fnmatch(file, allowed) for allowed in ALLOWED[library])) == []


def test_leaves_import_only_leaves():
    leaves = [file for file in python_files("rpt") if within(dotted(file), LEAVES)]
    assert len(leaves) > 5
    upward = {
        str(file): sorted(wrong)
        for file in leaves
        if (wrong := {n for n in imports_of(file) if within(n, ("rpt",)) and not within(n, LEAVES_MAY_IMPORT)})
    }
    assert upward == {}


@pytest.mark.parametrize(("top", "other"), [("tests", "benchmarks"), ("benchmarks", "tests"), ("rpt", "tests")])
def test_top_folders_do_not_import_each_other(top, other):
    files = python_files(top)
    assert len(files) > 5
    assert [str(file) for file in files if any(within(name, (other,)) for name in imports_of(file))] == []


def test_imports_are_seen_in_every_form():
    source = "import a.b as c\nfrom d import e\ndef f():\n    from . import g\n    from ..h import i\n"
    assert set(imports(source, "rpt.x.y")) == {"a.b", "d.e", "rpt.x.g", "rpt.h.i"}
    assert set(imports("from .g import h", "rpt.x", is_package=True)) == {"rpt.x.g.h"}
    assert within("torch.utils.tensorboard.SummaryWriter", ("torch.utils.tensorboard",))
    assert not within("hydra_plugins.rpt_packed", ("hydra",))


def test_help_and_refusals_import_no_heavy_library():
    heavy = ("torch", "transformers", "lightning", "datasets", "wandb")
    code = f"import sys, rpt.config.check, rpt.cli; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_every_option_file_says_what_it_is():
    files = sorted((ROOT / "conf").rglob("*.yaml"))
    assert len(files) > 10
    silent = [str(file.relative_to(ROOT)) for file in files if not file.read_text(encoding="utf-8").startswith("# ")]
    assert silent == []
