"""`python -m rpt.export RUN --format peft --output DIR`: write a run's prompt for other programs, with a model card."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from rpt.config.paths import user_path
from rpt.config.schema import BackboneConfig
from rpt.console import several
from rpt.errors import ConfigError
from rpt.export.card import model_card
from rpt.export.formats import FORMATS, Files, head_files
from rpt.replay import recorded, refuse_without_matrix
from rpt.system.command import ExitCode, add_config_dirs, explained
from rpt.system.reading import reason_of
from rpt.system.writing import OTHER_OUTPUT, check_folder, folder_at_once, read_json_lines
from rpt.tracking.find import find_runs
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.training.libraries import load_libraries

HARNESS = "lm-eval"
"""Format of an adapter with a task of the LM Evaluation Harness."""

COMPARED: Mapping[str, Callable[[Record], str]] = {
    "tasks": lambda record: record.task.name,
    "backbones": lambda record: f"{record.backbone.name}, sha256 {str(record.backbone.weights_sha256)[:10]}",
    "protocols": lambda record: record.protocol.name,
    "sources of rows": lambda record: record.data.source,
}
"""Properties that are equal for all runs whose selection scores are compared."""


@explained("no export was written.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the export, print the paths of its files, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rpt.export", description=__doc__)
    parser.add_argument(
        "run",
        type=user_path,
        metavar="RUN",
        help="folder of a finished run; of a folder with several runs, the best on the selection split is exported",
    )
    parser.add_argument("--format", required=True, choices=(*FORMATS, HARNESS), help="file format of the prompt")
    parser.add_argument("--output", required=True, type=user_path, metavar="DIR", help="folder to create")
    add_config_dirs(parser)
    given = parser.parse_args(arguments)
    export(best_run(given.run), given.format, given.output, given.config_dir)
    sys.stdout.writelines(f"{path}\n" for path in sorted(given.output.iterdir()))
    return ExitCode.DONE


def best_run(path: Path) -> Path:
    """Return the folder of a run; if `path` holds several runs, the run with the highest score on the selection split.

    Runs in a folder that cannot be exported are omitted. A line on stderr names the chosen run.

    Raises:
        ConfigError: A folder holds no run that can be exported, or holds runs whose scores cannot be compared.
    """
    folders = find_runs([path], needs_prompt=True)
    if folders == [path]:
        return path
    records = {folder: recorded(folder) for folder in folders}
    for name, value_of in COMPARED.items():
        values = sorted({value_of(record) for record in records.values()})
        if len(values) > 1:
            advice = f"holds runs of several {name} ({'; '.join(values)}), whose scores cannot be compared"
            raise ConfigError.of("RUN", str(path), f"{advice}. Name the folder of the run to export.")
    best = max(folders, key=lambda folder: _selection_score(records[folder]))
    count = several(len(folders), "run")
    sys.stderr.write(f"{best}: chosen from {count} by the selection score, {_selection_score(records[best]):.4f}\n")
    return best


def _selection_score(record: Record) -> float:
    """Return a run's best score on the selection split; -1 for a run without a score."""
    score = None if record.best is None else record.best.held_out["score"]
    return -1.0 if score is None else score


def export(path: Path, format: str, output: Path, config_dirs: Sequence[str] = ()) -> None:
    """Write the exported prompt of a run, the class head if there is one, and a model card.

    Only the format `lm-eval` reads the run's rows and the backbone's tokenizer.

    Args:
        path: Folder of a finished run.
        format: `peft`, `safetensors`, `npy` or `lm-eval`.
        output: Folder to create.
        config_dirs: Folders of option files that the user trusts, for `lm-eval` with a task of the user's own.

    Raises:
        ConfigError: The folder holds no finished run, the run has no exported prompt, the format cannot represent the
            prompt or its scores, or `output` exists.
        DataError: The rows of the run cannot be read.
        StorageError: The folder cannot be written. No part of it is left behind.
        WeightsError: The backbone's tokenizer cannot be loaded.
    """
    record, folder = recorded(path), RunFolder(path)
    if output.exists():
        raise ConfigError.of("output", str(output), "exists already. Name a folder that does not exist yet.")
    check_folder(output, OTHER_OUTPUT)
    if record.parameters.body:
        raise ConfigError.of("RUN", record.name, "has fine-tuned its backbone. Only prompts are exported.")
    if not record.parameters.held:
        raise ConfigError.of("RUN", record.name, "has no prompt. Name a run with a prompt.")
    refuse_without_matrix(record)
    files, loading = _harness(path, config_dirs) if format == HARNESS else (FORMATS[format](folder, record), None)
    files |= head_files(folder)
    card = _card(record, format, folder, loading)
    with folder_at_once(output) as draft:
        for name, content in {**files, "README.md": card.encode()}.items():
            (draft / name).write_bytes(content)


def _card(record: Record, format: str, folder: RunFolder, loading: str | None) -> str:
    """Write the model card.

    Raises:
        ConfigError: The record has a value that rpt does not write, or the run's answers cannot be read.
    """
    try:
        return model_card(record, format, _base(record), _answers(folder), loading)
    except KeyError as error:
        advice = f"has an unknown value in its run.json ({reason_of(error)}). Bring the file back, or train again."
        raise ConfigError.of("RUN", record.name, advice) from error


def _harness(path: Path, config_dirs: Sequence[str]) -> tuple[Files, str]:
    """Make the files of the format `lm-eval`, and the section of the model card on their use."""
    load_libraries()
    from rpt.export.harness import harness_task
    from rpt.trained import load

    task = harness_task(load(path, config_dirs))
    return task.files, task.loading


def _base(record: Record) -> str:
    """Return the backbone's name on the hub, or its path, for the model card.

    Raises:
        ConfigError: The record's section `backbone` is damaged.
    """
    try:
        section = BackboneConfig.model_validate(record.config["backbone"])
    except (KeyError, ValidationError) as error:
        advice = "has a damaged section backbone in its run.json. Bring the file back, or train the run again."
        raise ConfigError.of("RUN", record.name, advice) from error
    return str(section.hub_id or section.original or section.path or section.package or section.name)


def _answers(folder: RunFolder) -> list[dict[str, bool]]:
    try:
        lines = read_json_lines(folder.predictions)
        return [{"right": bool(line["right"])} for line in lines]
    except (OSError, ValueError, KeyError) as error:
        advice = f"is missing or damaged ({reason_of(error)}). Bring it back, or train the run again with rerun=true."
        raise ConfigError.of("RUN", str(folder.predictions), advice) from error


if __name__ == "__main__":
    sys.exit(main())
