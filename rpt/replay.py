"""`python -m rpt.replay RUN`: train one run again, alone, and compare its results with the results in its folder.

A replay shows whether a run that was trained in a pack has the same results as a run that is trained alone. A run
folder may come from an untrusted source. Its record must not choose code that this program runs, or a path to which
it writes (`rpt.config.foreign_code`). All checks are made before the training begins.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rpt.config.check import check
from rpt.config.foreign_code import refuse_foreign_components
from rpt.config.older import values_of_record
from rpt.config.paths import user_path
from rpt.config.schema import Config
from rpt.console import say
from rpt.errors import ConfigError
from rpt.system.command import ExitCode, add_config_dirs, explained
from rpt.tracking.comparison import Comparison, Results, compare, read_results, report
from rpt.tracking.identity import SCHEMA, folder_name, identify
from rpt.tracking.kinds import shown
from rpt.tracking.other_code import changes_since, commit_of
from rpt.tracking.record import Record, RecordError
from rpt.training.libraries import load_libraries

__all__ = ["Comparison", "compare", "recorded", "refuse_without_matrix", "replay", "report"]

NEEDED = ("name", "identity_hash", "schema", "config", "chosen")
"""Keys that a record must have for a replay."""


@explained("the same command continues from the last checkpoint.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Train the run of a folder again, print its results beside the recorded ones, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rpt.replay", description=__doc__)
    parser.add_argument("run", type=user_path, metavar="RUN", help="folder of a finished run")
    add_config_dirs(parser)
    given = parser.parse_args(arguments)
    say(report(replay(given.run, given.config_dir)))
    return ExitCode.DONE


def replay(folder: Path, config_dirs: Sequence[str] = ()) -> Comparison:
    """Train the run of a folder again, alone, in `FOLDER/replay/`, and compare the results.

    Args:
        folder: Folder of a finished run. The replay writes only to `FOLDER/replay/`.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.

    Raises:
        ConfigError: The folder holds no finished run that can be repeated and compared. Nothing is trained.
        RptError: The run's data or backbone cannot be read.
    """
    then, config = repeatable(folder, config_dirs)
    load_libraries()
    from rpt.runs import train

    [outcome] = train([config])
    again = outcome.check()
    return compare(then, read_results(again.folder, again.record))


def repeatable(folder: Path, config_dirs: Sequence[str] = ()) -> tuple[Results, Config]:
    """Check that the run of a folder can be repeated and compared, before anything is trained or written.

    Args:
        folder: Folder of a finished run.
        config_dirs: Folders of option files that the user trusts, in addition to rpt's `conf/`.

    Returns:
        Results of the run, and configuration of its repetition.

    Raises:
        ConfigError: The folder holds no finished run that can be repeated and compared.
        RptError: The run's data or backbone cannot be read.
    """
    record = recorded(folder)
    refuse_foreign_components(record.name, record.chosen, record.config, config_dirs)
    then = read_results(folder, record)
    config = _config(folder, record)
    _refuse_another_run(folder, config, record)
    return then, config


def recorded(folder: Path) -> Record:
    """Read the record of a finished run.

    Raises:
        ConfigError: The folder holds no finished run or was renamed, or another version of rpt trained the run.
    """
    try:
        record = Record.read(folder, "Name a run folder.")
    except RecordError as error:
        raise _refusal(folder, f"holds no record of a run: {error}") from error
    schema = getattr(record, "schema_version", None)
    if schema != SCHEMA and "config" in record.model_fields_set:
        advice = f"Use the version of rpt that trained it{commit_of(record)}, or train it again with rerun=true."
        raise _refusal(folder, f"was trained by another version of rpt (schema {shown(schema)}). {advice}")
    missing, _ = record.problems(dict.fromkeys(NEEDED))
    if missing:
        raise _refusal(folder, f"holds no record of a run (run.json lacks {', '.join(missing)}). Name a run folder.")
    if (reason := record.stop_reason) is not None:
        advice = "Train it to its end first: run the same command without hydra.launcher.halving."
        raise _refusal(folder, f"was stopped by successive halving ({reason}). {advice}")
    if record.status != "finished":
        raise _refusal(folder, "is not finished. Finish it first: run the same command again.")
    if record.name != folder.resolve().name:
        raise _refusal(folder, f"holds the run {record.name}, so the folder was renamed. Give it that name again.")
    return record


def refuse_without_matrix(record: Record) -> None:
    """Refuse a run that has no exported prompt [length, hidden], because its encoder cannot be folded.

    Raises:
        ConfigError: The run has a prompt, and no matrix can replace its encoder.
    """
    if record.prompt is None or record.prompt.not_folded is None:
        return
    advice = (
        f"has no exported prompt, because its encoder {record.chosen.get('encoder', 'own')} {record.prompt.not_folded}."
        " Answer rows with python -m rpt.predict, or name a run with another encoder."
    )
    raise ConfigError.of("RUN", record.name, advice)


def _config(folder: Path, record: Record) -> Config:
    """Build the configuration of the repetition: the run's configuration with an output folder inside the run's folder.

    The repetition stores no cached texts on disk, because a record must not choose a folder to which rpt writes.

    Raises:
        ConfigError: The configuration is wrong, or `replay` in the folder is a symbolic link.
    """
    inside = folder / "replay"
    if inside.is_symlink():
        raise _refusal(folder, "holds a symbolic link named replay, which rpt does not follow. Move the link away.")
    aside = {"output_dir": str(inside), "logger": {}, "rerun": False}
    values = values_of_record(record.config, record.chosen) | aside
    if isinstance(backbone := values.get("backbone"), dict):
        values["backbone"] = {**backbone, "text_cache_dir": None}
    return check(values)


def _refuse_another_run(folder: Path, config: Config, record: Record) -> None:
    """Check that rows, weights, code and configuration are the same as when the run was trained.

    Raises:
        ConfigError: Some of them have changed; the message names the changes.
    """
    from rpt.data.inputs import build_source, find_backbone

    source, backbone = build_source(config), find_backbone(config)
    now = identify(config, source.checksum, backbone.files_sha256)
    if now.hash == record.identity_hash and folder_name(config, now.hash) == record.name:
        return
    changes = changes_since(record, now.code, backbone.weights_sha256, source.checksum)
    raise _refusal(folder, f"cannot be repeated as it was: {changes}")


def _refusal(folder: Path, advice: str) -> ConfigError:
    return ConfigError.of("RUN", str(folder), advice)


if __name__ == "__main__":
    sys.exit(main())
