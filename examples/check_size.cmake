# Fails if PROGRAM, stripped by STRIP into STRIPPED, has more than MOST bytes.
execute_process(COMMAND "${STRIP}" -o "${STRIPPED}" "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
file(SIZE "${STRIPPED}" bytes)
message(STATUS "${PROGRAM}: ${bytes} bytes without symbols")
if(bytes GREATER MOST)
  message(FATAL_ERROR "${PROGRAM} has ${bytes} bytes without symbols; at most ${MOST} are expected. Does the program link "
                      "more of the runtime than it calls?")
endif()
