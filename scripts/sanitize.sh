#!/usr/bin/env bash
# Builds and runs the tests under AddressSanitizer and UndefinedBehaviorSanitizer, then under ThreadSanitizer.
# scripts/sanitizers/left_out.txt lists the tests that each one skips, and why. Prints the time of each step.
#
# Usage: scripts/sanitize.sh [asan-ubsan | tsan ...]   default: both
# Exit status: 0 all passed, 1 a test failed or a sanitizer reported, 3 a build failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly list=$root/scripts/sanitizers/left_out.txt
presets=("$@")
((${#presets[@]} > 0)) || presets=(asan-ubsan tsan)

# step NAME COMMAND...: runs the command, and prints the name and the time that it took.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  "$@" || status=$?
  printf 'sanitize: %s: %d min %02d s, exit status %d\n' "$name" \
    $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$status"
  return "$status"
}

# The regular expressions of the tests that a preset leaves out, joined by |.
left_out() {
  awk -v preset="$1" '$1 == preset { printf "%s%s", separator, $2; separator = "|" }' "$list"
}

# Every line of the list names a test, lest one that is renamed stays in it unseen.
check_list() {
  local preset=$1 name pattern reason
  while read -r name pattern reason; do
    if [[ $name != "$preset" ]]; then
      continue
    fi
    if [[ -z $reason ]]; then
      printf 'sanitize: %s: %s has no reason\n' "$list" "$pattern" >&2
      return 1
    fi
    if [[ $(ctest --test-dir "$root/build/$preset" -N -R "$pattern") != *'Test '*'#'* ]]; then
      printf 'sanitize: %s: no test matches %s\n' "$list" "$pattern" >&2
      return 1
    fi
    printf 'sanitize: %s: left out: %s: %s\n' "$preset" "$pattern" "$reason"
  done < <(grep -v '^#' "$list")
}

run_preset() {
  local preset=$1 excluded launcher=()
  step "$preset: build" cmake --workflow --preset "$preset" || return 3
  check_list "$preset" || return 1
  excluded=$(left_out "$preset")
  # ThreadSanitizer of older compilers knows no address layout as random as newer kernels'.
  if [[ $preset == tsan ]] && setarch --addr-no-randomize true 2>/dev/null; then
    launcher=(setarch --addr-no-randomize)
  fi
  step "$preset: tests" "${launcher[@]}" "$root/.venv/bin/python" "$root/scripts/run_tests.py" --preset "$preset" \
    ${excluded:+-E "$excluded"}
}

main() {
  local preset status=0
  cd "$root"
  export PATH=$root/.venv/bin:$PATH
  for preset in "${presets[@]}"; do
    step "$preset" run_preset "$preset" || status=$?
    ((status != 3)) || exit 3
  done
  exit $((status != 0))
}

main
