# The weights files that a model.json of TensorFlow.js names; nothing for another model. The names are read again when
# the model changes.
function(_sepconv_shards model result)
  set(shards "")
  if(model MATCHES "\\.json$" AND EXISTS "${model}")
    file(READ "${model}" json)
    string(JSON groups ERROR_VARIABLE error LENGTH "${json}" weightsManifest)
    if(NOT error AND groups GREATER 0)
      cmake_path(GET model PARENT_PATH folder)
      math(EXPR last_group "${groups} - 1")
      foreach(group RANGE ${last_group})
        string(JSON paths ERROR_VARIABLE error LENGTH "${json}" weightsManifest ${group} paths)
        if(error OR NOT paths GREATER 0)
          continue()
        endif()
        math(EXPR last_path "${paths} - 1")
        foreach(index RANGE ${last_path})
          string(JSON path ERROR_VARIABLE error GET "${json}" weightsManifest ${group} paths ${index})
          # What `sepconv compile` refuses, with a message of its own, is no file of the build.
          if(NOT error AND path AND NOT path MATCHES "://|^/|(^|/)\\.\\.(/|$)")
            list(APPEND shards "${folder}/${path}")
          endif()
        endforeach()
      endforeach()
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${model}")
    endif()
  endif()
  set(${result} "${shards}" PARENT_SCOPE)
endfunction()

