"""The numbers in `docs/results.md` agree with the tables of runs in `docs/results/`."""

from pathlib import Path

import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs"
ENCODERS = {"plain": 5, "mlp": 3, "residual": 5}
"""Number of seeds of each encoder, in the order of the table's columns."""

SAMPLE_ENCODERS = ["plain", "mlp", "residual", "lstm"]
"""Encoders of the study on sample rows, in the order of the table's columns."""


def section(name):
    """Return the part of the results page about a backbone, `SmolLM2` or `MiniLM`."""
    language_model, encoder = (DOCS / "results.md").read_text().split("## MiniLM\n")
    return {"SmolLM2": language_model, "MiniLM": encoder}[name]


def robustness_study():
    """Return the beginning of the results page, up to the end of the study of robustness to the learning rate."""
    return section("SmolLM2").split("### The LSTM, and two precisions")[0]


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(DOCS / "results" / "robustness_cb.csv")


def cells(page, start):
    """Return the cells of the table row whose first cell is `start`."""
    [line] = [line for line in page.splitlines() if line.startswith(f"| {start} |") and "[" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("rate", ["0.003", "0.03", "0.3", "3", "30"])
def test_scores_and_first_steps_are_means_over_seeds(rate, runs):
    row = cells(robustness_study(), rate)
    for position, (encoder, num_seeds) in enumerate(ENCODERS.items()):
        of_point = runs[(runs.encoder == encoder) & (runs.lr == float(rate))]
        assert len(of_point) == of_point.seed.nunique() == num_seeds
        assert float(row[1 + position].split()[0]) == pytest.approx(100 * of_point.score.mean(), abs=0.051)
        assert float(row[4 + position]) == pytest.approx(of_point.first_step.mean(), rel=0.1)


def test_averages_over_the_sweep_and_their_differences_agree_with_the_runs(runs):
    page = robustness_study()
    row = cells(page, "averaged over the rates")
    means = runs.groupby("encoder").score.mean() * 100
    for cell, encoder in zip(row[1:4], ENCODERS, strict=True):
        assert float(cell.split()[0]) == pytest.approx(means[encoder], abs=0.051)
    assert f"{means['residual'] - means['plain']:.1f} points higher than plain prompts [" in page
    shared = runs[runs.seed < ENCODERS["mlp"]].groupby("encoder").score.mean() * 100
    assert f"{shared['residual'] - shared['mlp']:.1f} points\nhigher than prompts behind an MLP" in page


def test_the_other_claims_of_the_page_agree_with_the_runs(runs):
    prompts = runs[runs.encoder != "none"]
    failed = prompts[prompts.score <= prompts.majority].encoder.value_counts()
    assert failed.to_dict() == {"plain": 3, "mlp": 2}
    assert (runs[runs.encoder == "residual"].score > 0.46).all()
    assert (runs[runs.encoder == "plain"].score < 0.40).mean() == 0.2
    assert len(runs) == 66


@pytest.fixture(scope="module")
def sample_runs():
    return pd.read_csv(DOCS / "results" / "learning_rate.csv")


@pytest.mark.parametrize("rate", ["0.003", "0.03", "0.3", "3", "30"])
def test_scores_of_the_study_on_sample_rows_are_means_over_three_seeds(rate, sample_runs):
    page = section("MiniLM")
    for cell, encoder in zip(cells(page, rate)[1:], SAMPLE_ENCODERS, strict=True):
        of_point = sample_runs[(sample_runs.encoder == encoder) & (sample_runs.lr == float(rate))]
        assert of_point.seed.nunique() == len(of_point) == 3
        assert float(cell.split()[0]) == pytest.approx(100 * of_point.score.mean(), abs=0.051)


def test_averages_and_tuned_scores_of_the_study_on_sample_rows_agree_with_the_runs(sample_runs):
    page = section("MiniLM")
    averages, tuned = cells(page, "averaged over the rates"), cells(page, "at the rate that the held-out rows choose")
    for position, encoder in enumerate(SAMPLE_ENCODERS, start=1):
        points = sample_runs[sample_runs.encoder == encoder].groupby("lr")[["score", "held_out"]].mean()
        chosen = points.held_out.idxmax()
        assert float(averages[position].split()[0]) == pytest.approx(100 * points.score.mean(), abs=0.051)
        assert float(tuned[position].split()[0]) == pytest.approx(100 * points.score[chosen], abs=0.051)
        assert tuned[position].endswith(f"at {chosen:g}")
    head = 100 * sample_runs[sample_runs.encoder == "none"].score.mean()
    assert f"The head alone scores {head:.1f}." in page
    assert len(sample_runs) == 63


VARIANTS = {
    *("residual", "two blocks", "frozen table", "table alone"),
    *("frozen network", "no skip", "no norm", "scaled norm"),
}
"""Methods of the ablation."""


@pytest.fixture(scope="module")
def variants():
    return pd.read_csv(DOCS / "results" / "ablation_cb.csv")


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_scores_and_first_steps_of_the_ablation_are_means_over_three_seeds(variant, variants):
    row = cells(section("SmolLM2").split("### Eleven encoders")[0], f"`{variant}`")
    runs = variants[variants.method == variant]
    for cell, rate in zip(row[2:5], (0.003, 0.3, 30), strict=True):
        of_point = runs[runs.lr == rate]
        assert sorted(of_point.seed) == [0, 1, 2]
        assert float(cell) == pytest.approx(100 * of_point.score.mean(), abs=0.051)
    assert float(row[5].split()[0]) == pytest.approx(100 * runs.score.mean(), abs=0.051)
    steps = runs.groupby("lr").first_step.mean()
    smallest, largest = (float(step.replace(",", "")) for step in row[6].split(" to "))
    assert (steps.min(), steps.max()) == (pytest.approx(smallest, rel=0.25), pytest.approx(largest, rel=0.25))


def test_a_step_of_a_useful_size_explains_the_scores_of_the_ablation(variants):
    assert set(variants.method) == VARIANTS
    assert len(variants) == 72
    points = variants[variants.method != "no skip"].groupby(["method", "lr"])[["first_step", "score"]].mean()
    useful = points.first_step.between(0.03, 10)
    assert points[useful].score.between(0.50, 0.595).all()
    assert points[~useful].score.between(0.34, 0.38).all()
    assert (~useful).sum() == 6


OF_AXES = [
    *(("length_cb", "length", str(length), length) for length in (2, 10, 50)),
    *(("few_cb", "k_per_class", str(rows), rows) for rows in (5, 8)),
    *(("init_cb", "init", f"`{init}`", init) for init in ("labels", "vocab", "normal", "uniform")),
]
"""Studies of other axes: table of runs, column of the axis, first cell of the page's row, and value of the axis."""


@pytest.mark.parametrize(("table", "column", "start", "value"), OF_AXES)
def test_scores_along_length_and_start_are_means_over_three_seeds(table, column, start, value):
    runs = pd.read_csv(DOCS / "results" / f"{table}.csv")
    row = cells(section("SmolLM2"), start)
    for cell, encoder in zip(row[1:3], ("plain", "residual"), strict=True):
        of_point = runs[(runs[column] == value) & (runs.method == encoder)]
        assert sorted(of_point.seed) == [0, 1, 2]
        assert float(cell.split()[0]) == pytest.approx(100 * of_point.score.mean(), abs=0.051)


def test_the_claims_on_length_and_start_agree_with_the_runs():
    length, start = (pd.read_csv(DOCS / "results" / f"{table}.csv") for table in ("length_cb", "init_cb"))
    by_length = length.groupby(["method", "length"]).score.mean().unstack()
    assert (100 * (by_length.max(axis=1) - by_length.min(axis=1))).max() == pytest.approx(2.3, abs=0.051)
    failed = start[start.score <= start.majority]
    assert sorted(zip(failed.method, failed.init, strict=True)) == [("plain", "normal"), ("residual", "uniform")]
    norms = start.groupby("init").start_norm_ratio.max()
    assert (norms[["normal", "uniform"]] < 0.13).all()
    assert (norms[["labels", "vocab"]] > 0.8).all()


def test_the_study_in_both_units_agrees_with_the_runs(sample_runs):
    raw = pd.read_csv(DOCS / "results" / "learning_rate_raw.csv")
    assert len(raw) == 30
    assert set(raw.unit) == {"raw"}
    columns = [(encoder, runs) for encoder in ("plain", "residual") for runs in (sample_runs, raw)]
    lines = section("MiniLM").split("### The same study in both units")[1].splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if line.startswith("| ")}
    for position, (encoder, runs) in enumerate(columns):
        of_encoder = runs[runs.encoder == encoder]
        means = 100 * of_encoder.groupby("lr").score.mean()
        low, high = map(float, rows["lowest and highest mean of a rate"][position].split(" to "))
        assert float(rows["mean over the rates"][position]) == pytest.approx(means.mean(), abs=0.051)
        assert (low, high) == (pytest.approx(means.min(), abs=0.051), pytest.approx(means.max(), abs=0.051))
        largest = of_encoder[of_encoder.lr == of_encoder.lr.max()].end_norm_ratio.mean()
        stated = rows["end norm against the vocabulary's, at the largest rate"][position]
        assert float(stated.replace(",", "")) == pytest.approx(largest, rel=0.01)
        if encoder == "residual":
            update = of_encoder.start_update_ratio.mean()
            assert float(rows["update : table at the start"][position]) == pytest.approx(update, rel=0.01)


