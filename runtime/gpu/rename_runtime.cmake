# cmake -DOBJECT=... -DOUTPUT=... -DNM=... -DOBJCOPY=... -P rename_runtime.cmake
# Puts sepconv_gpu_ before the name of everything that the object defines, and lets it ask us for environment variables.
# No other Halide runtime in the same program can then clash with it.
execute_process(COMMAND "${NM}" --defined-only --extern-only --format=posix "${OBJECT}"
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" symbols "${symbols}")
set(changes "getenv sepconv_gpu_getenv\n")
foreach(symbol IN LISTS symbols)
  if(symbol MATCHES "^([^ ]+) ")
    string(APPEND changes "${CMAKE_MATCH_1} sepconv_gpu_${CMAKE_MATCH_1}\n")
  endif()
endforeach()
file(WRITE "${OUTPUT}.symbols" "${changes}")
execute_process(COMMAND "${OBJCOPY}" "--redefine-syms=${OUTPUT}.symbols" "${OBJECT}" "${OUTPUT}.tmp"
  COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${OUTPUT}.tmp" "${OUTPUT}")
