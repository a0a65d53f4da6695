// One serialised Keras layer, as layer_from_config reads it under the rules of both Kerases, and as it is planned. A
// layer that was read can be written, and what was written is read again.

#include <nlohmann/json.hpp>

#include "sepconv/detail/keras_layer.h"
#include "sepconv/layer_from_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"

namespace {

constexpr int kMostDepth = 100;  // parse_json, through which all files come, refuses what is much deeper

nlohmann::json parsed(const std::uint8_t* data, std::size_t size) {
  bool too_deep = false;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMostDepth;
    return !too_deep;
  };
  nlohmann::json value = nlohmann::json::parse(data, data + size, watch, /*allow_exceptions=*/false);
  return too_deep ? nlohmann::json() : value;
}

/// build() makes weights, as many as the file says: without the shape that it needs there are none.
void read_layer(nlohmann::json layer, sepconv::KerasRules rules) {
  if (layer.is_object()) layer.erase("build_config");
  const sepconv::KerasConvLayer read = sepconv::layer_from_config(layer, sepconv::FromConfigOptions(rules));
  const nlohmann::json written = sepconv::serialize(read);
  const sepconv::KerasConvLayer again = sepconv::layer_from_config(written, sepconv::FromConfigOptions(rules));
  sepconv::fuzz::require(sepconv::serialize(again) == written, "a layer is written as it was read");
}

void read_or_not_compiled(const nlohmann::json& layer, sepconv::KerasRules rules) {
  sepconv::fuzz::read_or_refuse([&] {
    try {
      read_layer(layer, rules);
    } catch (const sepconv::NotCompiledError&) {
    }
  });
  sepconv::fuzz::read_or_refuse([&] {
    try {
      sepconv::plan_layer_config(layer, {}, rules);
    } catch (const sepconv::NotCompiledError&) {
    }
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const nlohmann::json layer = parsed(data, size);
  if (layer.is_discarded()) return 0;
  for (const sepconv::KerasRules rules : {sepconv::KerasRules::keras_3, sepconv::KerasRules::tf_keras_2})
    read_or_not_compiled(layer, rules);
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return sepconv::fuzz::mutate_json_input(data, size, max_size, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size, const std::uint8_t* other,
                                                 std::size_t other_size, std::uint8_t* out, std::size_t max_size,
                                                 unsigned seed) {
  return sepconv::fuzz::cross_json_inputs(data, size, other, other_size, out, max_size, seed);
}
#endif
