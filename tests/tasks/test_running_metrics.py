"""Metrics of answers that arrive one after the other equal the metrics of all answers together, bit for bit."""

from hypothesis import given

from rpt.tasks.metrics import METRICS, OF_LABELS, evaluate
from rpt.tasks.running_metrics import RunningMetrics
from tests.tasks.test_metrics import choice_rows, drawn_columns, drawn_texts, text_rows


def running(names, examples, answers):
    metrics = RunningMetrics(names)
    for example, answer in zip(examples, answers, strict=True):
        metrics.add(example, answer)
    assert metrics.num_answers == len(examples)
    return metrics.values()


@given(drawn_columns())
def test_metrics_of_choices_equal_those_of_all_answers_together(columns):
    examples, answers = choice_rows(*columns)
    assert running(list(METRICS), examples, answers) == evaluate(list(METRICS), examples, answers)


@given(drawn_texts)
def test_metrics_of_texts_equal_those_of_all_answers_together(pairs):
    examples, answers = text_rows(*pairs)
    names = [name for name in METRICS if name not in OF_LABELS]
    assert running(names, examples, answers) == evaluate(names, examples, answers)


def test_rows_may_have_different_numbers_of_choices():
    few, many = choice_rows([0, 1], [1, 1], 2), choice_rows([3, None], [3, None], 4)
    examples, answers = [*few[0], *many[0]], [*few[1], *many[1]]
    names = sorted(OF_LABELS)
    assert running(names, examples, answers) == evaluate(names, examples, answers)
