#!/usr/bin/env bash
# scripts/install.sh BIN LOCK: installs locks/LOCK.txt (train or dev), torch and this project, editable,
# by the pip of a virtual environment's folder BIN. Each file must have a hash that the locks name.
#
# TORCH='torch==2.13.0' takes a build of torch that locks/torch.txt does not know, without a hash: for
# example one for CPUs, for a Python other than that of CI.
set -euo pipefail
bin=$(cd "$1" && pwd) lock=$2
cd "$(dirname "$0")/.."

install() {
    "$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$@"
}

# A build of torch for CPUs where pip finds one, else that of the index with the libraries it needs.
# shellcheck disable=SC2086
if [ -n "${TORCH:-}" ]; then
    install $TORCH
elif ! install --require-hashes -r locks/torch-cpu.txt 2>/dev/null; then
    echo "no build of torch for CPUs that locks/torch-cpu.txt knows is found; taking the index's" >&2
    install --require-hashes -r locks/torch.txt
    install --require-hashes -r locks/torch-cuda.txt
fi
install --require-hashes -r "locks/$lock.txt"
# The build backend is in the lock too, so that nothing is fetched to build.
install --no-build-isolation -e .
"$bin/python" -m pip check --disable-pip-version-check
