// The shapes of tests/data/shapes.json: layers and operators as tf.keras 2 and Keras 3 write them, with the shapes that
// they compute.

#include <gtest/gtest.h>

#include "runtime/keras/json_text.h"
#include "runtime/keras/model_graph.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

struct Family {
  const char* name;
  KerasRules rules;
};

class RecordedShapes : public testing::TestWithParam<Family> {};

/// Without the batch: an operator may leave it open where the model knows it.
std::string text_of(const std::optional<Shape>& shape) { return shape ? extents_text(*shape) : "unknown"; }

/// Which output of its layer the model returns.
int output_of(const json& item) {
  const json* output = &item.at("model").at("config").at("output_layers");
  while (output->front().is_array()) output = &output->front();
  return output->at(2).get<int>();
}

TEST_P(RecordedShapes, EqualKeras) {
  const std::string path = std::string(SEPCONV_TEST_DATA) + "/shapes.json";
  const json cases = parse_json(read_file(path), path).at(GetParam().name);
  ASSERT_GT(cases.size(), 60u);
  for (const json& item : cases) {
    const auto name = item.at("name").get<std::string>();
    const ModelDocument model = document(item.at("model"), GetParam().rules);
    const ModelGraph graph = build_graph(model, {});
    std::vector<std::string> outputs;
    for (const LayerCall& call : graph.calls)
      if (call.is_output) outputs.push_back(text_of(call.shape(output_of(item))));
    ASSERT_FALSE(outputs.empty()) << name;
    EXPECT_EQ(outputs.front(), text_of(shape_from_json(item.at("shape")))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Keras, RecordedShapes,
                         testing::Values(Family{"tf_keras_2", KerasRules::tf_keras_2},
                                         Family{"keras_3", KerasRules::keras_3}),
                         [](const auto& family) { return std::string(family.param.name); });

}  // namespace
}  // namespace sepconv::keras::test
