#!/usr/bin/env bash
# Makes a checkout ready to build: system packages, and a virtual environment with CMake, Ninja and Halide.
#
# Does only what is missing and prints only what it does, so every make target can call it. Installs system packages on
# Debian and Ubuntu, as root or if sudo needs no password; otherwise prints one line that says what to install.
#
# Usage: scripts/setup.sh [fuzz]    fuzz: also install Clang with libFuzzer for `make fuzz`
#
# Environment:
#   CXX                       the C++ compiler, which must also find the headers (default: c++)
#   SEPCONV_PYTHON            the Python that creates .venv (default: python3)
#   Halide_DIR, Halide_ROOT   an installed Halide 21; the wheel is not installed
#   SEPCONV_NO_VENV_HALIDE=1  the wheel is not installed; for a Halide that CMake finds by itself
# Exit status: 0 ready, 3 something is missing or could not be installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly venv=$root/.venv
readonly stamp=$venv/sepconv-setup.sha256
readonly log=$root/build/setup.log
readonly went_without=$root/build/setup-went-without
readonly purpose=${1:-}
read -ra compiler <<<"${CXX:-c++}"

# "Debian package:header that proves it". Alternatives for other systems are separated by |.
readonly headers=(
  'libcpu-features-dev:cpu_features/cpu_features_macros.h'
  'libcli11-dev:CLI/CLI.hpp'
  'nlohmann-json3-dev:nlohmann/json.hpp'
  'libfmt-dev:fmt/format.h'
  'libzip-dev:zip.h'
  'libhdf5-dev:hdf5/serial/hdf5.h|hdf5.h'
  'libxxhash-dev:xxhash.h'
  'libsqlite3-dev:sqlite3.h'
  'libgtest-dev:gtest/gtest.h'
  'libbenchmark-dev:benchmark/benchmark.h'
)
# "Debian package:what proves it": a command, a file, or the name of a shared library that the loader knows.
readonly commands=(
  'git:git'
  'make:make'
  'python3:python3'
  'pkg-config:pkg-config'
  'llvm:llvm-objcopy'
  'sqlite3:sqlite3'
)
# Installed where that needs no question. The build works without; scripts/run_tests.py lets the tests that need one be
# skipped only where this set-up says that it went without.
readonly optional_commands=(
  'ccache:ccache'
  'g++-aarch64-linux-gnu:aarch64-linux-gnu-g++'
  'qemu-user:qemu-aarch64'
  'pocl-opencl-icd:/etc/OpenCL/vendors/pocl.icd'
  'ocl-icd-libopencl1:libOpenCL.so.1'
)

# Wanted by `scripts/setup.sh fuzz` only.
readonly fuzz_commands=(
  'clang:clang++'
  'libclang-rt-dev:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a'
  'llvm:llvm-cov'
)

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 3
}

# Runs a command with its output in the log; shows the end of it if the command fails.
logged() {
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    return 1
  fi
}

# True when the command, the file (or one of a pattern) or the shared library is there. A loader that cannot be asked
# counts as lacking the library.
is_there() {
  case $1 in
    lib*.so.*) [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *[[:space:]]"$1 "* ]] ;;
    *) command -v "$1" >/dev/null || [[ -e $1 ]] || compgen -G "$1" >/dev/null ;;
  esac
}

# Prints the packages of "package:proof" entries whose proof is not there.
missing_commands() {
  local entry
  for entry in "$@"; do
    is_there "${entry#*:}" || printf '%s\n' "${entry%%:*}"
  done
}

# Prints the packages whose headers the compiler does not find: one run of the preprocessor for all of them.
missing_headers() {
  if ! command -v "${compiler[0]}" >/dev/null; then
    printf '%s\n' g++ "${headers[@]%%:*}"
    return
  fi
  local entry path alternatives condition answer source=''
  for entry in "${headers[@]}"; do
    IFS='|' read -ra alternatives <<<"${entry#*:}"
    condition=0
    for path in "${alternatives[@]}"; do
      condition+=" || __has_include(<$path>)"
    done
    source+="#if !($condition)"$'\n'"missing ${entry%%:*}"$'\n'"#endif"$'\n'
  done
  if answer=$("${compiler[@]}" -E -P -x c++ - <<<"$source" 2>/dev/null); then
    sed -n 's/^missing //p' <<<"$answer"
  else
    printf '%s\n' "${headers[@]%%:*}"
  fi
}

