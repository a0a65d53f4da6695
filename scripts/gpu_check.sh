#!/usr/bin/env bash
# Needs an NVIDIA GPU. Runs the golden cases and small networks through the CUDA driver, once for each CUDA target, then
# times the layers of MobileNetV1 and Xception against cuDNN and torch.compile (scripts/gpu_bench.py). Installs torch
# into its own virtual environment, build/gpu-check/venv.
#
# Environment:
#   SEPCONV_GPU_CHECK_TARGETS   targets of the cases and networks, separated by semicolons; targets newer than the GPU fail
#                               (default: cuda-sm50;cuda-sm70;cuda-sm80)
#   SEPCONV_GPU_BENCH_TARGETS   targets of the timed layers; the GPU runs its highest (default: cuda-sm70;cuda-sm80)
#   SEPCONV_GPU_BENCH_PYTHON    a Python that has torch with CUDA; nothing is installed
#   SEPCONV_GPU_BENCH_OPTIONS   more options for scripts/gpu_bench.py, such as --only mobilenet --batch 1
#   SEPCONV_GPU_CHECK_PROGRAMS  a folder with sepconv_gpu_goldens_tests, sepconv_gpu_networks_tests and
#                               sepconv_gpu_bench from another machine's build/gpu-check; nothing is built
# Exit status: 0 all cases passed and all results agree, 1 a case failed or a result differs, 3 there is no NVIDIA GPU,
# or something could not be built, installed or run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly build=$root/build/gpu-check
readonly targets=${SEPCONV_GPU_CHECK_TARGETS:-cuda-sm50;cuda-sm70;cuda-sm80}
readonly bench_targets=${SEPCONV_GPU_BENCH_TARGETS:-cuda-sm70;cuda-sm80}
python=${SEPCONV_GPU_BENCH_PYTHON:-$build/venv/bin/python}
read -ra options <<<"${SEPCONV_GPU_BENCH_OPTIONS:-}"

programs=${SEPCONV_GPU_CHECK_PROGRAMS:-}
goldens=$programs/sepconv_gpu_goldens_tests
networks=$programs/sepconv_gpu_networks_tests
bench_program=$programs/sepconv_gpu_bench

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --query-gpu=name,driver_version --format=csv,noheader; then
  printf 'gpu-check: this machine has no NVIDIA GPU with a driver (nvidia-smi finds none); nothing was checked\n' >&2
  exit 3
fi
if [[ -z $programs ]]; then
  goldens=$build/tests/gpu/sepconv_gpu_goldens_tests
  networks=$build/tests/gpu/sepconv_gpu_networks_tests
  bench_program=$build/bench/gpu/sepconv_gpu_bench
  export PATH=$root/.venv/bin:$PATH
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSEPCONV_BUILD_EXAMPLES=OFF \
    "-DSEPCONV_GPU_TEST_TARGETS=$targets" "-DSEPCONV_GPU_BENCH_TARGETS=$bench_targets" \
    "-DSEPCONV_GPU_BENCH_LAYERS=$root/bench/gpu/layers.txt" || exit 3
  cmake --build "$build" --target sepconv_gpu_goldens_tests sepconv_gpu_networks_tests \
    sepconv_gpu_bench || exit 3
fi
mkdir -p "$build"

status=0
"$goldens" | tee "$build/gpu-check.log" || status=1
"$networks" | tee -a "$build/gpu-check.log" || status=1
if grep -q 'SKIPPED.*cuda' "$build/gpu-check.log"; then
  printf 'gpu-check: the CUDA device could not be used; the reason is above\n' >&2
  exit 3
fi

if [[ -z ${SEPCONV_GPU_BENCH_PYTHON:-} ]] && ! "$python" -c 'import torch' 2>/dev/null; then
  printf 'gpu-check: installing torch into %s\n' "$build/venv"
  python3 -m venv "$build/venv" || exit 3
  "$python" -m pip install --quiet torch numpy || exit 3
fi
bench=0
"$python" "$root/scripts/gpu_bench.py" --program "$bench_program" \
  --layers "$root/bench/gpu/layers.txt" --json "$build/gpu-bench.json" "${options[@]}" || bench=$?
printf 'gpu-check: figures in %s\n' "$build/gpu-bench.json"
[[ $bench -le 1 ]] || exit 3
exit $((status | bench))
