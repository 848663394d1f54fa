"""A damaged checkpoint is accepted or refused, without a traceback and within a time limit."""

import copy
import io
import time
from collections import Counter
from itertools import takewhile
from random import Random

import pytest
import torch

from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import Identity
from rpt.tracking.recorder import Recorder
from rpt.tracking.resume import packs, restore
from tests.fuzz.mutate import ODD_VALUES, mutate_bytes, outcome

CASES = 200
SECONDS = 25
"""Time in seconds after which no further case of an optimizer starts."""

HASH = "0123456789abcdef"
ODD_TENSORS = (
    *(torch.zeros(()), torch.zeros(0), torch.zeros(3, 5), torch.zeros(32), torch.zeros(4, 32, dtype=torch.int64)),
    *(torch.zeros(4, 32, dtype=torch.complex64), torch.zeros(4, 32).to_sparse(), torch.ones(5056, dtype=torch.uint8)),
    torch.zeros(4, 32, device="meta"),
)
ODD = (*ODD_VALUES, *ODD_TENSORS, (1, 2), {1, 2}, {0: torch.zeros(1)})


def positions(value):
    """Yield every container of a state with each of its keys or indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from positions(item)


def mutate(state, random):
    """Return a copy of a state in which one or two values are removed, replaced, wrapped, truncated or added."""
    changed = copy.deepcopy(state)
    for _ in range(random.choice((1, 1, 2))):
        container, key = random.choice(list(positions(changed)))
        old = container[key]
        kind = random.choice(("odd", "odd", "remove", "wrap", "text", "cut", "add"))
        if kind == "remove":
            del container[key]
        elif kind == "wrap":
            container[key] = random.choice(([old], {"value": old}))
        elif kind == "text":
            container[key] = str(old)
        elif kind == "cut" and isinstance(old, torch.Tensor):
            container[key] = random.choice((old[:1] if old.ndim else old[None], old.flatten(), old.to(torch.int32)))
        elif kind == "add" and isinstance(container, dict):
            container[random.choice(("x", 0, 99, None))] = random.choice(ODD)
        else:
            container[key] = random.choice(ODD)
    return changed


def damaged(state, random):
    """Return the bytes of a checkpoint with damaged values, bytes or schema, or the bytes of another file."""
    kind = random.choice(("values",) * 6 + ("bytes",) * 3 + ("schema", "foreign"))
    if kind == "values":
        return stored(mutate(state, random))
    if kind == "schema":
        return stored({**state, "schema": random.choice((*ODD, 2, 99))})
    if kind == "foreign":
        files = (torch.zeros(3), [1], {"state_dict": {"w": torch.zeros(2)}}, state["run"], {"identity_hash": HASH})
        return stored(random.choice(files))
    return mutate_bytes(stored(state), random)


def stored(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def cases():
    """Yield the numbers of the cases until the time is over."""
    begun = time.monotonic()
    return takewhile(lambda _: time.monotonic() < begun + SECONDS, range(CASES))


def whole_state(recorder, tuner):
    """Write a checkpoint of a pack of one run, and return its content."""
    counts = {"steps_done": tuner.steps_done, "epochs_done": tuner.epochs_done, "token_budget": None, "pack": [HASH]}
    recorder.folder.open()
    recorder.start({"environment": {"bits": {"torch": "2"}}}, None)
    recorder.checkpoint({**counts, "run": tuner.runs[0].state()})
    recorder.folder.close()
    return torch.load(recorder.folder.checkpoint, weights_only=True)


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_damaged_checkpoint_is_accepted_or_refused(optimizer, configure, tiny_cb, assemble, loop, tmp_path):
    config = configure(*tiny_cb, f"optim={optimizer}", "prompt.length=4")
    tuner, data = assemble(config)
    loop(tuner).train()
    [step, *_] = data.train_dataloader()

    def one_step():
        tuner.training_step(step.to(tuner.backbone.device), 0)

    one_step()
    tuner.runs[0].observe(0, 1, {"score": 0.5, "loss": 1.0})
    folder = RunFolder(tmp_path / "run")
    state = whole_state(Recorder(config, Identity(HASH, "", {}, ""), folder, ("accuracy",)), tuner)
    endings, broken = Counter(), {}

    def resume():
        resumable, errors = packs([Recorder(config, Identity(HASH, "", {}, ""), folder, ("accuracy",))], 2)
        for error in errors.values():
            raise error
        [pack] = resumable
        restore(tuner, pack.checkpoints, data.steps_per_epoch)
        if tuner.runs[0].is_active:
            one_step()

    assert outcome(resume) == "accepted"
    for case in cases():
        folder.checkpoint.write_bytes(damaged(state, Random(f"{optimizer} {case}")))
        ending = outcome(resume)
        endings[ending.partition(":")[0]] += 1
        if not ending.startswith("refused"):  # the pack now holds values of the damaged checkpoint
            tuner = assemble(config)[0]
            loop(tuner).train()
        if ending.startswith("broken"):
            broken[case] = ending
    folder.checkpoint.write_bytes(stored(state))
    assert outcome(resume) == "accepted"
    assert broken == {}
    assert endings["refused"] > endings["accepted"] > 5
