"""The numbers of `docs/results.md` are those of the run table beside it."""

from pathlib import Path

import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(DOCS / "results" / "robustness_cb.csv")


def cells(page, start):
    """The cells of the table row that begins with a text."""
    [line] = [line for line in page.splitlines() if line.startswith(f"| {start} |") and "[" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("rate", ["0.003", "0.03", "0.3", "3", "30"])
def test_scores_and_first_steps_are_means_over_the_runs_seeds(rate, runs):
    row = cells((DOCS / "results.md").read_text(), rate)
    for position, encoder in enumerate(("plain", "residual")):
        of_point = runs[(runs.encoder == encoder) & (runs.lr == float(rate))]
        assert len(of_point) == of_point.seed.nunique() == 5
        assert float(row[1 + position].split()[0]) == pytest.approx(100 * of_point.score.mean(), abs=0.051)
        assert float(row[3 + position]) == pytest.approx(of_point.first_step.mean(), rel=0.1)


def test_the_average_over_the_sweep_and_its_difference_are_those_of_the_runs(runs):
    page = (DOCS / "results.md").read_text()
    row = cells(page, "averaged over the rates")
    means = runs.groupby("encoder").score.mean() * 100
    assert float(row[1].split()[0]) == pytest.approx(means["plain"], abs=0.051)
    assert float(row[2].split()[0]) == pytest.approx(means["residual"], abs=0.051)
    assert f"{means['residual'] - means['plain']:.1f} points higher [" in page


def test_the_other_claims_of_the_page_hold_for_the_runs(runs):
    prompts = runs[runs.encoder != "none"]
    failed = prompts[prompts.score <= prompts.majority].encoder.value_counts()
    assert failed.to_dict() == {"plain": 3}
    assert (runs[runs.encoder == "residual"].score > 0.46).all()
    assert (runs[runs.encoder == "plain"].score < 0.40).mean() == 0.2
    assert len(runs) == 51
