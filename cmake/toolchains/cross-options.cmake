# What a build for another architecture leaves out, since the host's build has it: for cmake -C.
set(SEPCONV_BUILD_COMPILER OFF CACHE BOOL "")
set(SEPCONV_BUILD_RUNNER ON CACHE BOOL "")
set(SEPCONV_BUILD_KERAS OFF CACHE BOOL "")
set(SEPCONV_BUILD_BENCH OFF CACHE BOOL "")
set(SEPCONV_BUILD_EXAMPLES OFF CACHE BOOL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
