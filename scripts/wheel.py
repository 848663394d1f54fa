"""Build the wheel with copies of `conf/` and `sweeps/` inside the package, as `rpt/conf` and `rpt/sweeps`.

A checkout has both folders at its top, where users read and edit them. An installed wheel has only the package. An
editable install uses the folders of the checkout, and the build copies nothing.
"""

from pathlib import Path

from setuptools.command.build_py import build_py

FOLDERS = ("conf", "sweeps")


class BuildPy(build_py):
    """The standard build of the Python files, which also copies the YAML files."""

    def run(self) -> None:
        """Copy the Python files and the YAML files into the build folder."""
        super().run()
        if self.editable_mode:
            return
        for source in _yaml_files():
            target = Path(self.build_lib, "rpt", source)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_source_files(self) -> list[str]:
        """Return the files that a source distribution needs to build the same wheel."""
        return [*super().get_source_files(), *map(str, _yaml_files()), "scripts/wheel.py"]


def _yaml_files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(Path(folder).rglob("*.yaml"))]
