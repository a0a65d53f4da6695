# Runs PROGRAM with medians of interleaved repetitions; the JSON in OUTPUT says from which commit of SOURCE_DIR.
execute_process(COMMAND git describe --always --dirty WORKING_DIRECTORY "${SOURCE_DIR}"
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
execute_process(COMMAND "${PROGRAM}"
  --benchmark_min_time=0.1 --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
  --benchmark_display_aggregates_only=true --benchmark_counters_tabular=true
  "--benchmark_context=commit=${commit}" "--benchmark_out=${OUTPUT}"
  COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "All figures are in ${OUTPUT}")
