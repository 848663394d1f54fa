"""Damaged run folders, adapters, rows and ZIP files for the commands that use a prompt: exit code 2, or a right result.

Each case damages a copy of valid files, and calls the function of a command in this process. A case may end in exit
code 2 with a message, or in exit code 0. It may not raise, print a traceback, leave a draft, or exceed a time limit.
"""

import io
import json
import shutil
import warnings
import zipfile
from collections import Counter
from random import Random

import pytest

import rpt
from rpt.export.__main__ import main as export
from rpt.inspect.__main__ import main as inspect
from rpt.predict import tally  # noqa: F401  before the tests replace the class that it annotates
from rpt.predict.__main__ import main as predict
from rpt.prompt import init
from rpt.prompt.init import InitSource
from rpt.submit import build  # noqa: F401
from rpt.submit.__main__ import main as submit
from tests.fuzz.mutate import mutate_bytes, mutate_json, outcome
from tests.fuzz.test_fuzz_runs import damage
from tests.support.composed import checked
from tests.support.samples import sample_rows

CASES = {"predict": 250, "rows": 350, "export": 400, "inspect": 300, "submit": 300, "check": 300, "init": 300}
"""Number of damaged inputs of each command: 2,200 in all."""

SECONDS = 90
"""Time limit of a case in seconds. A case takes less than a second on an idle machine."""

FEW = ["task=rte", "data.max_rows=8", "trainer.epochs=1", "prompt.length=3", "encoder=plain", "trainer.progress=false"]
OF_A_RUN = ("run.json", "run.json", "run.json", "prompt.safetensors", "head.safetensors", "predictions.jsonl")
OF_AN_ADAPTER = ("diagnostics.json", "adapter/adapter_config.json", "adapter/adapter_model.safetensors")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000, method="thread")]


@pytest.fixture(scope="module")
def run(tiny_bert, tmp_path_factory):
    """Folder of a finished run with a head and an adapter."""
    folder = tmp_path_factory.mktemp("fuzzed")
    config = checked([*tiny_bert, *FEW, "backbone.prompt_at=front", f"output_dir={folder}"])
    [done] = rpt.train([config])
    return done.check().folder


@pytest.fixture
def judge(capsys, tmp_path):
    """Call commands, and collect the outcome of each case."""
    broken, endings = {}, Counter()

    def call(name, main, arguments):
        """Run a command. Return its output if it accepts its input, else None."""
        capsys.readouterr()
        codes = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ending = outcome(lambda: codes.append(main(list(map(str, arguments)))), SECONDS)
        out, errors = capsys.readouterr()
        if ending != "accepted" or "Traceback" in errors:
            broken[name] = f"{ending} {errors[-300:]}"
        elif codes == [2] and not (out + errors).strip():
            broken[name] = "a refusal without words"
        elif codes not in ([0], [2]):
            broken[name] = f"exit code {codes}"
        drafts = [path.name for path in tmp_path.rglob("*rpt-draft*")]
        if drafts:
            broken[name] = f"left behind: {drafts}"
        endings[codes[0] if codes else None] += 1
        return out if codes == [0] else None

    yield call, endings
    assert broken == {}, json.dumps(broken, indent=1)[:6000]


def copies(run, tmp_path, command, files):
    """Yield the name of a case, a copy of the run with one or two damaged files, and the first damaged file's name."""
    for case in range(CASES[command]):
        random = Random(f"{command} {case}")
        folder = shutil.copytree(run, tmp_path / str(case) / run.name)
        names = [random.choice(files) for _ in range(random.choice((1, 1, 1, 2)))]
        for name in dict.fromkeys(names):
            if random.random() < 0.05:
                (folder / name).unlink()
            else:
                damage(folder / name, random)
        yield f"{case}: {names}", folder, set(names)
        shutil.rmtree(folder.parent)


