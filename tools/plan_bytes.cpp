#include "tools/plan_bytes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "runtime/core/network_graph.h"
#include "sepconv/detail/padding.h"

namespace sepconv::tools {
namespace {

class Writer {
 public:
  explicit Writer(std::FILE* file) : file_(file) {}

  void field(const std::string& text) {
    number<std::uint64_t>(text.size());
    std::fwrite(text.data(), 1, text.size(), file_);
  }
  template <class T>
  std::enable_if_t<std::is_arithmetic_v<T>> field(const T& value) {
    number(value);
  }
  void field(const ConvProblem& problem) { field(to_text(problem)); }
  void field(const NetworkPlan& network) { field(to_text(network)); }
  template <class T>
  void field(const std::optional<T>& value) {
    field(value.has_value());
    if (value) field(*value);
  }
  void field(const WeightArray& array) {
    field(array.is_double());
    array.is_double() ? numbers(array.to_doubles()) : numbers(array.to_floats());
  }
  template <class T, std::size_t N>
  void field(const std::array<T, N>& values) {
    for (const T& value : values) field(value);
  }
  template <class T>
  void field(const std::vector<T>& values) {
    number<std::uint64_t>(values.size());
    for (const T& value : values) field(value);
  }
  template <class T>
  std::enable_if_t<std::is_class_v<T>> field(const T& value);

 private:
  template <class T>
  void number(T value) {
    std::fwrite(&value, sizeof value, 1, file_);
  }
  template <class T>
  void numbers(const std::vector<T>& values) {
    number<std::uint64_t>(values.size());
    if (!values.empty()) std::fwrite(values.data(), sizeof(T), values.size(), file_);  // data() may be null
  }

  std::FILE* file_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return bytes_.empty(); }

  void field(std::string& text) {
    const std::size_t size = count(1);
    text.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  template <class T>
  std::enable_if_t<std::is_arithmetic_v<T>> field(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = number<std::uint8_t>() != 0;
    else
      value = number<T>();
  }
  void field(ConvProblem& problem) {
    std::string text;
    field(text);
    problem = problem_from_text(text);
  }
  void field(NetworkPlan& network) {
    std::string text;
    field(text);
    network = network_from_text(text);
  }
  template <class T>
  void field(std::optional<T>& value) {
    bool there = false;
    field(there);
    if (there) field(value.emplace());
  }
  void field(WeightArray& array) {
    bool is_double = false;
    field(is_double);
    array = is_double ? WeightArray(numbers<double>()) : WeightArray(numbers<float>());
  }
  template <class T, std::size_t N>
  void field(std::array<T, N>& values) {
    for (T& value : values) field(value);
  }
  template <class T>
  void field(std::vector<T>& values) {
    constexpr std::size_t kLeast = 8;  // each element begins with a count
    const std::size_t size = count(kLeast);
    for (std::size_t i = 0; i < size; ++i) field(values.emplace_back());
  }
  template <class T>
  std::enable_if_t<std::is_class_v<T>> field(T& value);

 private:
  template <class T>
  T number() {
    if (bytes_.size() < sizeof(T)) throw std::invalid_argument("a plan that ends early");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  /// How many elements follow, of at least `least` bytes each.
  std::size_t count(std::size_t least) {
    const auto count = number<std::uint64_t>();
    if (count > bytes_.size() / least) throw std::invalid_argument("a plan that ends early");
    return count;
  }
  template <class T>
  std::vector<T> numbers() {
    std::vector<T> values(count(sizeof(T)));
    if (!values.empty()) std::memcpy(values.data(), bytes_.data(), values.size() * sizeof(T));
    bytes_.remove_prefix(values.size() * sizeof(T));
    return values;
  }

  std::string_view bytes_;
};

/// The fields of the plan's structs; a new field does not compile until it is added here.
template <class Stream, class T>
void fields(Stream& stream, T& value) {
  using Struct = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Struct, ConvWeights>) {
    auto& [arrays] = value;
    stream.field(arrays);
  } else if constexpr (std::is_same_v<Struct, PlannedLayer>) {
    auto& [name, absorbed, problem, weights, has_weights, padding, zero_padding, batch] = value;
    stream.field(name), stream.field(absorbed), stream.field(problem), stream.field(weights);
    stream.field(has_weights), stream.field(padding), stream.field(zero_padding), stream.field(batch);
  } else if constexpr (std::is_same_v<Struct, SkippedLayer>) {
    auto& [name, class_name, reason] = value;
    stream.field(name), stream.field(class_name), stream.field(reason);
  } else if constexpr (std::is_same_v<Struct, PlannedNetwork>) {
    auto& [plan, layers] = value;
    stream.field(plan), stream.field(layers);
  } else {
    auto& [layers, skipped, network, why_no_network] = value;
    stream.field(layers), stream.field(skipped), stream.field(network), stream.field(why_no_network);
  }
}

void check_layers(const std::vector<PlannedLayer>& layers) {
  for (const PlannedLayer& layer : layers) {
    if (layer.has_weights) validate(layer.weights, layer.problem);
    if (!padding_from_text(layer.padding)) throw std::invalid_argument("a plan with an unknown padding");
  }
}

/// Each step has its layer, and there are no others. The network's own rules have been checked.
void check_network(const PlannedNetwork& network) {
  check_layers(network.layers);
  // The names of steps differ: as many layers have other names too.
  if (network.layers.size() != network.plan.steps.size() ||
      detail::step_without_layer(network.plan, network.layers) != nullptr)
    throw std::invalid_argument("a plan whose network has other steps than layers");
}

template <class T>
std::enable_if_t<std::is_class_v<T>> Writer::field(const T& value) {
  fields(*this, value);
}
template <class T>
std::enable_if_t<std::is_class_v<T>> Reader::field(T& value) {
  fields(*this, value);
}

}  // namespace

void write_plan(const Plan& plan, std::FILE* file) { Writer(file).field(plan); }

Plan plan_from_bytes(std::string_view bytes) {
  Reader reader(bytes);
  Plan plan;
  reader.field(plan);
  if (!reader.at_end()) throw std::invalid_argument("a plan with extra bytes after it");
  check_layers(plan.layers);
  if (plan.network) check_network(*plan.network);
  return plan;
}

}  // namespace sepconv::tools
