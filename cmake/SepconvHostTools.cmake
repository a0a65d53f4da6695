# The compiler of another build of sepconv, for a machine that cannot run this build's programs: SEPCONV_HOST_TOOLS.
if(NOT SEPCONV_HOST_TOOLS)
  return()
endif()
find_program(sepconv_host_compiler sepconv
  PATHS "${SEPCONV_HOST_TOOLS}/tools" "${SEPCONV_HOST_TOOLS}/bin" NO_DEFAULT_PATH REQUIRED)
find_program(sepconv_host_generator sepconv-generator
  PATHS "${SEPCONV_HOST_TOOLS}/generators" "${SEPCONV_HOST_TOOLS}/bin" NO_DEFAULT_PATH REQUIRED)
foreach(program IN ITEMS compiler generator)
  add_executable(sepconv::${program} IMPORTED GLOBAL)
  set_target_properties(sepconv::${program} PROPERTIES IMPORTED_LOCATION "${sepconv_host_${program}}")
endforeach()
include(SepconvKernels)