def test_the_study_of_the_lstm_agrees_with_the_runs():
    runs, ablation = (pd.read_csv(DOCS / "results" / f"{table}.csv") for table in ("lstm_cb", "ablation_cb"))
    page = section("SmolLM2").split("### The LSTM, and two precisions")[1].split("### Which part")[0]
    scores = 100 * runs.groupby(["encoder", "lr"]).score.mean().unstack(level=0)
    for start, rate in (("0.003", 0.003), ("0.3", 0.3), ("30", 30)):
        row = cells(page, start)
        for cell, encoder in zip(row[1:3], ("residual", "lstm"), strict=True):
            assert float(cell.split()[0]) == pytest.approx(scores[encoder][rate], abs=0.051)
    means = scores.mean()
    assert f"{means['residual'] - means['lstm']:.1f} points higher than the LSTM" in page
    failed = runs[runs.score <= runs.majority].encoder.value_counts()
    assert failed.to_dict() == {"lstm": 4}
    keys = ["lr", "seed"]
    bfloat16 = ablation[ablation.method == "residual"].set_index(keys).score
    float32 = runs[runs.encoder == "residual"].set_index(keys).score
    differences = 100 * (float32 - bfloat16)
    assert differences.notna().sum() == 9
    assert differences.mean() == pytest.approx(-0.1, abs=0.051)
    assert 2.306 * differences.sem() == pytest.approx(3.05, abs=0.051)  # quantile of t with 8 degrees of freedom
    assert differences.abs().max() == pytest.approx(9.2, abs=0.051)


