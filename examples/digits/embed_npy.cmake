# Writes HEADER: the elements of each file of NPY as an array of bytes in namespace digits_test, named after the file.
set(text "#pragma once\n// Test data of examples/digits, made by embed_npy.cmake: the elements of .npy files.\n\nnamespace digits_test {\n")
foreach(file IN LISTS NPY)
  cmake_path(GET file STEM name)
  file(READ "${file}" magic LIMIT 8 HEX)
  if(NOT magic STREQUAL "934e554d50590100")  # "\x93NUMPY", version 1.0
    message(FATAL_ERROR "${file} is not a .npy file of version 1.0")
  endif()
  # The next two bytes are the length of the description, which ends where the elements begin.
  file(READ "${file}" length OFFSET 8 LIMIT 2 HEX)
  string(SUBSTRING "${length}" 0 2 low)
  string(SUBSTRING "${length}" 2 2 high)
  math(EXPR begin "10 + 0x${high}${low}")
  file(READ "${file}" bytes OFFSET ${begin} HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "alignas(64) inline constexpr unsigned char ${name}[] = {${bytes}};\n")
endforeach()
string(APPEND text "}  // namespace digits_test\n")
file(WRITE "${HEADER}" "${text}")
