#!/usr/bin/env bash
# Sets up the libraries that sepconv is compared with, from PyPI, and builds the C++ programs of this folder.
#
# Everything goes into one folder, about 4 GB; what is there already is left alone.
#
# Environment:
#   SEPCONV_PEERS       the folder (build/peers of the checkout)
#   SEPCONV_PEER_NAMES  which of "onednn onnxruntime openvino litert keras-tf", all of them if unset; "onednn_new",
#                       "jax", "iree" and "networks" only where they are named
#   SEPCONV_PYTHON      the Python that the environment is made from (python3)
#   CXX                 the C++ compiler (c++)
# Exit status: 0 ready, 3 something could not be installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
root=$(cd "$here/../.." && pwd)
readonly root
readonly runner=$root/runner
readonly home=${SEPCONV_PEERS:-$root/build/peers}
readonly names=${SEPCONV_PEER_NAMES:-onednn onnxruntime openvino litert keras-tf}
readonly log=$home/setup.log

declare -rA packages=(
  [onednn]='onednn-devel-cpu-gomp==2023.2.0 onednn-cpu-gomp==2023.2.0' # 3.2: the newest with OpenMP
  [onednn_new]='onednn-devel==2026.1.0 onednn==2026.1.0'                # 3.13, for SYCL
  [onnxruntime]='onnxruntime==1.31.1 onnx==1.23.2'
  [openvino]='openvino==2026.4.1'
  [litert]='ai-edge-litert==2.3.0 tensorflow-cpu==2.21.0' # TensorFlow converts the models
  [keras-tf]='tensorflow-cpu==2.21.0 keras==3.15.1'
  [jax]='jax[cpu]==0.10.2'
  [iree]='iree-base-compiler==3.13.0 iree-base-runtime==3.13.0 jax[cpu]==0.10.2' # JAX exports the models
  [networks]='tf2onnx==1.17.0' # for bench_networks.py
)

fail() {
  printf 'peers: %s\n' "$*" >&2
  exit 3
}

logged() {
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    return 1
  fi
}

pip() {
  logged "$home/bin/python" -m pip --disable-pip-version-check --no-input -q install "$@" ||
    fail "pip could not install: $*"
}

# build NAME SOURCE [OPTION...]: made again when its source, or what it may include or be linked with, changed.
build() {
  local program=$home/build/$1 source=$here/$2 used old=
  shift 2
  for used in "$source" "$here/adaptor.h" "$runner"/peak.{h,cpp}; do
    [[ $program -nt $used ]] || old=yes
  done
  if [[ -z $old ]]; then
    return
  fi
  read -ra compiler <<<"${CXX:-c++}"
  logged "${compiler[@]}" -O2 -std=c++20 -I"$root" -I"$root/runtime/include" "$source" -o "$program" "$@" ||
    fail "$source does not compile"
}

# onednn PREFIX PROGRAM [OPTION...]: oneDNN has its own folder, since two versions of it do not live in one.
onednn() {
  local prefix=$home/$1 program=$2
  shift 2
  build "$program" adaptor_onednn.cpp -I"$prefix/include" -L"$prefix/lib" -ldnnl \
    "-Wl,-rpath,\$ORIGIN/../$(basename "$prefix")/lib" "-Wl,-rpath-link,$prefix/lib" "$@"
}

install() {
  local name=$1 list
  [[ -v "packages[$name]" ]] || fail "SEPCONV_PEER_NAMES: '$name' is none of: ${!packages[*]}"
  read -ra list <<<"${packages[$name]}"
  local ready=$home/$name.ready
  if [[ ! -f $ready || $(<"$ready") != "${packages[$name]}" ]]; then
    printf 'peers: installing %s\n' "${packages[$name]}"
    rm -f "$ready"
    case $name in
      onednn) pip --no-deps --ignore-installed --prefix "$home/onednn-gomp" "${list[@]}" ;;
      onednn_new) pip --ignore-installed --prefix "$home/onednn-new" "${list[@]}" ;;
      *) pip "${list[@]}" ;;
    esac
  fi
  case $name in
    onednn) onednn onednn-gomp onednn_gomp -fopenmp '-DPEER_NAME="onednn"' ;;
    onednn_new) onednn onednn-new onednn_new '-DPEER_NAME="onednn_new"' ;;
    litert)
      SEPCONV_PEERS=$home "$home/bin/python" "$here/make_tflite.py" >>"$log" 2>&1 ||
        printf 'peers: some .tflite files could not be made; %s says which\n' "$log"
      ;;
  esac
  printf '%s\n' "${packages[$name]}" >"$ready"
}

main() {
  local name
  mkdir -p "$home/build"
  : >"$log"
  command -v taskset >/dev/null || fail 'taskset is missing; install the Debian package util-linux'
  if [[ ! -x $home/bin/python ]]; then
    "${SEPCONV_PYTHON:-python3}" -m venv "$home" || fail "cannot make a virtual environment in $home"
  fi
  "$home/bin/python" -c 'import numpy' 2>/dev/null || pip numpy
  build peak peak.cpp "$runner/peak.cpp" -march=native -pthread
  for name in $names; do
    install "$name"
  done
}

main
