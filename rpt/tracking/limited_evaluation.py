"""Facts about a run whose evaluations cover a part of their rows, because `trainer.lightning` limits the batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rpt.data.datamodule import PackData
from rpt.tasks.metrics import evaluate
from rpt.tracking.record_sections import DataFacts
from rpt.training.module import PromptTuner


def limited_sections(facts: DataFacts, tuner: PromptTuner, data: PackData, run: int) -> dict[str, Any]:
    """Build the sections of a record that differ because a run is scored on a part of the validation set.

    Args:
        facts: Section `data` of the record for a run that is scored on the whole validation set.
        tuner: Lightning module of the run's pack.
        data: Rows of the pack.
        run: Index of the run in the pack.

    Returns:
        Sections `data` and `majority`; empty for a run that is scored on the whole validation set.
    """
    rows, whole = data.scored_rows(run), len(data.reported)
    if len(rows) == whole:
        return {}
    examples = [data.reported.examples[row] for row in rows]
    counts = facts.rows.model_copy(update={"reported": len(rows), "validation": whole})
    majority = evaluate(tuner.metric_names, examples, tuner.task.majority(examples))
    return {"data": facts.model_copy(update={"rows": counts}), "majority": majority}


def limit_warnings(data: PackData, run: int) -> Iterator[str]:
    """Yield a warning for each evaluation of a run that covers a part of its rows.

    Args:
        data: Rows of the pack.
        run: Index of the run in the pack.
    """
    scored, whole = len(data.scored_rows(run)), len(data.reported)
    if scored < whole:
        yield f"a quick look: only {scored} of {whole} reported rows were scored (trainer.lightning.limit_test_batches)"
    selected, held = len(data.selecting_rows(run)), len(data.held_out)
    if selected < held:
        flag = "trainer.lightning.limit_val_batches"
        yield f"a quick look: only {selected} of {held} rows selected the checkpoint ({flag})"
