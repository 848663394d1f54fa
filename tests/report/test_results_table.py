"""The table of a study's runs that `docs/results/` keeps."""

import pandas as pd

from tests.support.report_fixture import write_run
from tools.results_table import table


def test_the_table_has_a_line_for_each_finished_run_with_its_score_and_setting(tmp_path):
    folders = {
        (encoder, seed): write_run(tmp_path, f"encoder={encoder}", f"seed={seed}", "lr=0.03", *names)
        for encoder, names in (("plain", ()), ("residual", ("report.method=full",)))
        for seed in (1, 0)
    }
    write_run(tmp_path, "encoder=mlp", status="failed")
    lines = table(tmp_path)
    assert list(zip(lines.method, lines.seed, strict=True)) == [("full", 0), ("full", 1), ("plain", 0), ("plain", 1)]
    assert set(lines.folder) == {folder.name for folder in folders.values()}
    assert set(lines.encoder) == {"plain", "residual"}
    assert (lines.lr == 0.03).all()
    assert lines.score.between(0, 1).all()
    pd.testing.assert_series_equal(lines.score, (lines.accuracy + lines.f1_macro) / 2, check_names=False)
