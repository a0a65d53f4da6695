// Where the planner takes shapes from: the model's inputs first, then the options, what the file has recorded, and the
// weights.

#include <gtest/gtest.h>

#include "runtime/keras/model_graph.h"
#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json dw(const std::string& name, const std::vector<std::vector<std::string>>& calls = {}, json more = json::object()) {
  json config{{"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}};
  config.update(more);
  return layer("DepthwiseConv2D", name, config, calls);
}

json built(json layer, json shape) {
  layer["build_config"] = {{"input_shape", std::move(shape)}};
  return layer;
}

Plan plan(const json& model, PlanOptions options = {}, KerasRules rules = KerasRules::keras_3) {
  return plan_model(document(model, rules), options);
}

/// "dw 8x8x4": what each planned layer reads.
std::vector<std::string> inputs_of(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedLayer& layer : plan.layers)
    result.push_back(layer.name + " " + extents_text({kDynamic, layer.problem.IH, layer.problem.IW, layer.problem.IC}));
  for (const SkippedLayer& layer : plan.skipped) result.push_back(layer.name + ": " + layer.reason);
  return result;
}
using Texts = std::vector<std::string>;

void refused(const json& model, const PlanOptions& options, const std::string& part) {
  try {
    plan(model, options);
    ADD_FAILURE() << "was accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

// Layers of one model used in another of a different size: Keras records where they were built first.
TEST(GraphShapes, TheModelsInputOutranksWhatALayerWasBuiltFor) {
  const json model = functional(
      "m",
      {input("image", {nullptr, 64, 96, 4}), built(dw("a", {{"image"}}, {{"strides", 2}}), {nullptr, 32, 32, 4}),
       built(layer("Dropout", "d", {}, {{"a"}}), {nullptr, 16, 16, 4}), built(dw("b", {{"d"}}), {nullptr, 16, 16, 4})},
      {"image"}, {"b"});
  EXPECT_EQ(inputs_of(plan(model)), (Texts{"a 64x96x4", "b 32x48x4"}));
  const json open = functional(
      "m", {input("image", {nullptr, nullptr, nullptr, 4}), built(dw("a", {{"image"}}), {nullptr, 32, 32, 4})},
      {"image"}, {"a"});
  EXPECT_EQ(inputs_of(plan(open)), Texts{"a ?x?x4"});
}

TEST(GraphShapes, BuildShapesOfASequentialModelYieldToItsInput) {
  json model = sequential("m", {input("image", {nullptr, 64, 96, 4}), built(dw("a"), {nullptr, 32, 32, 4})});
  EXPECT_EQ(inputs_of(plan(model)), Texts{"a 64x96x4"});
  model = sequential("m", {built(dw("a", {}, {{"batch_input_shape", {nullptr, 64, 96, 4}}}), {nullptr, 32, 32, 4})});
  EXPECT_EQ(inputs_of(plan(model)), Texts{"a 64x96x4"});
  model = sequential("m", {dw("a")});
  model["config"]["build_input_shape"] = {nullptr, 20, 30, 4};
  EXPECT_EQ(inputs_of(plan(model)), Texts{"a 20x30x4"});
  model = sequential("m", {dw("a")});
  model["build_config"] = {{"input_shape", {nullptr, 20, 30, 4}}};
  EXPECT_EQ(inputs_of(plan(model)), Texts{"a 20x30x4"});
}

// tf.keras 2 keeps the input_shape argument of every layer; it counts for the first one alone.
TEST(GraphShapes, OnlyTheFirstLayersInputShapeCounts) {
  const json first = {{"batch_input_shape", {nullptr, 28, 28, 4}}}, later = {{"batch_input_shape", {nullptr, 9, 9, 7}}};
  const json model =
      sequential("m", {dw("a", {}, first), layer("MaxPooling2D", "p", {{"pool_size", {2, 2}}}), dw("b", {}, later)});
  EXPECT_EQ(inputs_of(plan(model, {}, KerasRules::tf_keras_2)), (Texts{"a 28x28x4", "b 14x14x4"}));
  const json graph =
      functional("m", {input("image", {nullptr, 28, 28, 4}), dw("a", {{"image"}}, later)}, {"image"}, {"a"});
  EXPECT_EQ(inputs_of(plan(graph, {}, KerasRules::tf_keras_2)), Texts{"a 28x28x4"});
  const json unknown = functional(
      "m", {input("image", {nullptr, 28, 28, 4}), layer("Mystery", "x", {}, {{"image"}}), dw("a", {{"x"}}, later)},
      {"image"}, {"a"});
  EXPECT_EQ(inputs_of(plan(unknown)), Texts{"a: input shape unknown after Mystery 'x'; pass --layer-shape a=HxWxC"});
}

TEST(GraphShapes, ANestedModelsOwnInputFillsInAndKeepsItsSize) {
  json inner = functional("inner", {input("in", {nullptr, 12, 10, 4}), dw("a", {{"in"}})}, {"in"}, {"a"});
  inner["inbound_nodes"] = layer("x", "x", {}, {{"odd"}})["inbound_nodes"];
  const json model = functional(
      "m",
      {input("image", {nullptr, 24, 20, 4}), layer("Mystery", "odd", {}, {{"image"}}), inner, dw("b", {{"inner"}})},
      {"image"}, {"b"});
  EXPECT_EQ(inputs_of(plan(model)), (Texts{"inner/a 12x10x4", "b 12x10x4"}));
  // The first of a Sequential model.
  EXPECT_EQ(inputs_of(plan(sequential("m", {inner, dw("b")}))), (Texts{"inner/a 12x10x4", "b 12x10x4"}));
}

TEST(GraphShapes, ANestedModelIsPlannedForEachSizeThatItIsCalledAt) {
  json inner = functional("inner", {input("in", {nullptr, nullptr, nullptr, 4}), dw("a", {{"in"}})}, {"in"}, {"a"});
  inner["inbound_nodes"] = layer("x", "x", {}, {{"one"}, {"two"}})["inbound_nodes"];
  const json model = functional("m", {input("one", {nullptr, 8, 8, 4}), input("two", {nullptr, 6, 6, 4}), inner},
                                {"one", "two"}, {"inner:0", "inner:1"});
  EXPECT_EQ(inputs_of(plan(model)), (Texts{"inner/a 8x8x4", "inner/a#2 6x6x4"}));
}

// Functional models are called by their own construction, too; tf.keras 2 counts that call, and so does Keras 3 in
// output_layers.
TEST(GraphShapes, CallsOfANestedModelAreCountedAsEachKerasDoes) {
  const auto tf_keras = [](const std::vector<std::vector<std::string>>& calls) {
    json nodes = json::array();
    for (const std::vector<std::string>& call : calls) {
      nodes.push_back(json::array());
      for (const std::string& source : call)
        nodes.back().push_back(
            {source.substr(0, source.find(':')),
             source.find(':') == std::string::npos ? 0 : std::stoi(source.substr(source.find(':') + 1)), 0,
             json::object()});
    }
    return nodes;
  };
  const std::vector<json> inputs{input("one", {nullptr, 8, 8, 4}), input("two", {nullptr, 6, 6, 4})};
  const json functional_inner =
      functional("inner", {input("in", {nullptr, nullptr, nullptr, 4}), dw("a", {{"in"}})}, {"in"}, {"a"});
  const json sequential_inner = sequential("inner", {dw("a")});
  const auto model = [&](json inner, const json& nodes, json reader, const json& reader_nodes,
                         const std::vector<std::string>& outputs) {
    inner["inbound_nodes"] = nodes;
    reader["inbound_nodes"] = reader_nodes;
    return inputs_of(plan(functional("m", {inputs[0], inputs[1], inner, reader}, {"one", "two"}, outputs))).back();
  };
  const json two_calls = tf_keras({{"one"}, {"two"}});
  const std::string reads_one = "b 8x8x4", reads_two = "b 6x6x4";
  EXPECT_EQ(model(functional_inner, two_calls, dw("b"), tf_keras({{"inner:1"}}), {"b", "inner:2"}), reads_one);
  EXPECT_EQ(model(functional_inner, two_calls, dw("b"), tf_keras({{"inner:2"}}), {"b", "inner:1"}), reads_two);
  EXPECT_EQ(model(sequential_inner, two_calls, dw("b"), tf_keras({{"inner:1"}}), {"b", "inner:2"}), reads_one);
  EXPECT_EQ(model(sequential_inner, two_calls, dw("b"), tf_keras({{"inner:1"}}), {"b", "inner:0"}), reads_two);
  json foreign = sequential_inner;  // a subclass of Sequential, which may do anything
  foreign["class_name"] = "Mine";
  foreign["module"] = "mine";
  EXPECT_EQ(model(foreign, tf_keras({{"one"}}), dw("b"), tf_keras({{"two"}}), {"b", "inner:1"}),
            "inner: convolutions inside a custom class are not compiled: of module \"mine\"");
  const json keras_3 = layer("x", "x", {}, {{"one"}, {"two"}})["inbound_nodes"];
  const auto read_by_keras_3 = [](const char* tensor) { return layer("x", "x", {}, {{tensor}})["inbound_nodes"]; };
  EXPECT_EQ(model(functional_inner, keras_3, dw("b"), read_by_keras_3("inner:1"), {"b", "inner:1"}), reads_two);
  EXPECT_EQ(model(functional_inner, keras_3, dw("b"), read_by_keras_3("inner:0"), {"b", "inner:2"}), reads_one);
  EXPECT_EQ(model(sequential_inner, keras_3, dw("b"), read_by_keras_3("inner:1"), {"b", "inner:0"}), reads_two);
}

TEST(GraphShapes, WhatALayerWasBuiltForHelpsWhereNothingContradicts) {
  const auto model = [](json shape_of_b) {
    return functional("m",
                      {input("image", {nullptr, 8, 8, 4}), built(dw("a", {{"image"}}), std::move(shape_of_b)),
                       layer("Mystery", "x", {}, {{"a"}}), built(dw("b", {{"x"}}), {nullptr, 5, 5, 6})},
                      {"image"}, {"b"});
  };
  EXPECT_EQ(inputs_of(plan(model({nullptr, 8, 8, 4}))), (Texts{"a 8x8x4", "b 5x5x6"}));
  // Where it was built is another model: the channels still hold.
  EXPECT_EQ(inputs_of(plan(model({nullptr, 9, 9, 4}))), (Texts{"a 8x8x4", "b ?x?x6"}));
}

TEST(GraphShapes, ChannelsComeFromTheWeights) {
  json a = dw("a", {{"x"}}, {{"activation", "linear"}, {"strides", {1, 1}}});
  const json model = functional("m", {input("image", {nullptr, 8, 8, 4}), layer("Mystery", "x", {}, {{"image"}}), a},
                                {"image"}, {"a"});
  const std::string bytes =
      make_zip({{"config.json", model.dump()},
                {"metadata.json", R"({"keras_version": "3.15.1"})"},
                {"model.weights.h5", make_hdf5({{"/layers/depthwise_conv2d/vars/0", array({3, 3, 6, 1}, 1)}})}});
  const ModelDocument read = read_document_bytes(bytes, "test.keras");
  EXPECT_EQ(inputs_of(plan_model(read, {})), Texts{"a ?x?x6"});
  PlanOptions options;
  options.layer_shapes = {{"a", {5, 7, 6}}};
  EXPECT_EQ(inputs_of(plan_model(read, options)), Texts{"a 5x7x6"});
}

TEST(GraphShapes, ShapesOfInputsAreGivenByName) {
  const json model =
      functional("m",
                 {input("left", {nullptr, nullptr, nullptr, 4}), input("right", {nullptr, nullptr, nullptr, 4}),
                  dw("a", {{"left"}}), dw("b", {{"right"}})},
                 {"left", "right"}, {"a", "b"});
  PlanOptions options;
  options.input_shapes = {{"left", {8, 9, 4}}, {"right", {6, kDynamic, 4}}};
  EXPECT_EQ(inputs_of(plan(model, options)), (Texts{"a 8x9x4", "b ?x?x4"}));
  options.input_shapes = {{"left", {8, 9, 4}}};
  options.input_shape = {6, 6, 4};  // the others
  EXPECT_EQ(inputs_of(plan(model, options)), (Texts{"a 8x9x4", "b 6x6x4"}));
  options.input_shape.clear();
  options.input_shapes = {{"lefd", {8, 9, 4}}};
  refused(model, options, "no input 'lefd'; did you mean 'left'?");
  options.input_shapes = {{"image", {8, 9, 4}}};
  refused(model, options, "no input 'image'; there are 'left', 'right'");
  options.input_shapes = {{"left", {8, 9, 5}}};
  refused(model, options, "input shape 8x9x5 contradicts input 'left', which is ?x?x4");
  options.input_shapes = {{"left", {8, 9, 4}}, {"left", {8, 8, 4}}};
  refused(model, options, "input shape of 'left': given twice");
}

TEST(GraphShapes, WhatALayerReadsCanBeGiven) {
  const json model = functional("m",
                                {input("image", {nullptr, 8, 8, 4}), layer("Mystery", "x", {}, {{"image"}}),
                                 dw("stage/a", {{"x"}}), dw("b", {{"stage/a"}}, {{"strides", 2}}), dw("c", {{"b"}})},
                                {"image"}, {"c"});
  PlanOptions options;
  options.layer_shapes = {{"stage/a", {6, 5, 3}}};
  EXPECT_EQ(inputs_of(plan(model, options)), (Texts{"stage/a 6x5x3", "b 6x5x3", "c 3x3x3"}));
  options.layer_shapes = {{"stage/a", {6, 5, 3}}, {"c", {9, 9, 3}}};
  refused(model, options, "layer shape 9x9x3 does not fit layer 'c': it reads 3x3x3");
  options.layer_shapes = {{"stage", {6, 5, 3}}};
  refused(model, options, "no layer 'stage'; did you mean 'stage/a'?");
  options.layer_shapes = {{"stage/a", {6, 5, 3}}, {"stage/a", {6, 6, 3}}};
  refused(model, options, "layer shape of 'stage/a': given twice");
  options.layer_shapes = {{"stage/a", {6, 0, 3}}};
  refused(model, options, "extents must be positive. Received: 0");
}

TEST(GraphShapes, AnInputWithoutAShapeIsNamedInTheAdvice) {
  EXPECT_EQ(inputs_of(plan(sequential("m", {dw("a")}))),
            Texts{"a: input shape unknown because that of the model's input 'input' is; pass --input-shape HxWxC, or "
                  "--layer-shape a=HxWxC"});
}

TEST(GraphShapes, ConstantsMayStandWhereTensorsDo) {
  json operation = layer("TFOpLambda", "op", {{"function", "math.subtract"}});
  operation["inbound_nodes"] =
      json::array({json::array({"_CONSTANT_VALUE", -1, 1, {{"y", {"image", 0, 0}}, {"name", nullptr}}})});
  const json model =
      functional("m", {input("image", {nullptr, 8, 8, 4}), operation, dw("a", {{"op"}})}, {"image"}, {"a"});
  EXPECT_EQ(inputs_of(plan(model, {}, KerasRules::tf_keras_2)), Texts{"a 8x8x4"});
}

// TensorFlow 2.0 to 2.3 wrote operators as its own nodes.
TEST(GraphShapes, ReadsTensorFlowsNodes) {
  const auto operation = [](const std::string& name, const json& node_def, const json& constants,
                            const std::vector<std::string>& sources) {
    json result = layer("TensorFlowOpLayer", name, {{"node_def", node_def}, {"constants", constants}});
    json tensors = json::array();
    for (const std::string& source : sources) tensors.push_back({source, 0, 0, json::object()});
    result["inbound_nodes"] = json::array({tensors});
    return result;
  };
  const json none = json::object();
  const json model = functional(
      "m",
      {input("image", {nullptr, 8, 8, 4}), operation("add", {{"op", "AddV2"}, {"attr", none}}, {{"1", 3.0}}, {"image"}),
       operation("relu",
                 std::string("\x0a\x05Relu6\x12\x05Relu6\x1a\x03"
                             "add",
                             19),
                 none, {"add"}),
       operation("mul", {{"op", "Mul"}}, none, {"relu", "image"}),
       operation("concat", {{"op", "ConcatV2"}}, {{"2", 3}}, {"mul", "image"}), dw("a", {{"concat"}}),
       operation("mean", {{"op", "Mean"}, {"attr", {{"keep_dims", {{"b", true}}}}}}, {{"1", {1, 2}}}, {"a"}),
       dw("b", {{"mean"}}),
       operation("slice",
                 {{"op", "StridedSlice"}, {"attr", {{"begin_mask", {{"i", "9"}}}, {"end_mask", {{"i", "9"}}}}}},
                 {{"1", {0, 1, 2, 0}}, {"2", {0, 8, 8, 0}}, {"3", {1, 2, 1, 1}}}, {"image"}),
       dw("c", {{"slice"}})},
      {"image"}, {"b", "c"});
  EXPECT_EQ(inputs_of(plan(model, {}, KerasRules::tf_keras_2)), (Texts{"a 8x8x8", "b 1x1x8", "c 4x6x4"}));
}

}  // namespace
}  // namespace sepconv::keras::test
