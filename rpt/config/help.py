"""Format the text of `python run.py --help`: examples, and every config group with its options.

Hydra's own help composes a configuration and copies it for every group, which takes a second. This module reads the
folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rpt.config.paths import config_dir

FLAGS = ("-h", "--help")

TEMPLATE = """\
rpt: train soft prompts for frozen language models (Residual Prompt Tuning, arXiv 2305.03937).

  python run.py task=cb encoder=residual                          one run
  python run.py encoder=plain lr=0.3 prompt.length=20             one run with other settings
  python run.py -m encoder=plain,residual lr=0.03,0.3 'seed=range(3)'     a sweep, one run after the other
  python run.py -m hydra/launcher=packed encoder=plain,residual 'seed=range(3)'    a sweep, trained together
  python run.py -cn learning_rate                                 a study: a file in sweeps/
  python -m rpt.report runs/learning_rate                         the report on a study
  python run.py --cfg job                                         every key and its value

Groups and their options (group=option); conf/config.yaml says what each group chooses:

{groups}

Any key can be set: lr=0.03 prompt.length=20 encoder.bottleneck_dim=64 trainer.epochs=20
"""


def help_text(config_dirs: Sequence[Path]) -> str:
    """Format the help.

    Args:
        config_dirs: Config folders of the user, whose options are listed with rpt's own.
    """
    options: dict[str, set[str]] = {}
    for folder in (config_dir(), *config_dirs):
        for group, option in _options(folder):
            options.setdefault(group, set()).add(option)
    lines = [f"{group}: {', '.join(sorted(names))}" for group, names in sorted(options.items())]
    return TEMPLATE.format(groups="\n".join(lines))


def _options(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each group and option of a config folder. A file outside the folders of groups is not an option."""
    for file in folder.rglob("*.yaml"):
        group = file.parent.relative_to(folder)
        if group.parts and group.parts[0] != "hydra":
            yield group.as_posix(), file.stem
