#!/usr/bin/env bash
# Runs the golden cases through the CUDA driver on this machine's NVIDIA GPU, once for each CUDA target.
#
# Environment:
#   SEPCONV_GPU_CHECK_TARGETS   targets, separated by semicolons; those that the GPU is too old for fail
#                               (cuda-sm50;cuda-sm70;cuda-sm80)
# Exit status: 0 all cases passed, 1 a case failed, 3 there is no NVIDIA GPU, or the build failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly build=$root/build/gpu-check
readonly targets=${SEPCONV_GPU_CHECK_TARGETS:-cuda-sm50;cuda-sm70;cuda-sm80}

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --query-gpu=name,driver_version --format=csv,noheader; then
  printf 'gpu-check: this machine has no NVIDIA GPU with a driver (nvidia-smi finds none); nothing was checked\n' >&2
  exit 3
fi
export PATH=$root/.venv/bin:$PATH
cmake -S "$root" -B "$build" -G Ninja -DSEPCONV_BUILD_BENCH=OFF -DSEPCONV_BUILD_EXAMPLES=OFF \
  "-DSEPCONV_GPU_TEST_TARGETS=$targets" || exit 3
cmake --build "$build" --target sepconv_gpu_goldens_tests || exit 3
status=0
"$build/tests/gpu/sepconv_gpu_goldens_tests" | tee "$build/gpu-check.log" || status=1
if grep -q 'SKIPPED' "$build/gpu-check.log"; then
  printf 'gpu-check: the CUDA device could not be used; the reason is above\n' >&2
  exit 3
fi
exit "$status"
