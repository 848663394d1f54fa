"""The runs of a study as a data frame, and its groups, from which points and curves are built."""

import pytest

from rpt.report.read.frame import ABSENT, frame_of, groups
from tests.support.null_studies import null_study


def test_groups_are_in_the_order_of_their_first_item_and_null_differs_from_an_absent_axis():
    settings = [{"clip_norm": 0.5}, {"clip_norm": None}, {}, {"clip_norm": 0.5}, {"clip_norm": None}, {}]
    frame = frame_of(list("abcdef"), settings)
    assert frame["clip_norm"].tolist() == [0.5, None, ABSENT, 0.5, None, ABSENT]
    assert groups(frame, ("clip_norm", "lr")) == [["a", "d"], ["b", "e"], ["c", "f"]]
    assert groups(frame_of([], []), ("clip_norm",)) == []


def test_the_frame_of_a_study_has_a_row_for_each_run():
    study = null_study(0, 0.1, methods=("plain", "residual"), rates=(0.01, 0.1))
    frame = study.frame
    assert len(frame) == len(study.runs) + len(study.baselines) == 15
    assert set(frame["method"]) == {"plain", "residual", "head alone"}
    assert frame.loc[frame["is_baseline"], "lr"].tolist() == [ABSENT] * 3
    means = frame[~frame["is_baseline"]].groupby(["method", "lr"], sort=False)["score"].mean()
    assert means.tolist() == pytest.approx([point.scores.mean() for point in study.points])
    chosen = frame[frame["method"] == "plain"].groupby("lr", sort=False)["held_out"].mean().idxmax()
    assert chosen == study.curve("cb", "plain").tuned.values["lr"]


def test_points_and_curves_are_built_once():
    study = null_study(0, 0.1, methods=("plain",), rates=(0.01, 0.1))
    assert study.curves is study.curves
    assert all(point in study.points for curve in study.curves for point in curve.points)
    assert study.curves[0].points[0] is study.points[0]
