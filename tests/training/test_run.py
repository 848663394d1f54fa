"""Parts of a run: clipping, learning rates, schedule, random numbers, early stopping, selection of the best state."""

import io
import math

import pytest
import torch
import transformers

from rpt.prompt.encoders import Plain, Residual
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.scoring.head import ClassHead
from rpt.training.optimizers import adafactor, adamw, schedule
from rpt.training.randomness import RandomStream
from rpt.training.run import Run
from rpt.training.trainable import Trainable, parameter_groups

CPU = torch.device("cpu")
LENGTH, HIDDEN = 3, 8


def make_run(optimizer=torch.optim.SGD, encoder=None, *, clip_norm=None, patience=None, plan=("constant", 0, 100)):
    table = torch.linspace(-1, 1, LENGTH * HIDDEN).reshape(LENGTH, HIDDEN)
    torch.manual_seed(0)
    prompt = SoftPrompt(table, encoder or Plain(length=LENGTH, hidden=HIDDEN))
    trainable = Trainable(prompt, ClassHead(hidden=HIDDEN, num_logits=2), None, HIDDEN)
    rates = {"table": 0.3, "encoder": 0.1, "head": 0.01, "body": 0.001}
    decays = {"table": 0.5, "encoder": 0.25, "head": 0.125, "body": 0.0}
    made = optimizer(parameter_groups(trainable, rates, decays))
    return Run(
        trainable=trainable,
        optimizer=made,
        schedule=schedule(plan[0], made, plan[1], plan[2]),
        random=RandomStream(0, CPU),
        clip_norm=clip_norm,
        patience=patience,
    )


def give_gradients(run, value):
    for parameter in run.trainable.parameters():
        parameter.grad = torch.full_like(parameter, value)


def residual():
    return Residual(
        length=LENGTH,
        hidden=HIDDEN,
        bottleneck_dim=4,
        activation="relu",
        layer_norm=True,
        dropout=0.0,
        shared=True,
    )


def held_out(score, loss):
    return {"score": score, "loss": loss}


def test_the_gradient_norm_covers_all_parameters_of_the_run():
    run = make_run()
    give_gradients(run, 0.5)
    numbers = LENGTH * HIDDEN + 2 * HIDDEN + 2
    assert run.step()["grad_norm"] == pytest.approx(0.5 * math.sqrt(numbers))


@pytest.mark.parametrize(("clip_norm", "factor"), [(None, 1.0), (1e6, 1.0), (0.1, 0.1)])
def test_clipping_scales_the_gradient_down_to_the_limit_and_never_up(clip_norm, factor):
    run = make_run(clip_norm=clip_norm)
    before = run.trainable.head.linear.bias.detach().clone()
    size = 1 / math.sqrt(LENGTH * HIDDEN + 2 * HIDDEN + 2)
    give_gradients(run, size)  # the gradient has a norm of 1
    assert run.step()["grad_norm"] == pytest.approx(1.0)
    moved = before - run.trainable.head.linear.bias.detach()
    # The bias is zero, so that weight decay changes nothing: SGD moves it by learning rate times gradient.
    torch.testing.assert_close(moved, torch.full((2,), 0.01 * size * factor), rtol=1e-4, atol=0)


def test_a_run_is_clipped_by_its_own_gradient_norm():
    large, small = make_run(clip_norm=1.0), make_run(clip_norm=1.0)
    give_gradients(large, 100.0)
    give_gradients(small, 0.001)
    large.step()
    before = small.trainable.head.linear.bias.detach().clone()
    small.step()
    torch.testing.assert_close(before - small.trainable.head.linear.bias.detach(), torch.full((2,), 0.01 * 0.001))


def test_table_encoder_and_head_have_their_own_rates_and_decays():
    run = make_run(encoder=residual())
    groups = run.optimizer.param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [(0.3, 0.5), (0.1, 0.25), (0.01, 0.125)]
    prompt, head = run.trainable.prompt, run.trainable.head
    owners = [[prompt.table], list(prompt.encoder.parameters()), list(head.parameters())]
    for group, owner in zip(groups, owners, strict=True):
        assert [id(parameter) for parameter in group["params"]] == [id(parameter) for parameter in owner]
    assert sum(map(len, owners)) == len(list(run.trainable.parameters()))


