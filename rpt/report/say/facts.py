"""List facts about a report's runs: data, protocol, backbone and code, and the commands that reproduce them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from rpt.config.paths import sweeps_dir
from rpt.data.release import origin
from rpt.report.read.axes import layer_of, unit_of
from rpt.report.read.run import StudyRun
from rpt.report.read.study import Study
from rpt.report.say.words import listed, value_text
from rpt.tracking.record import Record
from rpt.tracking.record_sections import EnvironmentFacts


def facts(study: Study) -> list[tuple[str, str]]:
    """Return the names and texts of all facts about a study, in the order of the page."""
    runs = [*study.runs, *study.baselines]
    records = [run.record for run in runs]
    return [
        ("tasks", listed(list(dict.fromkeys(_task(record) for record in records)))),
        ("data", listed(list(dict.fromkeys(_data(run) for run in runs)))),
        ("protocol", _protocol(records[0])),
        ("backbone", listed(list(dict.fromkeys(_backbone(record) for record in records)))),
        ("prompt", listed(list(dict.fromkeys(_prompt(run.record) for run in study.runs)))),
        ("varied", "; ".join(_varied(study))),
        ("runs", _counts(study)),
        ("seeds", ", ".join(map(str, study.seeds))),
        ("trained", _dates(records)),
        ("code", _code(records)),
    ]


def commands(study: Study, report: str) -> list[tuple[str, str]]:
    """Return a description and the text of each command that reproduces the report, the study or a run.

    Args:
        study: Study of the report.
        report: Command line that made the report.
    """
    named = [("this report", report)]
    if (sweeps_dir() / f"{study.name}.yaml").is_file():
        named.append(("the study as shipped with rpt", f"python run.py -cn {study.name}"))
    run = shlex.quote(str(study.runs[0].folder))
    return [*named, ("train a run again, to compare it", f"python -m rpt.replay {run}")]


def _task(record: Record) -> str:
    return f"{record.task.name} (version {record.task.version})"


def _data(run: StudyRun) -> str:
    data = run.record.data
    origin_of_rows = origin(run.task, data.source, data.release, data.folder)
    source = "sample rows made by rpt" if data.source == "sample" else origin_of_rows
    held_out = getattr(data.rows, "held_out", 0)
    held = f", {held_out:,} held out" if held_out else ""
    counts = f"{data.rows.train:,} train{held}, {data.rows.reported:,} reported"
    return f"{run.task}: {source}, {counts}, sha256 {_short(data.checksum)}"


def _protocol(record: Record) -> str:
    protocol = record.protocol
    chosen = "the validation rows themselves" if protocol.select_on == "validation" else "rows held out of train"
    habits = "".join(f"; {habit}" for habit in getattr(protocol, "habits", ()))
    return f"{protocol.name}: checkpoints are chosen on {chosen}{habits}"


def _backbone(record: Record) -> str:
    backbone = record.backbone
    return f"{backbone.name}, {backbone.parameters:,} weights, {backbone.dtype}"


def _prompt(record: Record) -> str:
    """Return the unit of a run's prompt, its position in the text and its layer, as in the configuration."""
    position, layer = record.config.get("backbone", {}).get("prompt_at", "front"), layer_of(record)
    deeper = f", backbone.prompt_layer={layer}" if layer else ""
    return f"prompt.unit={unit_of(record)}, backbone.prompt_at={position}{deeper}"


def _varied(study: Study) -> Iterator[str]:
    yield f"encoder {', '.join(study.methods)}"
    for axis in study.axes:
        yield f"{axis.label} {', '.join(map(value_text, axis.values))}"


def _counts(study: Study) -> str:
    failed = sum(run.is_failed for run in study.runs)
    diverged = sum(run.diverged for run in study.runs)
    without = f" and {len(study.baselines)} without a prompt" if study.baselines else ""
    return (
        f"{len(study.runs)} with a prompt{without}. {failed} runs with a prompt failed: {diverged} diverged, and "
        f"{failed - diverged} scored at or below the majority answer"
    )


def _dates(records: Sequence[Record]) -> str:
    starts = sorted(record.started[:10] for record in records)
    ends = sorted(record.finished[:10] for record in records if record.finished)
    last = ends[-1] if ends else starts[-1]
    return starts[0] if starts[0] == last else f"{starts[0]} to {last}"


def _code(records: Sequence[Record]) -> str:
    versions = dict.fromkeys(_version(record.environment) for record in records)
    return listed(list(versions))


def _version(environment: EnvironmentFacts) -> str:
    git = environment.git
    commit = f", commit {_short(git.commit)}" if git else ""
    dirty = " with uncommitted changes" if git and getattr(git, "dirty", False) else ""
    return f"rpt {environment.packages['rpt']}{commit}{dirty}, on {environment.bits['device']}"


def _short(digest: str) -> str:
    return digest[:10]
