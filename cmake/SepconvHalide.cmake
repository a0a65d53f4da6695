# Finds Halide: any installation that find_package knows first, else the wheel in the checkout's virtual environment.
find_package(Halide QUIET COMPONENTS shared)
if(NOT Halide_FOUND)
  file(GLOB _sepconv_halide_dirs "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/halide/lib64/cmake/Halide")
  find_package(HalideHelpers REQUIRED PATHS ${_sepconv_halide_dirs}/../HalideHelpers NO_DEFAULT_PATH)
  find_package(Halide REQUIRED COMPONENTS shared PATHS ${_sepconv_halide_dirs} NO_DEFAULT_PATH)
endif()
