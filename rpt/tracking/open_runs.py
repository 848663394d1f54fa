"""Open the folders of a pack's runs, and find the runs that have ended in an earlier command."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rpt.config.protocol import metrics_of
from rpt.config.schema import Config
from rpt.console import closing, say
from rpt.errors import RptError, StorageError
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import folder_name, identify
from rpt.tracking.other_code import refuse_other_code
from rpt.tracking.record import Record
from rpt.tracking.recorder import Recorder
from rpt.training.halving import Competitor, Competitors


def build_recorders(
    configs: Sequence[Config], data_checksum: str, backbone_sha256: str, competitors: Competitors | None
) -> list[Recorder]:
    """Build the recorders of the runs of a pack.

    Args:
        configs: Configuration of each run.
        data_checksum: sha256 of the rows.
        backbone_sha256: sha256 of the backbone's files.
        competitors: Competition and rungs of each run in successive halving; None without halving.

    Raises:
        ConfigError: An interrupted training was begun with different code.
    """
    places = competitors or [None for _ in configs]
    return [_recorder(*pair, data_checksum, backbone_sha256) for pair in zip(configs, places, strict=True)]


def _recorder(config: Config, competitor: Competitor | None, data_checksum: str, backbone_sha256: str) -> Recorder:
    identity = identify(config, data_checksum, backbone_sha256)
    folder = RunFolder(Path(config.output_dir) / folder_name(config, identity.hash))
    refuse_other_code(folder.path, config, identity, data_checksum)
    return Recorder(config, identity, folder, metrics_of(config), competitor)


def open_all(
    recorders: Sequence[Recorder], stack: ExitStack, *, is_halved: bool
) -> tuple[dict[Recorder, Record], dict[Recorder, RptError]]:
    """Open the folders of the runs that are to be trained. The stack closes them.

    Args:
        recorders: Recorders of the runs.
        stack: Stack that closes the folders.
        is_halved: Whether successive halving is on. If not, a run that halving has stopped before is trained anew.

    Returns:
        Records of the runs that have ended, and errors of the folders that cannot be read or written.

    Raises:
        FolderInUse: Another process is training one of the runs.
    """
    records: dict[Recorder, Record] = {}
    errors: dict[Recorder, RptError] = {}
    for recorder in recorders:
        try:
            record = _open(recorder, stack, is_halved)
        except StorageError as error:
            errors[recorder] = error
        else:
            records |= {} if record is None else {recorder: record}
    return records, errors


def _open(recorder: Recorder, stack: ExitStack, is_halved: bool) -> Record | None:
    """Lock the folder of a run that is to be trained, or return the record of a run that has ended.

    The folder of a run that has ended may be on a read-only disk.
    """
    record = _ended(recorder, is_halved)
    if record is None:
        recorder.folder.open()
        stack.callback(recorder.folder.close)
        record = _ended(recorder, is_halved)  # another process may have finished the run meanwhile
    else:
        recorder.folder.tidy()
    return record


def _ended(recorder: Recorder, is_halved: bool) -> Record | None:
    record = None if recorder.config.rerun else recorder.folder.read_record()
    if record is None:
        return None
    if record.status == "finished":
        say("this run is finished; nothing to do (rerun=true trains it again)\n")
        say(closing(record, recorder.folder.path))
        return record
    if record.status == "stopped":
        recorder.begins_anew = not is_halved
        return record if is_halved else None
    return None