venv_is_ready() {
  [[ -f $stamp && -x $venv/bin/python && -x $venv/bin/cmake && -x $venv/bin/ninja ]] &&
    [[ $(<"$stamp") == "$wanted" ]]
}

# The lines of requirements.txt that this set-up installs.
requirements() {
  local drop='^(#|$)'
  if [[ -n ${Halide_DIR:-}${Halide_ROOT:-} || ${SEPCONV_NO_VENV_HALIDE:-0} == 1 ]]; then
    drop='^(#|$|halide==)'
  fi
  grep -Ev "$drop" "$root/scripts/requirements.txt"
}

install_system_packages() {
  local packages=("$@") as_root=()
  if ! command -v apt-get >/dev/null; then
    fail "install what these Debian packages hold, then run again: ${packages[*]}"
  fi
  if ((EUID != 0)); then
    as_root=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
      fail "run this, then run again: sudo apt-get install -y ${packages[*]}"
    fi
  fi
  printf 'setup: installing system packages: %s\n' "${packages[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  logged "${apt[@]}" update || fail 'apt-get update failed'
  logged "${apt[@]}" install -y --no-install-recommends "${packages[@]}" ||
    fail "apt-get install failed: ${packages[*]}"
}

# Installs optional packages where that needs no question. What failed is not tried again until the list changes.
try_optional_packages() {
  local packages=("$@") as_root=() tried=$root/build/setup-optional-tried
  command -v apt-get >/dev/null || return 0
  if ((EUID != 0)); then
    as_root=(sudo -n)
    sudo -n true 2>/dev/null || return 0
  fi
  if [[ -f $tried && $(<"$tried") == "${packages[*]}" ]]; then
    return 0
  fi
  printf 'setup: installing optional system packages: %s\n' "${packages[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  if ! logged "${apt[@]}" update || ! logged "${apt[@]}" install -y --no-install-recommends "${packages[@]}"; then
    mkdir -p "$(dirname "$tried")"
    printf '%s\n' "${packages[*]}" >"$tried"
  fi
}

# Asks and fails for nothing, and writes down what is still missing.
install_optional_packages() {
  local packages
  mapfile -t packages < <(missing_commands "${optional_commands[@]}")
  if ((${#packages[@]} > 0)); then
    try_optional_packages "${packages[@]}"
    mapfile -t packages < <(missing_commands "${optional_commands[@]}")
  fi
  rm -f "$went_without"
  if ((${#packages[@]} > 0)); then
    printf 'setup: went on without: %s\n' "${packages[*]}"
    mkdir -p "$(dirname "$went_without")"
    printf '%s\n' "${packages[@]}" >"$went_without"
  fi
}

make_venv() {
  local python=${SEPCONV_PYTHON:-python3} wheel_hint=''
  printf 'setup: installing into .venv: %s\n' "$(requirements | tr '\n' ' ')"
  # Started afresh each time: an interrupted installation is never built upon. The stamp is written last.
  logged "$python" -m venv --clear "$venv" || fail "$python -m venv failed"
  if ! logged "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps \
    --only-binary=:all: --requirement <(requirements); then
    if requirements | grep -q '^halide=='; then
      wheel_hint='; the halide wheel exists for CPython 3.9 to 3.13 on x86-64 Linux: name such a Python in'
      wheel_hint+=' SEPCONV_PYTHON, or an installed Halide 21 in Halide_DIR'
    fi
    fail "pip could not install scripts/requirements.txt for $("$venv/bin/python" --version)" \
      "on $(uname -sm)$wheel_hint"
  fi
  printf '%s\n' "$wanted" >"$stamp"
}

missing_packages() {
  missing_commands "${commands[@]}"
  if [[ $purpose == fuzz ]]; then
    missing_commands "${fuzz_commands[@]}"
  fi
  missing_headers
  if ! venv_is_ready && [[ -z ${SEPCONV_PYTHON:-} ]] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    printf 'python3-venv\n'
  fi
}

main() {
  local missing wanted
  if [[ -n ${CXX:-} ]] && ! command -v "${compiler[0]}" >/dev/null; then
    fail "CXX names ${compiler[0]}, which is not a command here"
  fi
  wanted=$({ requirements; printf '%s\n' "$venv"; } | sha256sum | cut -d' ' -f1)
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} > 0)); then
    install_system_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    if ((${#missing[@]} > 0)); then
      fail "installed, but ${compiler[*]} or PATH still lacks what these packages hold: ${missing[*]}"
    fi
  fi
  install_optional_packages
  if ! venv_is_ready; then
    make_venv
  fi
}

main
