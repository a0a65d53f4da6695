// What Keras refuses and what it accepts, as Keras itself answered: each row through layer_from_config, refused at the
// same stage in words that name the same argument.

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/keras/json_text.h"
#include "sepconv/detail/keras_rules.h"
#include "sepconv/layer_from_config.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

const json& rows() {
  static const json document =
      parse_json(read_file(std::filesystem::path(SEPCONV_TEST_DATA) / "errors.json"), "errors.json");
  return document;
}

KerasConvLayer make(const json& row) {
  json config = row["kwargs"];
  config["name"] = "layer";
  return layer_from_config({{"class_name", row["class_name"]}, {"config", config}},
                           keras_rules_from_text(row["api"].get<std::string>()));
}

/// Without the batch, as our layers take shapes; a batch of any size is no part of a layer.
Shape shape_of(const json& value) {
  Shape shape;
  for (const json& extent : value) shape.push_back(extent.is_null() ? kDynamic : extent.get<std::int64_t>());
  return {shape.begin() + 1, shape.end()};
}

/// What a call checks before any kernel runs, and the output's shape without the batch.
Shape apply(const json& row, KerasConvLayer& layer) {
  const json& first = row.contains("input_shape") ? row["input_shape"] : row["build_shape"];
  layer.build(shape_of(first));
  Shape result = layer.output_shape(shape_of(first));
  const std::string dtype = row["input_dtype"];
  if (dtype == "int32" || dtype == "uint8") {
    const Tensor memory(first.get<Shape>());
    layer(dense_view(memory.bytes(), dtype == "int32" ? DataType::int32 : DataType::uint8, first.get<Shape>()));
  }
  if (row["id"] == "spatial_shrinks_to_empty_after_build") {
    // output_shape() answers as compute_output_shape, which refuses; a call gives an empty tensor, without a kernel.
    const Shape out = layer(Tensor(row["then_input_shape"].get<Shape>())).shape();
    return {out.begin() + 1, out.end()};
  }
  if (row.contains("then_input_shape")) result = layer.output_shape(shape_of(row["then_input_shape"]));
  return result;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// The words one of which our message must have: the argument that Keras' message is about.
std::vector<std::string> subjects(const json& row) {
  const std::string message = lower(row["message"]), id = row["id"];
  // About shapes and inputs, not about one argument. Each Keras text with what it is about.
  const std::vector<std::pair<const char*, std::vector<std::string>>> kShapes = {
      {"output size would be zero", {"output size would be zero"}},
      {"expected axis", {"axis"}},
      {"min_ndim", {"ndim"}},
      {"same length as input", {"rank", "ndim", "same length"}},
      {"should have rank", {"rank", "ndim"}},
      {"'int' and 'nonetype'", {"channel"}},
      {"channel dimension", {"channel"}},
      {"dimension -1", {"depth_multiplier"}},
      {"identity matrix", {"identity"}},
      {"orthogonalregularizer", {"orthogonalregularizer"}},
      {"strides > 1", {"strides > 1"}},
      {"causal padding", {"causal padding"}}};
  for (const auto& [text, words] : kShapes)
    if (message.find(text) != std::string::npos) return words;
  if (id.find("input_") == 0 || id.find("k2_input_") == 0) return {"int32", "uint8"};
  if (id == "k2_valid_two_too_small") return {"output size", "negative"};
  std::vector<std::string> suspects;
  const json& kwargs = row["kwargs"];
  for (const auto& [key, value] : kwargs.items())
    if (!(key == "filters" && value.is_number_integer() && value == 3 &&
          row["class_name"].get<std::string>().find("Sep") == 0) &&
        !(key == "kernel_size" && value.is_number_integer() && value == 3))
      suspects.push_back(key);
  if (!kwargs.contains("kernel_size")) suspects.push_back("kernel_size");
  if (!kwargs.contains("filters") && message.find("'filters'") != std::string::npos) suspects.push_back("filters");
  // "Could not interpret initializer identifier" does not say which; the kind must be named.
  for (std::string& word : suspects)
    for (const char* kind : {"initializer", "regularizer", "constraint"})
      if (message.find(std::string("interpret ") + kind) != std::string::npos && word.find(kind) != std::string::npos)
        word = kind;
  return suspects;
}

void expect_about(const json& row, const std::string& message) {
  const std::string text = lower(message);
  const std::vector<std::string> words = subjects(row);
  EXPECT_FALSE(words.empty());
  EXPECT_TRUE(std::any_of(words.begin(), words.end(),
                          [&](const std::string& word) { return text.find(word) != std::string::npos; }))
      << "Keras: " << row["message"] << "\nhere:  " << message << "\nexpected about: " << json(words).dump();
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

/// The stage at which a row is refused, with the message; "accepted" where it is not.
std::pair<std::string, std::string> refusal(const json& row) {
  std::string stage = "construct";
  try {
    KerasConvLayer layer = make(row);
    stage = "apply";
    if (!row.contains("input_shape") && !row.contains("build_shape")) return {"accepted", ""};
    apply(row, layer);
    stage = "losses";
    layer.losses();
  } catch (const std::invalid_argument& error) {
    return {stage, error.what()};
  }
  return {"accepted", ""};
}

TEST(ErrorsJson, EachIsRefusedAtItsStageNamingItsArgument) {
  ASSERT_EQ(rows()["errors"].size(), 88u);
  std::size_t checked = 0;
  for (const json& row : rows()["errors"]) {
    SCOPED_TRACE(row["id"].get<std::string>());
    const auto [stage, message] = refusal(row);
    if (row["id"] == "anisotropic_stride_tf_cpu") {
      // A limit of TensorFlow's CPU kernel, not of Keras: JAX computes it, and so do we.
      EXPECT_EQ(stage, "accepted") << message;
      continue;
    }
    EXPECT_EQ(stage, row["stage"].get<std::string>()) << row.dump() << "\n" << message;
    if (stage != "accepted") expect_about(row, message);
    ++checked;
  }
  EXPECT_EQ(checked, 87u);
}

TEST(ErrorsJson, EachAcceptedRowHasKerasOutputShape) {
  ASSERT_EQ(rows()["accepts"].size(), 25u);
  for (const json& row : rows()["accepts"]) {
    SCOPED_TRACE(row["id"].get<std::string>());
    try {
      KerasConvLayer layer = make(row);
      EXPECT_EQ(apply(row, layer), shape_of(row["output_shape"]));
      if (row.contains("output_dtype")) {
        EXPECT_EQ(std::string(keras_name(layer.compute_dtype())), row["output_dtype"].get<std::string>());
      }
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

}  // namespace
}  // namespace sepconv::keras::test