# sepconv_add_kernels(<name>
#   MODEL <file>              a Keras model, a JSON list of layers, or a suite such as bench/suites/peers.json
#   [WEIGHTS <file>]          a .h5, .weights.h5 or .keras file with the weights, instead of the model's own
#   [TARGETS <target> ...]    default: all that are shipped for this build's architecture
#   [LAYERS <glob>] [INPUT_SHAPE [<name>=]<HxWxC> ...] [LAYER_SHAPE <name>=<HxWxC> ...]
#   [LOCK <lockfile>] [LOCKED] [DYNAMIC] [SHARED]
#   [THREADS <count>]
#   [NETWORK | NO_NETWORK] [FROM <layer>] [TO <layer>] [EMBED] [WEIGHTS_DTYPE float16|bfloat16])
#   THREADS sizes the blocks so that <count> threads finish at the same time; default: 1.
#   NETWORK compiles the model, or the part of it from one layer to another, as one network only, and also adds the
#   target <name>_predict with its functions for C (<name>_predict.h). EMBED puts the weights into the library.
#
# Compiles the model's layers when the model, its weights (the shards of TensorFlow.js' model.json too), the lockfile or
# the compiler changes, and adds the library target <name>: link it, include <name.h>, call
# sepconv::use_kernels(<name>::kernels()). Sets <name>_WEIGHTS to the weights file.
function(sepconv_add_kernels name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOCKED;DYNAMIC;SHARED;NETWORK;NO_NETWORK;EMBED"
                        "MODEL;WEIGHTS;LAYERS;LOCK;THREADS;FROM;TO;WEIGHTS_DTYPE"
                        "TARGETS;INPUT_SHAPE;LAYER_SHAPE")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sepconv_add_kernels(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_MODEL)
    message(FATAL_ERROR "sepconv_add_kernels(${name}): MODEL is missing")
  endif()
  if(NOT TARGET sepconv::compiler)
    message(FATAL_ERROR "sepconv_add_kernels(${name}): this sepconv was built without its compiler "
                        "(SEPCONV_BUILD_COMPILER and SEPCONV_BUILD_KERAS)")
  endif()
  if(arg_LOCKED AND NOT arg_LOCK)
    message(FATAL_ERROR "sepconv_add_kernels(${name}): LOCKED needs LOCK")
  endif()

  if(arg_NETWORK AND arg_NO_NETWORK)
    message(FATAL_ERROR "sepconv_add_kernels(${name}): NETWORK excludes NO_NETWORK")
  endif()
  if(arg_EMBED AND (arg_SHARED OR arg_NO_NETWORK))
    message(FATAL_ERROR "sepconv_add_kernels(${name}): EMBED excludes SHARED and NO_NETWORK")
  endif()

  set(dir "${CMAKE_CURRENT_BINARY_DIR}/${name}.sepconv")
  cmake_path(ABSOLUTE_PATH arg_MODEL BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE model)
  set(options --name ${name} -o "${dir}" --generator $<TARGET_FILE:sepconv::generator>)
  _sepconv_shards("${model}" shards)
  set(inputs "${model}" ${shards})
  if(NOT arg_TARGETS AND CMAKE_CROSSCOMPILING)
    # The compiler's own default is the machine that it runs on.
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
      set(arg_TARGETS arm-64 arm-64-fp16)
    else()
      message(FATAL_ERROR "sepconv_add_kernels(${name}): TARGETS is missing; `sepconv targets` lists them")
    endif()
  endif()
  if(arg_TARGETS)
    list(JOIN arg_TARGETS "," targets)
    list(APPEND options --target ${targets})
  endif()
  if(arg_LAYERS)
    list(APPEND options --layers "${arg_LAYERS}")
  endif()
  foreach(shape IN LISTS arg_INPUT_SHAPE)
    list(APPEND options --input-shape "${shape}")
  endforeach()
  foreach(shape IN LISTS arg_LAYER_SHAPE)
    list(APPEND options --layer-shape "${shape}")
  endforeach()
  if(arg_WEIGHTS)
    cmake_path(ABSOLUTE_PATH arg_WEIGHTS BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE weights)
    list(APPEND options --weights "${weights}")
    list(APPEND inputs "${weights}")
  endif()
  if(arg_LOCK)
    cmake_path(ABSOLUTE_PATH arg_LOCK BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE lock)
    list(APPEND options --lock "${lock}")
    list(APPEND inputs "${lock}")
  endif()
  if(arg_THREADS)
    list(APPEND options --threads ${arg_THREADS})
  endif()
  foreach(value FROM TO WEIGHTS_DTYPE)
    if(arg_${value})
      string(TOLOWER "--${value}" option)
      string(REPLACE "_" "-" option "${option}")
      list(APPEND options ${option} "${arg_${value}}")
    endif()
  endforeach()
  foreach(flag LOCKED DYNAMIC SHARED NETWORK NO_NETWORK EMBED)
    if(arg_${flag})
      string(TOLOWER "--${flag}" option)
      string(REPLACE "_" "-" option "${option}")
      list(APPEND options ${option})
    endif()
  endforeach()

  # The stamp is what the build waits for: the files themselves keep their times when nothing in them changes.
  set(kind STATIC)
  set(library "${dir}/lib${name}.a")
  if(arg_SHARED)
    set(kind SHARED)
    set(library "${dir}/lib${name}.so")
  endif()
  set(predict_files "")
  if(arg_NETWORK)
    set(predict_files "${dir}/${name}_predict.h" "${dir}/${name}_predict.cpp")
  endif()
  set(stamp "${dir}/${name}.stamp")
  add_custom_command(OUTPUT "${stamp}"
    BYPRODUCTS "${library}" "${dir}/${name}.h" "${dir}/${name}.weights" "${dir}/${name}.lock.json"
               "${dir}/${name}Config.cmake" ${predict_files}
    COMMAND "${CMAKE_COMMAND}" -E env "CXX=${CMAKE_CXX_COMPILER}" $<TARGET_FILE:sepconv::compiler> compile
            "${model}" ${options}
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    DEPENDS ${inputs} $<TARGET_FILE:sepconv::compiler> $<TARGET_FILE:sepconv::generator>
    COMMENT "Compiling the kernels of ${name}"
    VERBATIM)
  add_custom_target(${name}_kernels DEPENDS "${stamp}")

  file(MAKE_DIRECTORY "${dir}")
  add_library(${name} ${kind} IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${dir}"
    INTERFACE_LINK_LIBRARIES sepconv::core)
  if(arg_TARGETS MATCHES "cuda-|opencl")
    set_property(TARGET ${name} APPEND PROPERTY INTERFACE_LINK_LIBRARIES sepconv::gpu)
  endif()
  add_dependencies(${name} ${name}_kernels)
  if(arg_NETWORK)
    # An imported library cannot be linked by its source: it is one of its own, built where a program links it.
    add_library(${name}_predict STATIC EXCLUDE_FROM_ALL "${dir}/${name}_predict.cpp")
    set_source_files_properties("${dir}/${name}_predict.cpp" PROPERTIES GENERATED ON)
    target_compile_features(${name}_predict PRIVATE cxx_std_17)
    target_include_directories(${name}_predict PUBLIC "${dir}")
    target_link_libraries(${name}_predict PUBLIC ${name})
    add_dependencies(${name}_predict ${name}_kernels)
  endif()
  set(${name}_WEIGHTS "${dir}/${name}.weights" PARENT_SCOPE)
endfunction()
