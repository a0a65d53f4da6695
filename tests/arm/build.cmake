# Cross-compiles the runtime, the runner and their tests. Variables: SOURCE_DIR, BUILD_DIR, HOST_DIR (a build folder with
# the compiler), GENERATOR, MAKE_PROGRAM.
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${BUILD_DIR}" -G "${GENERATOR}"
    -D CMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}
    -D CMAKE_TOOLCHAIN_FILE=${SOURCE_DIR}/cmake/toolchains/aarch64-linux-gnu.cmake
    -D SEPCONV_HOST_TOOLS=${HOST_DIR}
    -C "${SOURCE_DIR}/cmake/toolchains/cross-options.cmake"
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD_DIR}" --target
    sepconv-runner
    sepconv_arm_dispatch_test
    sepconv_kernel_library_tests
    sepconv_test_layers_tests
    sepconv_runner_tests
    sepconv_runtime_tests
  COMMAND_ERROR_IS_FATAL ANY)