def test_each_group_has_its_weight_decay_which_is_decoupled_from_the_gradient():
    run = make_run(lambda groups: adamw(groups, betas=(0.9, 0.999), eps=1e-8), residual())
    with torch.no_grad():
        run.trainable.head.linear.weight.fill_(1.0)
    before = [group["params"][0].detach().clone() for group in run.optimizer.param_groups]
    give_gradients(run, 0.0)
    run.step()
    for group, old, kept in zip(run.optimizer.param_groups, before, (0.85, 0.975, 0.99875), strict=True):
        torch.testing.assert_close(group["params"][0].detach(), old * kept)


@pytest.mark.parametrize("warmup_steps", [0, 1, 7])
@pytest.mark.parametrize("name", ["constant", "linear"])
def test_the_schedules_equal_those_of_transformers(name, warmup_steps):
    def optimizer():
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)

    actual = schedule(name, optimizer(), warmup_steps, 20)
    expected = transformers.get_scheduler(
        f"{name}_with_warmup" if name == "constant" else name, optimizer(), warmup_steps, 20
    )
    assert actual.state_dict().keys() == expected.state_dict().keys()
    for _ in range(22):  # two steps beyond the end of the schedule
        assert actual.get_last_lr() == expected.get_last_lr()
        actual.optimizer.step(), expected.optimizer.step()
        actual.step(), expected.step()


@pytest.mark.parametrize(
    ("plan", "factors"),
    [
        (("constant", 0, 4), [1, 1, 1, 1]),
        (("constant", 2, 5), [0, 1 / 2, 1, 1, 1]),
        (("linear", 0, 4), [1, 3 / 4, 2 / 4, 1 / 4]),
        (("linear", 2, 6), [0, 1 / 2, 1, 3 / 4, 2 / 4, 1 / 4]),
    ],
)
def test_the_schedule_multiplies_every_learning_rate(plan, factors):
    run = make_run(plan=plan, encoder=residual())
    seen = []
    for _ in factors:
        rates = [group["lr"] for group in run.optimizer.param_groups]
        give_gradients(run, 0.001)
        assert run.step()["lr"] == rates[0]
        seen.append(rates)
    assert seen == [pytest.approx([0.3 * factor, 0.1 * factor, 0.01 * factor]) for factor in factors]
    if plan[0] == "linear":
        assert [group["lr"] for group in run.optimizer.param_groups] == [0, 0, 0]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda groups: adamw(groups, betas=(0.9, 0.999), eps=1e-8),
        lambda groups: adafactor(groups, eps=(1e-30, 1e-3), clip_threshold=1.0, decay_rate=-0.8),
    ],
    ids=["adamw", "adafactor"],
)
def test_both_optimizers_lower_a_simple_loss(optimizer):
    run = make_run(optimizer, residual())
    losses = []
    for _ in range(40):
        loss = (run.encode().prompt - 2).square().mean() + (run.trainable.head.linear.bias - 1).square().mean()
        loss.backward()
        run.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert run.is_active


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_of_nan_or_infinity_fails_the_run_and_changes_no_parameter(value):
    run = make_run(clip_norm=1.0)
    before = {name: tensor.clone() for name, tensor in run.trainable.state_dict().items()}
    give_gradients(run, value)
    run.step()
    assert (run.status, run.steps) == ("failed", 0)
    assert "gradient norm" in run.error
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.trainable.state_dict().items())


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_held_out_loss_of_nan_or_infinity_fails_the_run_and_is_never_the_best(loss):
    run = make_run()
    run.observe(1, 4, held_out(0.5, loss))
    assert run.best is None
    assert (run.status, run.error) == ("failed", f"its held-out loss is {loss}")


