# Options, language level, warnings and tools that every target of this project shares.

include(CMakeDependentOption)
option(SEPCONV_BUILD_COMPILER "Build the kernel compiler and the sepconv command (needs Halide)" ON)
option(SEPCONV_BUILD_RUNNER "Build the runner, which runs and checks compiled kernels" ${SEPCONV_BUILD_COMPILER})
cmake_dependent_option(SEPCONV_BUILD_GPU "Build libsepconv_gpu, which runs kernels for CUDA and OpenCL" ON
  SEPCONV_BUILD_COMPILER OFF)
set(SEPCONV_HOST_TOOLS "" CACHE PATH "Build folder or prefix of the host's sepconv, where this build has no compiler")
option(SEPCONV_BUILD_KERAS "Build the reader of Keras model files (needs libzip, HDF5 and nlohmann_json)" ON)
option(SEPCONV_BUILD_TESTS "Build the tests (needs GoogleTest)" ${PROJECT_IS_TOP_LEVEL})
option(SEPCONV_BUILD_BENCH "Build the benchmarks (needs Google Benchmark)" ${PROJECT_IS_TOP_LEVEL})
option(SEPCONV_LIBFUZZER "Make the fuzz targets programs of libFuzzer, not replays of inputs (needs Clang; preset fuzz)" OFF)
option(SEPCONV_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(SEPCONV_TEST_HOOKS "Let SEPCONV_TEST_CPU hide CPU features, for `make test-isa`; not for use" OFF)
option(SEPCONV_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" OFF)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)  # there are none; newer compilers would preprocess every source twice
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(SEPCONV_CCACHE ccache)
if(SEPCONV_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SEPCONV_CCACHE})
endif()

# Warnings for the project's own code; never part of what an app inherits.
function(sepconv_set_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    # False alarms of these versions on std::string and std::vector, inlined (GCC bugs 105329, 105651, 107852).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-stringop-overread)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # It takes every function with a temporary argument for one that returns a part of it; the project's return
    # entries of tables, which live as long as the process.
    target_compile_options(${target} PRIVATE -Wno-dangling-reference)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # libstdc++ 12's std::stable_sort calls what that library itself marks as deprecated.
    target_compile_options(${target} PRIVATE -Wno-deprecated-declarations)
  endif()
  if(SEPCONV_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
