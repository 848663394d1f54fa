"""An installed wheel works without the checkout, because it contains the option files and studies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = "from rpt.cli import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds only the installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    site = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return site


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_option_file_and_study_is_in_the_wheel(installed):
    for top in ("conf", "sweeps"):
        shipped = {path.relative_to(installed / "rpt") for path in (installed / "rpt" / top).rglob("*.yaml")}
        assert shipped == {path.relative_to(ROOT) for path in (ROOT / top).rglob("*.yaml")}


@pytest.mark.slow
def test_an_installed_wheel_composes_a_run_and_a_study(installed):
    code = "import rpt.config.paths; print(rpt.config.paths.config_dir())"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=installed.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(installed / "rpt" / "conf")
    assert "bottleneck_dim: 128" in run(installed, "--cfg", "job").stdout
    assert "learning_rate" in run(installed, "-cn", "learning_rate", "--cfg", "job").stdout


@pytest.mark.slow
def test_an_installed_wheel_refuses_an_unknown_option(installed):
    refused = run(installed, "encoder=residul")
    assert refused.returncode == 2
    assert "Did you mean residual?" in refused.stderr
