# Installation and the package that find_package(sepconv) loads.
include(CMakePackageConfigHelpers)

set(sepconv_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sepconv")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/sepconv" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h")
install(TARGETS sepconv_core sepconv_layers EXPORT sepconvTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT sepconvTargets NAMESPACE sepconv:: DESTINATION "${sepconv_package_dir}")

if(TARGET sepconv_gpu)
  install(TARGETS sepconv_gpu EXPORT sepconvTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()

# The reader is a component of its own: only apps that ask for it need libzip, HDF5 and nlohmann_json.
if(TARGET sepconv_keras)
  install(TARGETS sepconv_keras EXPORT sepconvKerasTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT sepconvKerasTargets NAMESPACE sepconv:: DESTINATION "${sepconv_package_dir}")
endif()

foreach(program IN ITEMS sepconv:compiler sepconv-builder:builder sepconv-generator:generator sepconv-runner:runner)
  string(REPLACE ":" ";" program "${program}")
  list(GET program 0 target)
  list(GET program 1 export_name)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
    install(TARGETS ${target} EXPORT sepconvProgramTargets RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    set(sepconv_has_programs ON)
  endif()
endforeach()
if(TARGET sepconv-generator)
  # libHalide is found where the build found it; the link path would not do, since the checkout's own wheel is left out.
  set_target_properties(sepconv-generator PROPERTIES INSTALL_RPATH "$<TARGET_FILE_DIR:Halide::Halide>")
endif()
if(TARGET sepconv)
  install(FILES "${PROJECT_SOURCE_DIR}/autoschedule/fleet/fleet.py"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/sepconv")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/generators/schedules/tables"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/sepconv" FILES_MATCHING PATTERN "*.lock.json")
endif()
if(sepconv_has_programs)
  install(EXPORT sepconvProgramTargets NAMESPACE sepconv:: DESTINATION "${sepconv_package_dir}")
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/sepconvConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/sepconvConfig.cmake" INSTALL_DESTINATION "${sepconv_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sepconvConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/sepconvConfig.cmake"
  "${PROJECT_BINARY_DIR}/sepconvConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/SepconvKernels.cmake"
  DESTINATION "${sepconv_package_dir}")
