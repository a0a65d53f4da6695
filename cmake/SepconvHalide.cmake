# Finds Halide 21: the installation that find_package knows (Halide_DIR, Halide_ROOT, CMAKE_PREFIX_PATH, the system),
# else the wheel that scripts/setup.sh puts into the checkout's virtual environment.
set(SEPCONV_HALIDE_VERSION 21)

# With .venv/bin on PATH the search would reach the wheel's outer package, which wants Python's development files too.
set(CMAKE_IGNORE_PREFIX_PATH ${CMAKE_IGNORE_PREFIX_PATH} "${PROJECT_SOURCE_DIR}/.venv")
find_package(Halide ${SEPCONV_HALIDE_VERSION} QUIET COMPONENTS shared)
list(REMOVE_ITEM CMAKE_IGNORE_PREFIX_PATH "${PROJECT_SOURCE_DIR}/.venv")
if(NOT Halide_FOUND)
  file(GLOB sepconv_wheel_dirs "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/halide/lib64/cmake/Halide")
  find_package(Halide ${SEPCONV_HALIDE_VERSION} QUIET COMPONENTS shared PATHS ${sepconv_wheel_dirs} NO_DEFAULT_PATH)
endif()
if(NOT Halide_FOUND)
  message(FATAL_ERROR
    "Halide ${SEPCONV_HALIDE_VERSION} was not found. Run scripts/setup.sh, which installs it into .venv, or set "
    "Halide_DIR to the lib/cmake/Halide folder of an installation, or set SEPCONV_BUILD_COMPILER=OFF to build the "
    "runtime alone.")
endif()
get_target_property(sepconv_halide_location Halide::Halide LOCATION)
message(STATUS "Halide ${Halide_VERSION}: ${sepconv_halide_location}")
