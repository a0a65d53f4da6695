#!/usr/bin/env bash
# Makes build/keras, the Python environment with Keras that the checks of whole networks use, from PyPI, about 2 GB.
#
# Environment:
#   SEPCONV_PYTHON  the Python that the environment is made from (python3)
# Exit status: 0 ready, 3 something could not be installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
home=$(cd "$here/../.." && pwd)/build/keras
readonly home
readonly packages=(keras==3.15.1 tensorflow-cpu==2.21.0)
readonly ready=$home/ready log=$home/setup.log

if [[ -f $ready && $(<"$ready") == "${packages[*]}" ]]; then
  exit 0
fi
mkdir -p "$home"
rm -f "$ready"
printf 'networks: installing %s\n' "${packages[*]}"
if [[ ! -x $home/bin/python ]]; then
  if ! "${SEPCONV_PYTHON:-python3}" -m venv "$home"; then
    printf 'networks: cannot make a virtual environment in %s\n' "$home" >&2
    exit 3
  fi
fi
if ! "$home/bin/python" -m pip --disable-pip-version-check --no-input -q install "${packages[@]}" >"$log" 2>&1 </dev/null
then
  tail -n 15 "$log" >&2
  printf 'networks: pip could not install: %s\n' "${packages[*]}" >&2
  exit 3
fi
printf '%s\n' "${packages[*]}" >"$ready"