def test_the_best_state_has_the_highest_score_and_among_equal_scores_the_lowest_loss():
    run, states = make_run(), []
    evaluations = [(0.5, 1.0), (0.6, 2.0), (0.6, 1.5), (0.6, 1.5), (0.4, 0.1), (0.6, 1.6)]
    for epoch, (score, loss) in enumerate(evaluations, start=1):
        with torch.no_grad():
            run.trainable.head.linear.bias.fill_(epoch)
        states.append({name: tensor.clone() for name, tensor in run.trainable.state_dict().items()})
        run.observe(epoch, 4 * epoch, held_out(score, loss))
    assert (run.best.epoch, run.best.step, run.best.metrics) == (3, 12, held_out(0.6, 1.5))
    run.restore_best()
    assert all(torch.equal(tensor, states[2][name]) for name, tensor in run.trainable.state_dict().items())


@pytest.mark.parametrize(
    ("patience", "scores", "stops_after"),
    [(1, [0.5, 0.4], 2), (2, [0.5, 0.4, 0.6, 0.6, 0.5], 5), (2, [0.5, 0.4, 0.6, 0.5], None), (None, [0.5] * 9, None)],
)
def test_a_run_stops_after_as_many_epochs_without_improvement_as_its_patience(patience, scores, stops_after):
    run, stopped = make_run(patience=patience), None
    for epoch, score in enumerate(scores, start=1):
        run.observe(epoch, epoch, held_out(score, 1.0))
        stopped = stopped or (epoch if run.has_finished else None)
    assert stopped == stops_after
    assert run.is_active == (stops_after is None)


def test_a_restored_run_takes_the_same_next_step():
    def dropping():
        torch.manual_seed(0)
        return torch.nn.Sequential(residual(), torch.nn.Dropout(0.5))

    def optimizer(groups):
        return adamw(groups, betas=(0.9, 0.999), eps=1e-8)

    def steps(run, count):
        for _ in range(count):
            run.encode().prompt.square().sum().backward()
            run.step()

    plan = ("linear", 2, 8)
    first, second = (make_run(optimizer, dropping(), plan=plan) for _ in range(2))
    steps(first, 3)
    first.observe(1, 3, held_out(0.5, 1.0))
    kept = io.BytesIO()
    torch.save(first.state(), kept)
    kept.seek(0)
    second.restore(torch.load(kept, weights_only=True))
    for run in (first, second):
        steps(run, 3)
    pairs = zip(first.trainable.parameters(), second.trainable.parameters(), strict=True)
    assert all(torch.equal(parameter, other) for parameter, other in pairs)
    assert (second.steps, second.best) == (6, first.best)


def test_a_restored_run_has_the_patience_that_was_left():
    first, second = make_run(patience=2), make_run(patience=2)
    first.observe(1, 4, held_out(0.5, 1.0))
    first.observe(2, 8, held_out(0.4, 1.0))
    second.restore(first.state())
    second.observe(3, 12, held_out(0.4, 1.0))
    assert second.has_finished
    assert second.status == "finished"


def test_a_stream_is_reproducible_by_its_seed_and_does_not_change_the_global_generator():
    def draws(stream):
        with stream.active():
            return torch.rand(3)

    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    stream, same, other = RandomStream(1, CPU), RandomStream(1, CPU), RandomStream(2, CPU)
    first = draws(stream)
    assert not torch.equal(first, draws(other))
    position = stream.state()
    second = draws(stream)
    assert not torch.equal(first, second)
    assert torch.equal(draws(same), first)
    assert torch.equal(draws(same), second)
    stream.restore(position)
    assert torch.equal(draws(stream), second)
    assert torch.equal(torch.rand(2), expected)


def test_a_stream_draws_different_numbers_than_a_generator_of_the_same_seed():
    # An init draws the table from such a generator. The encoder's initial weights must not repeat the table's numbers.
    with RandomStream(3, CPU).active():
        encoder = torch.rand(100)
    table = torch.rand(100, generator=torch.Generator().manual_seed(3))
    assert abs(float(torch.corrcoef(torch.stack([encoder, table]))[0, 1])) < 0.5
