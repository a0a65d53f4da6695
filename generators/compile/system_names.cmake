# The names that the system's C headers give to macros, functions and types: a library's namespace can have none of them.
# c_headers.txt lists the headers, whose own names cannot be those of a library either.

# Writes `output`, a C++ array initializer of the headers' names, sorted; `headers` gets those of the headers themselves.
function(sepconv_write_system_names list output)
  file(READ ${list} text)
  string(REGEX REPLACE "[ \n]+" ";" headers "${text}")
  list(REMOVE_ITEM headers "")
  set(source "")
  set(quoted_headers "")
  foreach(header IN LISTS headers)
    # These have thousands of names that nobody gives a library.
    if(NOT header MATCHES "^(elf|immintrin|link|omp|thread_db|x86intrin)$")
      string(APPEND source "#if __has_include(<${header}.h>)\n#include <${header}.h>\n#endif\n")
    endif()
    string(APPEND quoted_headers "\"${header}\",\n")
  endforeach()
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/c_headers.c)
  file(WRITE ${probe} "#define _GNU_SOURCE 1\n${source}")
  foreach(what IN ITEMS macros declarations)
    set(flags -E -P)
    if(what STREQUAL "macros")
      list(APPEND flags -dM)
    endif()
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -x c -std=gnu17 ${flags} ${probe}
      OUTPUT_VARIABLE ${what} ERROR_VARIABLE error RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "the C headers of c_headers.txt cannot be read by ${CMAKE_CXX_COMPILER}:\n${error}")
    endif()
    string(REGEX REPLACE "[][;]" "@" ${what} "${${what}}")  # they mean something in lists
  endforeach()
  string(REGEX MATCHALL "#define [A-Za-z][A-Za-z0-9_]*" names "${macros}")
  # Functions, tags, and what ends a declaration: variables and typedefs.
  string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_]* ?\\(" functions "${declarations}")
  string(REGEX MATCHALL "(struct|union|enum) [A-Za-z][A-Za-z0-9_]*" tags "${declarations}")
  string(REGEX MATCHALL "(typedef|extern)[^@{}()]*[ *][A-Za-z][A-Za-z0-9_]*[ \n]*@" declared "${declarations}")
  string(REGEX MATCHALL "}[ \n]*[A-Za-z][A-Za-z0-9_]*[ \n]*@" structs "${declarations}")
  string(REGEX MATCHALL "[A-Za-z][A-Za-z0-9_]*[ \n]+__attribute__" attributed "${declarations}")
  list(TRANSFORM attributed REPLACE "[ \n]+__attribute__" "")
  string(REGEX MATCHALL "enum[ \nA-Za-z0-9_]*{[^}]*}" enumerations "${declarations}")
  string(REGEX MATCHALL "[{,][ \n]*[A-Za-z][A-Za-z0-9_]*" enumerators "${enumerations}")
  list(APPEND names ${functions} ${tags} ${declared} ${structs} ${attributed} ${enumerators})
  list(TRANSFORM names REPLACE "[ \n@(]+$" "")
  list(TRANSFORM names REPLACE ".*[^A-Za-z0-9_]" "")
  list(FILTER names EXCLUDE REGEX "^_|^$|__")
  list(REMOVE_DUPLICATES names)
  list(SORT names)
  list(TRANSFORM names REPLACE "(.+)" "\"\\1\",\n")
  string(CONCAT names ${names})
  file(CONFIGURE OUTPUT ${output} CONTENT "// Made by system_names.cmake.
constexpr std::string_view kSystemNames[] = {
@names@};
constexpr std::string_view kSystemHeaders[] = {
@quoted_headers@};
" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
endfunction()
