#!/usr/bin/env bash
# Test a packed sweep on a SLURM cluster of one node, which this script starts and ends. The sweep has two packs in a job
# array. One job is preempted and the other is killed while they train. All points must finish, and the same command must
# then train nothing more.
#   apt-get install slurm-wlm munge        # Debian; systemd is not needed
#   tests/cluster/run.sh                   # as root or as a user of the machine; about two minutes
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=$PWD/${VENV:-.venv}/bin/python
HERE=$PWD/tests/cluster
WORK=$(mktemp -d)
chmod 755 "$WORK" # munge requires this mode

say() { printf 'cluster: %s\n' "$*" >&2; }
fail() {
    say "$*; all files are in $WORK"
    exit 1
}
stop() { # ends the jobs, and then the daemons by the pid files that they wrote
    [ ! -s "$WORK/slurmctld.pid" ] || SLURM_CONF=$WORK/slurm.conf scancel --full --signal=KILL --user="$(id -un)" || true
    for name in slurmd slurmctld munged; do
        [ ! -s "$WORK/$name.pid" ] || kill "$(cat "$WORK/$name.pid")" 2>/dev/null || true
    done
    for _ in $(seq 50); do # a daemon removes its pid file when it ends
        compgen -G "$WORK/*.pid" >/dev/null || return 0
        sleep 0.2
    done
}
trap stop EXIT

for program in munged slurmctld slurmd; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || fail "there is no $program: apt-get install slurm-wlm munge"
done
PATH=$PATH:/usr/sbin

export SLURM_CONF=$WORK/slurm.conf
sed -e "s|@HOST@|$(hostname -s)|; s|@USER@|$(id -un)|; s|@WORK@|$WORK|; s|@CPUS@|$(nproc)|" "$HERE/slurm.conf" >"$SLURM_CONF"
mkdir "$WORK/state" "$WORK/spool"
(umask 077 && head -c 1024 /dev/urandom >"$WORK/munge.key")
munged --socket="$WORK/munge.socket" --key-file="$WORK/munge.key" --log-file="$WORK/munged.log" \
    --pid-file="$WORK/munged.pid" --seed-file="$WORK/munge.seed"
slurmctld
slurmd
for _ in $(seq 50); do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" != idle ] || break
    sleep 0.2
done
[ "$(sinfo --noheader --format=%T)" = idle ] || fail "the node is not idle: $(sinfo --noheader --format='%T %E')"
say "$(slurmctld -V), one node of $(nproc) cores"

sweep() {
    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 "$PYTHON" run.py -m hydra/launcher=packed hydra.launcher.executor=submitit \
        hydra.launcher.submitit.cluster=slurm hydra.launcher.submitit.cpus=1 data.max_rows=40 trainer.epochs=6 \
        trainer.checkpoint_steps=2 lr=0.01,0.03 trainer.batch_size=4,8 output_dir="$WORK/runs" >>"$WORK/sweep.log" 2>&1
}
await() { # waits at most two minutes for a file that matches a pattern
    for _ in $(seq 600); do
        ! compgen -G "$1" >/dev/null || return 0
        sleep 0.2
    done
    fail "no $1"
}
finished() { grep -l '"status": "finished"' "$WORK"/runs/*/run.json 2>/dev/null | wc -l; }

sweep &
controller=$!
await "$WORK/runs/*/previous.ckpt"
mapfile -t jobs < <(squeue --noheader --array --states=RUNNING --format=%i)
say "running: ${jobs[*]}"
[ "${#jobs[@]}" -ge 1 ] || fail "no job is running"
scancel --signal=USR2 "${jobs[0]}" # SLURM sends this signal before a preemption and before the end of a job's time
if [ "${#jobs[@]}" -gt 1 ]; then scancel --signal=KILL --full "${jobs[1]}"; fi
wait "$controller" || fail "the sweep ended with code $?"
[ "$(finished)" = 4 ] || fail "$(finished) of 4 points are finished"
grep -q 'a worker was lost' "$WORK/sweep.log" || [ "${#jobs[@]}" = 1 ] || fail "the sweep did not report the killed job"
grep -q 'Requeued job' "$WORK"/runs/sweeps/submitit/*.out || fail "the preempted job was not requeued"
grep -lq '"resumed"' "$WORK"/runs/*/run.json || fail "no run was resumed from a checkpoint"

stamp=$(stat -c %Y "$WORK"/runs/*/run.json | sort | tail -n 1)
sweep || fail "the second call of the same command ended with code $?"
[ "$stamp" = "$(stat -c %Y "$WORK"/runs/*/run.json | sort | tail -n 1)" ] || fail "a run was trained twice"
tail -n 12 "$WORK/sweep.log"
say "4 points finished, and $(grep -l '"resumed"' "$WORK"/runs/*/run.json | wc -l) of them were resumed from a checkpoint"
stop
trap - EXIT
rm -rf "$WORK"
