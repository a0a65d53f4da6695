#include "bench_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "layer_run.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::json;

constexpr std::array kFields = {
    "name",   "group",    "kind",    "dims",        "batch",      "H",     "W",
    "L",      "C",        "F",       "kernel",      "stride",     "dtype", "depth_multiplier",
    "source", "dilation", "padding", "data_format", "activation", "bias"};

/// One layer's fields; complaints name the layer.
class Fields {
 public:
  Fields(const Json& layer, std::string where) : layer_(layer), where_(std::move(where)) {
    if (!layer.is_object()) throw std::invalid_argument(where_ + ": expected an object, received " + layer.dump());
    for (const auto& [key, value] : layer.items())
      if (std::find(kFields.begin(), kFields.end(), key) == kFields.end())
        throw std::invalid_argument(fmt::format("{}: unknown field '{}'", where_, key));
  }

  void named(const std::string& name) { where_ += " '" + name + "'"; }

  std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) wrong(key, value, "a text");
    return value.get<std::string>();
  }

  std::string one_of(const char* key, const std::vector<std::string>& allowed) const {
    const std::string value = text(key);
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
    std::string known;
    for (const std::string& word : allowed) known += (known.empty() ? "" : ", ") + word;
    wrong(key, at(key), "one of " + known);
  }

  std::int32_t count(const char* key) const { return count(key, at(key)); }

  bool flag(const char* key) const {
    const Json& value = at(key);
    if (!value.is_boolean()) wrong(key, value, "true or false");
    return value.get<bool>();
  }

  /// One value for each axis; {1, value} for 1-D layers.
  std::array<std::int32_t, 2> axes(const char* key, std::size_t dims) const {
    const Json& value = at(key);
    if (!value.is_array() || value.size() != dims) wrong(key, value, fmt::format("a list of {}", dims));
    return {dims == 1 ? 1 : count(key, value[0]), count(key, value[dims - 1])};
  }

  [[noreturn]] void wrong(const char* key, const Json& value, const std::string& expected) const {
    throw std::invalid_argument(fmt::format("{}: {}: expected {}, received {}", where_, key, expected,
                                            value.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }

  const std::string& where() const { return where_; }

 private:
  const Json& at(const char* key) const {
    const auto found = layer_.find(key);
    if (found == layer_.end()) throw std::invalid_argument(fmt::format("{}: no field '{}'", where_, key));
    return *found;
  }

  std::int32_t count(const char* key, const Json& value) const {
    if (!value.is_number_integer() || value < 1 || value > std::numeric_limits<std::int32_t>::max())
      wrong(key, value, "a whole number from 1");
    return value.get<std::int32_t>();
  }

  const Json& layer_;
  std::string where_;
};

BenchLayer read_layer(const Json& json, const std::string& where) {
  Fields fields(json, where);
  BenchLayer layer;
  layer.name = fields.text("name");
  fields.named(layer.name);
  // Names are parts of file names and lines of their own.
  if (layer.name.find_first_of("/\n") != std::string::npos) fields.wrong("name", layer.name, "no '/' and one line");
  const bool separable = fields.one_of("kind", {"separable", "depthwise"}) == "separable";
  const std::int32_t dims = fields.count("dims");
  if (dims > 2) fields.wrong("dims", dims, "1 or 2");
  fields.one_of("dtype", {"float32"});
  layer.batch = fields.count("batch");

  ConvProblem& p = layer.problem;
  p.op = separable ? ConvOp::separable : ConvOp::depthwise;
  p.layout = fields.one_of("data_format", {"channels_last", "channels_first"}) == "channels_last" ? Layout::nhwc
                                                                                                  : Layout::nchw;
  p.IC = fields.count("C");
  p.depth_multiplier = fields.count("depth_multiplier");
  p.OC = separable ? fields.count("F") : p.middle_channels();
  const auto axes = [&](const char* key, std::int32_t& h, std::int32_t& w) {
    const auto values = fields.axes(key, static_cast<std::size_t>(dims));
    h = values[0];
    w = values[1];
  };
  axes("kernel", p.KH, p.KW);
  axes("stride", p.stride_h, p.stride_w);
  axes("dilation", p.dilation_h, p.dilation_w);
  p.output.bias = fields.flag("bias");
  p.output.activation = activation_from_text(
      fields.one_of("activation", {"none", "relu", "relu6"}) == "none" ? "linear" : fields.text("activation"));
  const std::vector<std::string> paddings = {"valid", "same", "causal"};
  const std::string padding =
      fields.one_of("padding", {paddings.begin(), dims == 1 ? paddings.end() : paddings.end() - 1});
  const std::int32_t H = dims == 1 ? 1 : fields.count("H"), W = fields.count(dims == 1 ? "L" : "W");
  p.IH = dims == 1 ? 1 : kDynamic;
  p.IW = kDynamic;
  try {
    p = with_extents(p, H, W, padding);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fields.where() + ": " + error.what());
  }
  return layer;
}

}  // namespace

std::vector<BenchLayer> read_bench_suite(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::invalid_argument(path.string() + ": cannot read the suite");
  const Json suite = Json::parse(file, nullptr, false);
  if (!suite.is_object() || !suite.contains("layers") || !suite["layers"].is_array())
    throw std::invalid_argument(path.string() + ": expected a JSON object with a list 'layers'");
  std::vector<BenchLayer> layers;
  std::set<std::string> names;
  for (const Json& json : suite["layers"]) {
    layers.push_back(read_layer(json, fmt::format("{}: layer {}", path.string(), layers.size() + 1)));
    if (!names.insert(layers.back().name).second)
      throw std::invalid_argument(fmt::format("{}: two layers are called '{}'", path.string(), layers.back().name));
  }
  if (layers.empty()) throw std::invalid_argument(path.string() + ": the suite has no layer");
  return layers;
}

}  // namespace sepconv::tools
