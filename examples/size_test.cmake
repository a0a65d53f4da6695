# sepconv_add_size_test(NAME TARGET MOST): the program, without symbols, has at most MOST bytes. Other compilers and options
# make other sizes, so that only GCC's release build for x86-64 is tested.
function(sepconv_add_size_test name target most)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_STRIP
     AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND NOT CMAKE_CXX_FLAGS)
    add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}"
      -D STRIP=${CMAKE_STRIP}
      -D PROGRAM=$<TARGET_FILE:${target}>
      -D STRIPPED=${CMAKE_CURRENT_BINARY_DIR}/${target}.stripped
      -D MOST=${most}
      -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_size.cmake")
  endif()
endfunction()
