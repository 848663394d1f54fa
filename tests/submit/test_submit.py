"""Submissions have the files that the leaderboard expects, and the check finds each kind of wrong file."""

import io
import json
import zipfile

import pytest

import rpt
from rpt.predict import predictor
from rpt.predict.answers import answer_lines
from rpt.submit import build, check
from rpt.submit.__main__ import main
from rpt.submit.leaderboard import FILES
from tests.support.samples import unlabelled_rows
from tests.support.trained_runs import trained_folder

FEW = ["data.max_rows=8", "trainer.epochs=1", "encoder=plain", "prompt.length=3", "trainer.progress=false"]


@pytest.fixture
def trained(tiny_bert, tmp_path):
    def train(task):
        return trained_folder(tmp_path / "runs", *tiny_bert, *FEW, f"task={task}")

    return train


def entries(archive, name):
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").decode().splitlines()]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("task", ["cb", "copa", "rte", "wsc", "boolq", "multirc"])
def test_a_submission_from_the_official_test_split_passes_the_check(task, trained, shared_dir, tmp_path, capsys):
    folder, out = trained(task), tmp_path / "submission.zip"
    assert main([str(folder), "--root", str(shared_dir / "superglue"), "--output", str(out)]) == 0
    name = next(file.name for file in FILES.values() if file.task == task)
    assert "missing: " in capsys.readouterr().err
    assert main(["--check", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == [f"{name}.jsonl"]
        found = entries(archive, name)
    rows = [json.loads(line) for line in (shared_dir / "superglue" / name / "test.jsonl").read_text().splitlines()]
    assert [entry["idx"] for entry in found] == [row["idx"] for row in rows]
    if task != "multirc":
        own = {line["idx"]: line["label"] for line in rpt.load(folder).predict(rows[:20])}
        expected = {"boolq": lambda label: str(label).lower(), "wsc": str}.get(task, lambda label: label)
        assert [entry["label"] for entry in found[:20]] == [expected(own[row["idx"]]) for row in rows[:20]]
        return
    for entry, row in zip(found, rows, strict=True):
        questions = zip(entry["passage"]["questions"], row["passage"]["questions"], strict=True)
        for submitted, official in questions:
            assert submitted["idx"] == official["idx"]
            assert [answer["idx"] for answer in submitted["answers"]] == [
                answer["idx"] for answer in official["answers"]
            ]


def write_release(root, **splits):
    """Write test splits that have the official numbers of rows and consist of sample rows."""
    for name, folder in splits.items():
        file = FILES[name.replace("_", "-")]
        rows = unlabelled_rows(folder)
        made = [{**rows[number % len(rows)], "idx": number} for number in range(file.rows)]
        if file.name == "AX-b":
            made = [
                {"sentence1": r["premise"], "sentence2": r["hypothesis"], "idx": r["idx"], "label": 0} for r in made
            ]
        (root / file.name).mkdir(parents=True)
        text = "".join(f"{json.dumps(row)}\n" for row in made)
        (root / file.name / f"{file.rows_file}.jsonl").write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_the_run_of_rte_answers_the_diagnostic_sets_and_missing_files_are_named(trained, tmp_path, capsys):
    write_release(tmp_path / "release", CB="CB", AX_b="RTE", AX_g="RTE", WSC="WSC")
    folders = [str(trained(task)) for task in ("cb", "rte", "wsc")]
    out = tmp_path / "submission.zip"
    assert main([*folders, "--root", str(tmp_path / "release"), "--output", str(out)]) == 0
    assert "missing: BoolQ, COPA, MultiRC, ReCoRD, RTE, WiC; " in capsys.readouterr().err
    assert main(["--check", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == ["AX-b.jsonl", "AX-g.jsonl", "CB.jsonl", "WSC.jsonl"]
        assert {entry["label"] for entry in entries(archive, "WSC")} <= {"True", "False"}
        assert len(entries(archive, "AX-b")) == 1104
        together = {name: archive.read(name) for name in archive.namelist()}
    alone = {}
    for number, folder in enumerate(folders):  # the runs of one command share their backbone
        path = tmp_path / f"{number}.zip"
        assert main([folder, "--root", str(tmp_path / "release"), "--output", str(path)]) == 0
        with zipfile.ZipFile(path) as archive:
            alone |= {name: archive.read(name) for name in archive.namelist()}
    assert together == alone


def test_each_backbone_is_loaded_once_and_only_after_the_output_and_all_rows_are_checked(
    trained, tmp_path, monkeypatch, capsys
):
    folders = [str(trained(task)) for task in ("cb", "rte", "wsc")]
    loads = []
    load = predictor.build_backbone
    monkeypatch.setattr(predictor, "build_backbone", lambda *given: loads.append(given) or load(*given))
    write_release(tmp_path / "release", CB="CB", AX_g="RTE", WSC="WSC")
    monkeypatch.setattr(build, "answer_lines", lambda asked, rows: answer_lines(asked, rows[:2]))  # quick
    command = [*folders, "--root", str(tmp_path / "release"), "--output"]
    assert main([*command, str(tmp_path / "missing" / "out.zip")]) == 2
    assert "out.zip: cannot be written (No such file or directory). Free some space or name" in capsys.readouterr().err
    path = tmp_path / "release" / "WSC" / "test.jsonl"  # the last of the files
    whole = path.read_text()
    for rows, reason in ((whole + whole.splitlines()[0], "has 147 lines"), (whole.replace("text", "texts"), "text")):
        path.write_text(rows)
        assert main([*command, str(tmp_path / "out.zip")]) == 2
        assert reason in capsys.readouterr().err
    assert loads == []
    path.write_text(whole)
    assert main([*command, str(tmp_path / "out.zip")]) == 2  # because only two rows of each file are answered
    assert "CB.jsonl: has 2 lines" in capsys.readouterr().err
    assert len(loads) == 1
    assert sorted(zipfile.ZipFile(tmp_path / "out.zip").namelist()) == ["AX-g.jsonl", "CB.jsonl", "WSC.jsonl"]


def test_a_short_test_split_two_runs_of_a_task_and_no_test_split_are_refused(trained, tmp_path, capsys):
    folder, out = trained("cb"), tmp_path / "out.zip"
    assert main([str(folder), "--root", str(tmp_path / "nowhere"), "--output", str(out)]) == 2
    assert "no test split of the runs' tasks was found" in capsys.readouterr().err
    write_release(tmp_path / "release", CB="CB")
    path = tmp_path / "release" / "CB" / "test.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))
    assert main([str(folder), "--root", str(tmp_path / "release"), "--output", str(out)]) == 2
    err = capsys.readouterr().err
    assert f"the test splits in {tmp_path}/release differ from the official release:\nCB.jsonl: has 9 lines, and" in err
    assert "and the test split has 250 rows" in err
    (tmp_path / "again").mkdir()
    folder.rename(tmp_path / "again" / folder.name)
    other = trained("cb")
    assert main([str(other), str(tmp_path / "again" / folder.name), "--output", str(out)]) == 2
    assert "Name one run for each task" in capsys.readouterr().err
    assert not out.exists()


CB = [{"idx": idx, "label": "neutral"} for idx in range(250)]
MULTIRC = [
    {"idx": idx, "passage": {"questions": [{"idx": idx, "answers": [{"idx": 0, "label": 1}, {"idx": 1, "label": 0}]}]}}
    for idx in range(166)
]
RECORD = [{"idx": idx, "label": "Rome"} for idx in range(10_000)]


def text(entries):
    return "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()


def changed(entries, number, **values):
    return [*entries[:number], {**entries[number], **values}, *entries[number + 1 :]]


TAMPERED = {
    "a missing line": ({"CB.jsonl": text(CB[:-1])}, "CB.jsonl: has 249 lines"),
    "a repeated idx": ({"CB.jsonl": text(changed(CB, 7, idx=6))}, "CB.jsonl:8: idx 6 is not above 6"),
    "another order": ({"CB.jsonl": text([CB[1], CB[0], *CB[2:]])}, "CB.jsonl:2: idx 0 is not above 1"),
    "an unknown label": ({"CB.jsonl": text(changed(CB, 3, label="maybe"))}, "CB.jsonl:4: label 'maybe' is unknown"),
    "a label of another type": (
        {"WSC.jsonl": text([{"idx": idx, "label": True} for idx in range(146)])},
        "WSC.jsonl:1: label True is unknown; allowed are 'True', 'False'",
    ),
    "a boolean for a number": (
        {"COPA.jsonl": text([{"idx": idx, "label": False} for idx in range(500)])},
        "COPA.jsonl:1: label False is unknown; allowed are 0, 1",
    ),
    "an additional key": ({"CB.jsonl": text(changed(CB, 0, score=1))}, "CB.jsonl:1: has the keys idx, label, score"),
    "no JSON": ({"CB.jsonl": text(CB[:9]) + b"{\n" + text(CB[10:])}, "CB.jsonl:10: is not JSON"),
    "no UTF-8": ({"CB.jsonl": text(CB)[:-2] + b"\xff\n"}, "CB.jsonl: cannot be read"),
    "an answer without a label": (
        {"MultiRC.jsonl": text([*MULTIRC[:-1], {"idx": 165, "passage": {"questions": [{"idx": 0, "answers": []}]}}])},
        "MultiRC.jsonl:166: passage.questions[0] needs idx and a list of answers",
    ),
    "an empty text": ({"ReCoRD.jsonl": text(changed(RECORD, 4, label=" "))}, "ReCoRD.jsonl:5: label ' ' is not a text"),
    "a path out of the archive": ({"../CB.jsonl": text(CB)}, "'../CB.jsonl': is no file of a submission"),
    "a folder": ({"submission/CB.jsonl": text(CB)}, "'submission/CB.jsonl': is no file of a submission"),
    "a huge file": ({"CB.jsonl": b" " * (2**24 + 1)}, "CB.jsonl: is larger than 16 MiB"),
}


@pytest.mark.parametrize("way", TAMPERED)
def test_the_check_finds_each_kind_of_tampering(way, tmp_path, capsys):
    files, message = TAMPERED[way]
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert main(["--check", str(path)]) == 2
    assert message in capsys.readouterr().out
    assert [entry.name for entry in tmp_path.iterdir()] == ["submission.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_the_check_finds_a_repeated_file_and_a_broken_archive(tmp_path, capsys):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for _ in range(2):
            archive.writestr("CB.jsonl", text(CB))
    (tmp_path / "twice.zip").write_bytes(content.getvalue())
    assert main(["--check", str(tmp_path / "twice.zip")]) == 2
    assert "CB.jsonl: is in the ZIP file 2 times" in capsys.readouterr().out
    (tmp_path / "cut.zip").write_bytes(content.getvalue()[:200])
    assert main(["--check", str(tmp_path / "cut.zip")]) == 2
    assert "cannot be read as a ZIP file" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_zip_bomb_of_many_files_or_many_lines_ends_the_check_early(tmp_path, capsys, monkeypatch):
    reads = []
    read = check._member
    monkeypatch.setattr(check, "_member", lambda archive, member: reads.append(member) or read(archive, member))
    many, lines = tmp_path / "many.zip", tmp_path / "lines.zip"
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        for _ in range(300):
            archive.writestr("CB.jsonl", b"\n" * 2**16)
    with zipfile.ZipFile(lines, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("CB.jsonl", b"\n" * check.MOST_BYTES)
    for path in (many, lines):
        reads.clear()
        assert main(["--check", str(path)]) == 2
        assert len(capsys.readouterr().out.splitlines()) == check.MOST_PROBLEMS
        assert len(reads) == 1
    assert lines.stat().st_size < check.MOST_BYTES / 900


def test_a_huge_value_is_quoted_in_part(tmp_path, capsys):
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("CB.jsonl", text(changed(CB, 0, label="x" * 10**6)))
    assert main(["--check", str(path)]) == 2
    assert len(capsys.readouterr().out) < 500


def test_a_test_split_whose_idx_is_no_number_is_refused(trained, tmp_path, capsys):
    write_release(tmp_path / "release", CB="CB")
    path = tmp_path / "release" / "CB" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for idx, number in (("seven", 7), ("8", 8)):
        rows[number]["idx"] = idx
    out = tmp_path / "out.zip"
    folder = trained("cb")
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert main([str(folder), "--root", str(tmp_path / "release"), "--output", str(out)]) == 2
    assert "test.jsonl: idx 'seven' is not a whole number" in capsys.readouterr().err
    rows[7]["idx"] = "7"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert main([str(folder), "--root", str(tmp_path / "release"), "--output", str(out)]) == 0
    assert main(["--check", str(out)]) == 0


def test_valid_files_pass_the_check(tmp_path, capsys):
    path = tmp_path / "submission.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"CB": CB, "MultiRC": MULTIRC, "ReCoRD": RECORD}.items():
            archive.writestr(f"{name}.jsonl", text(content))
    assert main(["--check", str(path)]) == 0
    assert "no problem found" in capsys.readouterr().out
