// The rules of a network, and its text form.

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "runtime/core/memory_plan.h"
#include "tests/runtime/message_of.h"
#include "tests/runtime/network_plans.h"

namespace sepconv::test {
namespace {

/// Two inputs, a concatenation, a sum, a view and two outputs.
NetworkPlan rich_network() {
  NetworkBuilder b;
  const auto left = b.input("links ö", {6, 5, 3}), right = b.input("right", {6, 5, 4});
  const auto joined = b.tensor("concat", {6, 5, 12});
  const auto low = b.channels(joined, 0, 8), high = b.channels(joined, 8, 4);
  const auto sum = b.tensor("sum", {6, 5, 4}), flat = b.view(sum, {120});
  const auto scores = b.tensor("scores", {10}), map = b.tensor("map", {6, 5, 2});
  b.step("low", pointwise(6, 5, 3, 8), left, low);
  b.step("high", pointwise(6, 5, 4, 4), right, high);
  ConvProblem add = pointwise(6, 5, 12, 4);
  add.stages[0].epilogue = {{EpilogueKind::bias, {}}, {EpilogueKind::add, {}, Broadcast::none}};
  b.step("sum", add, joined, sum, {right});
  ConvProblem dense = pointwise(1, 1, 120, 10);
  dense.stages[0].epilogue = {{EpilogueKind::activation, activation_from_text("softmax")}};
  b.step("outer/dense", dense, flat, scores);
  b.step("map", pointwise(6, 5, 4, 2), high, map);
  b.plan.steps[3].absorbed = {"flatten", "outer/dense", "softmax"};
  b.output(scores);
  b.output(map);
  detail::plan_memory(b.plan);
  return b.plan;
}

TEST(NetworkText, RoundTrip) {
  const NetworkPlan plan = rich_network();
  const std::string text = to_text(plan);
  EXPECT_EQ(text.find("network\t1984\t0,1\t7,8\ntensor\tlinks ö\tf32\t6x5x3\t1\t0\t0\t0x0\t-1\n"), 0u) << text;
  EXPECT_NE(text.find("tensor\tconcat/8\tf32\t6x5x4\t1\t2\t8\t60x12\t-1\n"), std::string::npos) << text;
  EXPECT_NE(
      text.find("step\touter/dense\tf32_nhwc_i1x1x120.conv_o10_k1x1.softmax\t6\t7\t-\tflatten\touter/dense\tsoft"),
      std::string::npos)
      << text;
  EXPECT_EQ(to_text(network_from_text(text)), text);
}

TEST(NetworkText, DamagedTextIsRefused) {
  const std::string good = to_text(rich_network());
  int refused = 0;
  for (std::size_t size = 0; size < good.size(); size += 7) {
    EXPECT_THROW(network_from_text(good.substr(0, size)), std::invalid_argument) << size;
    for (const char c : {'\t', '\n', '9', '-', 'x'}) {
      std::string text = good;
      text[size] = c;
      try {
        EXPECT_EQ(to_text(network_from_text(text)), text);
      } catch (const std::invalid_argument& error) {
        EXPECT_EQ(std::string(error.what()).find("network: "), 0u) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
  const auto message = [](const std::string& text) { return message_of([&] { network_from_text(text); }); };
  EXPECT_NE(message("tensor\n").find("line 1: expected the line 'network' first"), std::string::npos);
  EXPECT_NE(message("network\t0\t-\t-\n").find("has no input"), std::string::npos);
  EXPECT_NE(message("network\t0\t-\n").find("line 1: 3 fields; expected 4"), std::string::npos);
  EXPECT_NE(message(good + "step\tx\n").find("2 fields; expected 6 or more"), std::string::npos);
  EXPECT_NE(message(good + "layer\n").find("expected 'tensor' or 'step'"), std::string::npos);
  EXPECT_NE(message("network\t0\t99999999999\t0\n").find("inputs: expected an integer"), std::string::npos);
}

/// What validate() says of the rich network after a change.
std::string complaint(const std::function<void(NetworkPlan&)>& change) {
  NetworkPlan plan = rich_network();
  change(plan);
  return message_of([&] { validate(plan); });
}

TEST(NetworkRules, Tensors) {
  const auto expect = [](const std::string& part, const std::function<void(NetworkTensor&)>& change, int tensor) {
    const std::string message = complaint([&](NetworkPlan& p) { change(p.tensors[static_cast<std::size_t>(tensor)]); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  EXPECT_EQ(complaint([](NetworkPlan&) {}), "no error");
  expect(
      "control characters", [](NetworkTensor& t) { t.name = "a\tb"; }, 2);
  expect(
      "control characters", [](NetworkTensor& t) { t.name = ""; }, 0);
  expect(
      "expected positive extents", [](NetworkTensor& t) { t.shape[0] = 0; }, 2);
  expect(
      "at most 2^31 - 1 elements",
      [](NetworkTensor& t) {
        t.shape = {1 << 20, 1 << 20, 1 << 30};
      },
      2);
  expect(
      "images of shape", [](NetworkTensor& t) { t.images = 0; }, 2);
  expect(
      "less than 2^44 bytes", [](NetworkTensor& t) { t.images = std::int64_t{1} << 60; }, 2);
  expect(
      "tensor 9; the network has 9", [](NetworkTensor& t) { t.base = 9; }, 3);
  expect(
      "tensor -1; the network has 9", [](NetworkTensor& t) { t.base = -1; }, 3);
  expect(
      "its base is not a base itself", [](NetworkTensor& t) { t.base = 4; }, 3);
  expect(
      "another data type", [](NetworkTensor& t) { t.dtype = DataType::float64; }, 3);
  expect(
      "first element -1", [](NetworkTensor& t) { t.first = -1; }, 3);
  expect(
      "reaches beyond its base", [](NetworkTensor& t) { t.first = 9; }, 4);
  expect(
      "no rows or pixels that overlap", [](NetworkTensor& t) { t.pitches.pixel = 3; }, 4);
  expect(
      "rank 1 to 3",
      [](NetworkTensor& t) {
        t.shape = {1, 6, 5, 4};
      },
      4);
  expect(
      "another number of images", [](NetworkTensor& t) { t.images = 2; }, 6);
  expect(
      "not dense from its element 0", [](NetworkTensor& t) { t.base = 3; }, 3);
}

TEST(NetworkRules, Steps) {
  const auto expect = [](const std::string& part, const std::function<void(NetworkStep&)>& change, int step) {
    const std::string message = complaint([&](NetworkPlan& p) { change(p.steps[static_cast<std::size_t>(step)]); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find("network: step '"), 0u) << message;
  };
  expect(
      "control characters", [](NetworkStep& s) { s.layer = "\x7f"; }, 0);
  expect(
      "absorbed", [](NetworkStep& s) { s.absorbed = {"a\n"}; }, 0);
  expect(
      "another step has this name", [](NetworkStep& s) { s.layer = "low"; }, 1);
  expect(
      "tensor 99", [](NetworkStep& s) { s.input = 99; }, 0);
  expect(
      "tensor -5", [](NetworkStep& s) { s.output = -5; }, 0);
  expect(
      "ConvProblem.IC", [](NetworkStep& s) { s.problem.IC = -4; }, 0);
  expect(
      "dynamic extents", [](NetworkStep& s) { s.problem = with_dynamic_extents(pointwise(6, 5, 4, 2)); }, 4);
  expect(
      "expected 6x4x3 elements", [](NetworkStep& s) { s.problem.IW = 4; }, 0);
  expect(
      "expected float64", [](NetworkStep& s) { s.problem.dtype = DataType::float64; }, 0);
  expect(
      "not those of the problem", [](NetworkStep& s) { s.problem.output_pitches = {}; }, 0);
  expect(
      "0 operands; expected 1", [](NetworkStep& s) { s.operands.clear(); }, 2);
  expect(
      "operand 'links", [](NetworkStep& s) { s.operands = {0}; }, 2);
  expect(
      "read before it is written",
      [](NetworkStep& s) {
        s.input = 5, s.problem = pointwise(6, 5, 4, 8), s.problem.output_pitches = {60, 12};
      },
      0);
  expect(
      "is written twice",
      [](NetworkStep& s) {
        s.output = 4;
        s.problem = pointwise(6, 5, 4, 4), s.problem.input_pitches = s.problem.output_pitches = {60, 12}, s.input = 4;
      },
      4);
  expect(
      "writes the network's input", [](NetworkStep& s) { s.output = 1, s.problem = pointwise(6, 5, 3, 4); }, 0);
}

TEST(NetworkRules, InputsAndOutputs) {
  const auto expect = [](const std::string& part, const std::function<void(NetworkPlan&)>& change) {
    const std::string message = complaint(change);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("has no input", [](NetworkPlan& p) { p.inputs.clear(); });
  expect("has no output", [](NetworkPlan& p) { p.outputs.clear(); });
  expect("is one twice", [](NetworkPlan& p) { p.inputs = {0, 0, 1}; });
  expect("is an input too", [](NetworkPlan& p) { p.outputs[0] = 0; });
  expect("shares its memory with another output", [](NetworkPlan& p) { p.outputs = {7, 7}; });
  expect("is a part of another tensor", [](NetworkPlan& p) { p.outputs[0] = 4; });
  expect("is not written by any step", [](NetworkPlan& p) { p.steps.pop_back(); });
  expect("output '70'", [](NetworkPlan& p) { p.outputs[0] = 70; });
  expect("input '-1'", [](NetworkPlan& p) { p.inputs[0] = -1; });
  expect("lies in another tensor", [](NetworkPlan& p) { p.inputs.push_back(4); });
  expect("expected at most 8192", [](NetworkPlan& p) { p.tensors.resize(20000); });
}

TEST(NetworkRules, Memory) {
  const auto expect = [](const std::string& part, const std::function<void(NetworkPlan&)>& change) {
    const std::string message = complaint(change);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("expected a multiple of 64", [](NetworkPlan& p) { p.tensor_bytes = -64; });
  expect("expected a multiple of 64", [](NetworkPlan& p) { p.tensor_bytes += 4; });
  expect("within the workspace", [](NetworkPlan& p) { p.tensor_bytes -= 64; });
  expect("within the workspace", [](NetworkPlan& p) { p.tensors[2].offset_bytes = 4; });
  expect("within the workspace", [](NetworkPlan& p) { p.tensors[2].offset_bytes = std::int64_t{1} << 62; });
  expect("within the workspace", [](NetworkPlan& p) { p.tensors[2].offset_bytes = -1; });
  expect("expected -1", [](NetworkPlan& p) { p.tensors[0].offset_bytes = 0; });
  expect("expected -1", [](NetworkPlan& p) { p.tensors[3].offset_bytes = 0; });
  expect("shares its memory with", [](NetworkPlan& p) { p.tensors[5].offset_bytes = p.tensors[2].offset_bytes; });
  expect("shares its memory with",
         [](NetworkPlan& p) { p.tensors[2].offset_bytes = 64, p.tensors[5].offset_bytes = 0, p.tensor_bytes = 4096; });
}

TEST(NetworkRules, PartsOfOneBase) {
  NetworkBuilder b;
  const auto image = b.input("image", {4, 4, 3}), grown = b.tensor("grown", {4, 4, 9}),
             last = b.tensor("last", {4, 4, 2});
  const auto first = b.channels(grown, 0, 3), second = b.channels(grown, 3, 3), both = b.channels(grown, 0, 6),
             third = b.channels(grown, 6, 3);
  b.step("first", pointwise(4, 4, 3, 3), image, first);
  b.step("second", pointwise(4, 4, 3, 3), first, second);
  b.step("third", pointwise(4, 4, 6, 3), both, third);  // reads what two steps wrote, and writes beside it
  b.step("last", pointwise(4, 4, 9, 2), grown, last);
  b.output(last);
  detail::plan_memory(b.plan);
  validate(b.plan);
  NetworkPlan early = b.plan;
  std::swap(early.steps[1], early.steps[2]);
  EXPECT_NE(message_of([&] { validate(early); }).find("'grown/0' is read before it is written"), std::string::npos);
}

}  // namespace
}  // namespace sepconv::test
