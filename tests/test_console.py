"""Text that a run or a sweep prints at its end."""

import shlex
import subprocess
from pathlib import Path

from rpt.console import wandb_note


def test_the_note_on_offline_runs_has_the_command_that_uploads_them(tmp_path):
    runs = tmp_path / "my runs"
    folders = [runs / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir(parents=True)
    assert wandb_note(folders, runs / "*") is None
    for folder in folders[:2]:
        (folder / "wandb" / "offline-run-1").mkdir(parents=True)
    quoted = shlex.quote(str(runs))
    note = f"W&B: 2 runs offline in {runs}/*/wandb; to upload: wandb sync {quoted}/*/wandb/offline-*"
    assert wandb_note(folders, runs / "*") == note
    shell = subprocess.run(["sh", "-c", f"echo {quoted}/*/wandb/offline-*"], capture_output=True, text=True, check=True)
    assert shell.stdout.count("offline-run-1") == 2  # the shell finds both folders although the path has a space
    alone = Path("runs/cb")
    assert wandb_note([folders[0]], alone) == (
        "W&B: 1 run offline in runs/cb/wandb; to upload: wandb sync runs/cb/wandb/offline-*"
    )
    assert "sync /runs/cb/" in str(wandb_note([folders[0]], Path("/runs/cb")))
