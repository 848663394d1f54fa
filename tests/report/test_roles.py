"""The leader and the reference of a report: a study may name them, and no encoder name is special."""

import pytest

from rpt.report.figures.differences import differences
from rpt.report.figures.figure import style
from rpt.report.figures.styles import looks_of
from rpt.report.measure.comparisons import couples
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.read.roles import Roles, leader_of, reference_of
from rpt.report.say.answer import answer
from rpt.report.say.headline import headline
from tests.support.null_studies import null_study
from tests.support.report_fixture import write_run


@pytest.mark.parametrize(
    ("stated", "methods", "leader", "reference"),
    [
        (Roles(), ("plain", "mlp", "residual"), "residual", "plain"),  # the defaults of conf/config.yaml
        (Roles(), ("gated", "plain"), "gated", "plain"),
        (Roles("plain"), ("plain", "mlp", "residual"), "plain", "mlp"),
        (Roles(None, "mlp"), ("plain", "mlp", "residual"), "residual", "mlp"),
        (Roles("gated", "linear"), ("linear", "gated", "residual"), "gated", "linear"),
        (Roles("absent", "residual"), ("plain", "residual"), "residual", "plain"),
        (Roles(), ("plain",), "plain", None),
    ],
)
def test_a_study_may_name_its_leader_and_its_reference(stated, methods, leader, reference):
    assert leader_of(stated, methods) == leader
    assert reference_of(stated, methods) == reference


def three_encoders(root, *overrides):
    for encoder in ("plain", "mlp", "residual"):
        for seed in range(3):
            write_run(root, f"encoder={encoder}", f"seed={seed}", *overrides, diagnostics=False)
    return collect(root)


def test_comparisons_answer_and_headline_use_the_named_encoders(tmp_path):
    study = three_encoders(tmp_path, "report.leader=plain", "report.reference=residual")
    assert couples(study) == [("plain", "mlp"), ("plain", "residual"), ("mlp", "residual")]
    numbers = measure(study)
    of_answer = {(pair.first, pair.second) for pair in numbers.tuned if pair.family == "answer"}
    assert of_answer == {("plain", "mlp"), ("plain", "residual")}
    words = answer(study, numbers)
    assert "of 2 differences from plain" in " ".join(map(str, words))
    assert headline(study, numbers, words).label == "points, plain minus residual, each tuned on the held-out rows"
    assert study.notes == ()


def test_variants_of_one_encoder_are_compared_under_their_own_names(tmp_path):
    for variant in (
        (),
        ("encoder.layer_norm=false", "report.method=no norm"),
        ("prompt.freeze=table", "report.method=frozen"),
    ):
        for seed in range(3):
            write_run(tmp_path, "encoder=residual", *variant, f"seed={seed}", diagnostics=False)
    study = collect(tmp_path)
    assert set(study.methods) == {"residual", "no norm", "frozen"}
    assert [axis.key for axis in study.axes] == []
    assert set(couples(study)) == {("residual", "frozen"), ("residual", "no norm"), ("frozen", "no norm")}


def test_a_named_encoder_without_runs_is_noted(tmp_path):
    study = three_encoders(tmp_path, "report.leader=gated")
    assert study.leader == "residual"
    assert study.notes == ("report.leader names gated, which cannot be the leader here. The leader is residual.",)


def test_a_panel_without_the_leader_shows_the_first_encoder_of_its_task(tmp_path):
    for task, encoders in (("cb", ("plain", "residual")), ("rte", ("plain", "mlp"))):
        for encoder in encoders:
            for seed in range(3):
                write_run(tmp_path, f"task={task}", f"encoder={encoder}", f"seed={seed}", diagnostics=False)
    study = collect(tmp_path)
    with style():
        (figure,) = differences(study, measure(study))
    assert "cb, difference (points): residual - plain " in figure.alt
    assert "rte, difference (points): plain - mlp " in figure.alt
    assert figure.title == "Score of one encoder minus the score of the others"


def test_an_encoder_of_the_user_has_the_same_style_in_every_study():
    names = [f"own{number}" for number in range(12)]
    looks = looks_of(null_study(0, 0.1, methods=("plain", *names), rates=(0.01,)))
    kinds = {(look.colour, look.marker, str(look.line)) for look in looks.values()}
    assert len(kinds) == len(looks) == 14  # 13 encoders and the head alone
    for name in names:
        alone = looks_of(null_study(0, 0.1, methods=("residual", name), rates=(0.01,)))[name]
        again = looks_of(null_study(1, 0.1, methods=(name, "mlp"), rates=(0.01, 0.1)))[name]
        assert alone == again