def write_rows(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_damaged_runs_are_refused_or_give_the_answers_of_the_run(run, judge, tmp_path):
    call, endings = judge
    rows = write_rows(tmp_path / "rows.jsonl", sample_rows("RTE")["val"][:4])
    expected = call("whole", predict, [run, "--input", rows])
    assert expected is not None
    for name, folder, files in copies(run, tmp_path, "predict", OF_A_RUN):
        found = call(name, predict, [folder, "--input", rows])
        if found is not None and not any("safetensors" in file for file in files):  # a changed number changes answers
            assert found == expected, name
    assert endings[2] > CASES["predict"] // 4


def test_damaged_rows_are_refused_and_the_other_rows_are_answered(run, judge, tmp_path, monkeypatch):
    call, endings = judge
    rows = sample_rows("RTE")["val"][:6]
    loaded = rpt.load(run)
    loaded.predict(rows[:1])
    monkeypatch.setattr("rpt.trained.load", lambda *_: loaded)
    monkeypatch.setattr("rpt.predict.predictor.Predictor", lambda _: loaded._predictor)
    whole = write_rows(tmp_path / "whole.jsonl", rows)
    lines = (call("whole", predict, [run, "--input", whole]) or "").splitlines()
    assert len(lines) == 6
    for case in range(CASES["rows"]):
        random = Random(f"rows {case}")
        damaged = [json.dumps(row).encode() for row in rows]
        number = random.randrange(6)
        if random.random() < 0.6:
            damaged[number] = json.dumps(mutate_json(rows[number], random)).encode()
        else:
            damaged[number] = mutate_bytes(damaged[number], random)
        path, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
        path.write_bytes(b"\n".join(damaged))
        call(f"{case}: {damaged[number][:200]!r}", predict, [run, "--input", path, "--output", out])
        if not out.exists():
            assert number == 0  # the file begins as a pointer of git-lfs
            continue
        found = [json.loads(line) for line in out.read_text().splitlines()]
        known = {json.dumps(answer["scores"]) for answer in found}
        others = [json.loads(line) for position, line in enumerate(lines) if position != number]
        # Other widths of a forward pass change last bits of float32.
        assert len(known) >= 5
        for other in others:
            assert any(answer["scores"] == pytest.approx(other["scores"], abs=1e-5) for answer in found), case
        out.unlink()
    assert endings[2] > CASES["rows"] // 4


def test_damaged_runs_are_exported_as_they_are_or_refused(run, judge, tmp_path):
    call, endings = judge
    for name, folder, _ in copies(run, tmp_path, "export", (*OF_A_RUN, *OF_AN_ADAPTER)):
        form = Random(name).choice(("peft", "safetensors", "npy"))
        out = tmp_path / "out"
        if call(name, export, [folder, "--format", form, "--output", out]) is None:
            assert not out.exists(), name
        else:
            assert (out / "README.md").stat().st_size > 0
            shutil.rmtree(out)
    assert endings[2] > CASES["export"] // 4
    assert endings[0] > CASES["export"] // 20


def test_damaged_runs_are_inspected_or_refused(run, judge, tmp_path):
    call, endings = judge
    for name, folder, _ in copies(run, tmp_path, "inspect", (*OF_A_RUN, *OF_AN_ADAPTER)):
        options = ["--json"] if Random(name).random() < 0.5 else []
        found = call(name, inspect, [folder, run, *options] if Random(name).random() < 0.1 else [folder, *options])
        if found is not None and options:
            json.loads(found)
    assert endings[2] > CASES["inspect"] // 4
    assert endings[0] > CASES["inspect"] // 20


def submission():
    """Lines of the files of a valid submission, by name."""
    return {
        "CB.jsonl": [{"idx": idx, "label": "neutral"} for idx in range(250)],
        "COPA.jsonl": [{"idx": idx, "label": idx % 2} for idx in range(500)],
        "MultiRC.jsonl": [
            {"idx": idx, "passage": {"questions": [{"idx": idx, "answers": [{"idx": 0, "label": 1}]}]}}
            for idx in range(166)
        ],
    }


def test_damaged_submissions_are_checked(judge, tmp_path):
    call, endings = judge
    for case in range(CASES["check"]):
        random = Random(f"check {case}")
        files = submission()
        content = io.BytesIO()
        is_inside = random.random() < 0.6
        method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        with warnings.catch_warnings(), zipfile.ZipFile(content, "w", method) as archive:
            warnings.simplefilter("ignore")
            chosen = random.choice(list(files))
            for name, entries in files.items():
                if is_inside and name == chosen:
                    number = random.randrange(len(entries))
                    entries[number] = mutate_json(entries[number], random)
                text = "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()
                is_damaged = is_inside and name == chosen and random.random() < 0.3
                odd = random.choice(("../CB.jsonl", "/CB.jsonl", "CB.jsonl/", "cb.jsonl", name, name, name))
                archive.writestr(odd if is_inside else name, mutate_bytes(text, random) if is_damaged else text)
        path = tmp_path / "submission.zip"
        path.write_bytes(content.getvalue() if is_inside else mutate_bytes(content.getvalue(), random))
        call(f"{case}: {chosen if is_inside else 'archive'}", submit, ["--check", path])
        assert [entry.name for entry in tmp_path.iterdir()] == ["submission.zip"]
    assert endings[2] > CASES["check"] // 2


def test_damaged_test_splits_and_runs_are_refused_by_a_submission(run, judge, tmp_path, monkeypatch):
    call, endings = judge
    loaded = rpt.load(run)
    loaded.predict(sample_rows("RTE")["val"][:1])
    monkeypatch.setattr("rpt.trained.load", lambda *_: loaded)
    monkeypatch.setattr("rpt.submit.build.Predictor", lambda _: loaded._predictor)
    rows = [{key: value for key, value in row.items() if key != "label"} for row in sample_rows("RTE")["val"][:8]]
    folder = tmp_path / "release" / "AX-g"
    folder.mkdir(parents=True)
    for case in range(CASES["submit"]):
        random = Random(f"submit {case}")
        damaged = [json.dumps(row) for row in rows]
        number = random.randrange(8)
        damaged[number] = json.dumps(mutate_json(rows[number], random))
        content = "\n".join(damaged).encode()
        (folder / "AX-g.jsonl").write_bytes(mutate_bytes(content, random) if random.random() < 0.4 else content)
        call(f"{case}", submit, [run, "--root", tmp_path / "release", "--output", tmp_path / "out.zip"])
        assert not (tmp_path / "out.zip").exists()  # the split has too few rows
    assert endings == {2: CASES["submit"]}


def test_damaged_adapters_and_runs_as_a_start_are_read_or_refused(run, tmp_path):
    import torch

    source = InitSource(torch.zeros(3, 32), None, choices=())
    endings, broken = Counter(), {}
    for name, folder, _ in copies(
        run, tmp_path, "init", ("prompt.safetensors", *OF_AN_ADAPTER[1:], *OF_AN_ADAPTER[1:])
    ):
        path = folder / "adapter" if "adapter" in name else folder
        ending = outcome(lambda path=path: init.from_file(source, 3, torch.Generator(), path=str(path)), SECONDS)
        endings[ending.partition(":")[0]] += 1
        if ending.startswith("broken"):
            broken[name] = ending
    assert broken == {}
    assert endings["refused"] > CASES["init"] // 4
    assert endings["accepted"] > CASES["init"] // 20