def test_accuracy_and_macro_f1_at_a_good_rate_agree_with_the_runs(runs):
    page = section("SmolLM2").replace("\n  ", " ")
    good = runs[runs.lr == 0.3]
    means = 100 * good.groupby("encoder")[["accuracy", "f1_macro"]].mean()
    for encoder in ("plain", "residual"):
        stated = f"{means.accuracy[encoder]:.1f} and {means.f1_macro[encoder]:.1f} with {encoder} prompts"
        assert stated in page
    prompts = good[good.encoder.isin(["plain", "residual"])]
    assert f"no run below {100 * prompts.accuracy.min():.1f} and {100 * prompts.f1_macro.min():.1f}" in page


def test_the_study_of_eleven_encoders_agrees_with_the_runs():
    runs = pd.read_csv(DOCS / "results" / "methods_cb.csv")
    page = section("SmolLM2").split("### Eleven encoders")[1].split("### In front")[0]
    means = 100 * runs.groupby("encoder").score.mean()
    assert (len(runs), len(means)) == (33, 11)
    for encoder, mean in means.items():
        row = cells(page, f"`{encoder}`")
        assert float(row[1].split()[0]) == pytest.approx(mean, abs=0.051)
        if encoder != "residual":
            assert float(row[2].split()[0]) == pytest.approx(means["residual"] - mean, abs=0.051)
    assert means.idxmax() == "residual"
    assert runs[runs.score <= runs.majority + 1e-9].encoder.value_counts().to_dict() == {"lopt": 2}
    spread = 100 * runs.groupby("encoder").score.std()
    for encoder, value in {"superpos": 10.3, "inception": 8.9, "ulpt": 6.4, "residual": 0.9}.items():
        assert spread[encoder] == pytest.approx(value, abs=0.051)
