"""Builds the wheel with copies of `conf/` and `sweeps/` inside the package, as `rpt/conf` and `rpt/sweeps`.

A checkout keeps both at its top, where a study is read and edited; an installed wheel has no top. An editable
install uses the checkout's folders, so nothing is copied for it.
"""

from pathlib import Path

from setuptools.command.build_py import build_py

FOLDERS = ("conf", "sweeps")


class BuildPy(build_py):
    """The ordinary build of the Python files, and the YAML files beside them."""

    def run(self) -> None:
        """Copy what the wheel holds into the build folder."""
        super().run()
        if self.editable_mode:
            return
        for source in _yaml_files():
            target = Path(self.build_lib, "rpt", source)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_source_files(self) -> list[str]:
        """Files that a source distribution needs to build the same wheel."""
        return [*super().get_source_files(), *map(str, _yaml_files()), "scripts/wheel.py"]


def _yaml_files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(Path(folder).rglob("*.yaml"))]
