# Installs the build into WORK_DIR, then configures, builds and runs the app in APP_DIR against it.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nended with ${result}:\n${output}")
  endif()
  set(run_output "${output}" PARENT_SCOPE)
endfunction()

set(prefix "${WORK_DIR}/prefix")
set(app_build "${WORK_DIR}/app")
file(REMOVE_RECURSE "${WORK_DIR}")
set(ENV{XDG_CACHE_HOME} "${WORK_DIR}/cache")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${prefix}")

# The installed programs know their own places: no option says where the generator and the headers are.
run("${prefix}/bin/sepconv" compile "${APP_DIR}/layers.json" -o "${WORK_DIR}/packaged" --name packaged --dynamic)
run("${prefix}/bin/sepconv" compile "${APP_DIR}/layers.json" -o "${WORK_DIR}/shared" --shared)
run(nm "${WORK_DIR}/packaged/libpackaged.a")
if(run_output MATCHES "halide_[a-z_]*")
  message(FATAL_ERROR "the archive names ${CMAKE_MATCH_0}:\n${run_output}")
endif()
string(REGEX MATCHALL " U [^\n]+" wanted "${run_output}")
list(REMOVE_DUPLICATES wanted)
foreach(symbol IN LISTS wanted)
  if(NOT symbol MATCHES "^ U (sepconv_abi1_(parallel_for|allocate|release)|mem(set|cpy|move))$")
    message(FATAL_ERROR "the archive wants${symbol}")
  endif()
endforeach()
string(REGEX MATCHALL " [A-TV-Z] [^\n]+" defined "${run_output}")
if(NOT defined)
  message(FATAL_ERROR "the archive defines nothing:\n${run_output}")
endif()
foreach(symbol IN LISTS defined)
  if(NOT symbol MATCHES "^ T packaged_")
    message(FATAL_ERROR "the archive defines${symbol}")
  endif()
endforeach()

# A layer as a model of TensorFlow.js, with its weights in a shard, and as a model beside a weights file.
set(models "${WORK_DIR}/models")
set(topology [[{"class_name": "Sequential", "config": {"name": "model", "layers": [
  {"class_name": "DepthwiseConv2D", "config": {"name": "d", "kernel_size": [1, 1], "strides": [1, 1],
    "padding": "valid", "data_format": "channels_last", "depth_multiplier": 1, "activation": "linear",
    "use_bias": false, "batch_input_shape": [null, 4, 4, 2]}}]}}]])
file(WRITE "${models}/topology.json" "${topology}")
file(WRITE "${models}/model.json" "{\"format\": \"layers-model\", \"modelTopology\": {\"model_config\": ${topology}}, "
  [["weightsManifest": [{"paths": ["group1-shard1of1.bin"],
    "weights": [{"name": "d/depthwise_kernel", "shape": [1, 1, 2, 1], "dtype": "float32"}]}]}]])
file(WRITE "${models}/group1-shard1of1.bin" "AAAABBBB")  # two floats
file(COPY_FILE "${models}/model.json" "${models}/network.json")
run("${prefix}/bin/sepconv" save-weights "${models}/model.json" -o "${models}/given.weights.h5")

run("${CMAKE_COMMAND}" -S "${APP_DIR}" -B "${app_build}" -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}"
  "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-Dpackaged_DIR=${WORK_DIR}/packaged"
  "-Dpackaged_LOCK=${WORK_DIR}/packaged/packaged.lock.json" "-DMODELS=${models}")
run("${CMAKE_COMMAND}" --build "${app_build}")
foreach(app IN ITEMS app17 app20 app_shared app_linked_shared app_keras app_network)
  run("${app_build}/${app}")
  message(STATUS "${app}: ${run_output}")
endforeach()

# With nothing changed, a second build does nothing.
run("${CMAKE_COMMAND}" --build "${app_build}")
if(run_output MATCHES "Compiling the kernels|Linking")
  message(FATAL_ERROR "a second build was not idle:\n${run_output}")
endif()

# Other weights in the shard, and in the weights file, are compiled anew.
file(WRITE "${models}/group1-shard1of1.bin" "CCCCDDDD")
run("${prefix}/bin/sepconv" save-weights "${models}/model.json" -o "${models}/given.weights.h5")
run("${CMAKE_COMMAND}" --build "${app_build}")
foreach(library IN ITEMS sharded given)
  file(READ "${app_build}/${library}.sepconv/${library}.weights" bytes HEX)
  if(NOT run_output MATCHES "Compiling the kernels of ${library}" OR NOT bytes MATCHES "4343434344444444")
    message(FATAL_ERROR "${library} was not compiled with its new weights:\n${run_output}")
  endif()
endforeach()
