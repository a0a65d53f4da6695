#pragma once
// The adaptors' side of the protocol (README.md) for C++: layers, data, timing, answers. Header only.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace peers {

using Json = nlohmann::ordered_json;

/// A layer as 2-D, H = 1 for 1-D layers, with explicit pads. Pairs are H and W.
struct Layer {
  std::string name, activation;
  bool separable, channels_last, one, bias;
  int batch, channels, multiplier, middle, filters;
  std::array<int, 2> in, out, kernel, stride, dilation, before, after;

  explicit Layer(const Json& json)
      : name(json.at("name")),
        activation(json.at("activation")),
        separable(json.at("kind") == "separable"),
        channels_last(json.at("data_format") == "channels_last"),
        one(json.at("dims") == 1),
        bias(json.at("bias")),
        batch(json.at("batch")),
        channels(json.at("C")),
        multiplier(json.at("depth_multiplier")),
        middle(channels * multiplier),
        filters(separable ? json.at("F").get<int>() : middle) {
    const auto pair = [&](const char* key) -> std::array<int, 2> {
      return one ? std::array{1, json.at(key).at(0).get<int>()} : json.at(key).get<std::array<int, 2>>();
    };
    kernel = pair("kernel");
    stride = pair("stride");
    dilation = pair("dilation");
    in = one ? std::array{1, json.at("L").get<int>()} : std::array{json.at("H").get<int>(), json.at("W").get<int>()};
    for (std::size_t i = 0; i < 2; ++i) set_pads(i, json.at("padding"));
  }

  std::size_t input_elems() const { return elems(in, channels); }
  std::size_t output_elems() const { return elems(out, filters); }

 private:
  std::size_t elems(const std::array<int, 2>& extents, int depth) const {
    return static_cast<std::size_t>(batch) * static_cast<std::size_t>(extents[0]) *
           static_cast<std::size_t>(extents[1]) * static_cast<std::size_t>(depth);
  }

  /// Keras' rules: "same" puts the odd one at the end.
  void set_pads(std::size_t i, const std::string& padding) {
    const int window = (kernel[i] - 1) * dilation[i] + 1;
    before[i] = after[i] = 0;
    if (padding == "same") {
      out[i] = (in[i] + stride[i] - 1) / stride[i];
      const int total = std::max((out[i] - 1) * stride[i] + window - in[i], 0);
      before[i] = total / 2;
      after[i] = total - before[i];
    } else if (padding == "causal") {
      before[i] = window - 1;
      out[i] = (in[i] - 1) / stride[i] + 1;
    } else {
      out[i] = (in[i] - window) / stride[i] + 1;
    }
  }
};

/// x in the layer's data_format; depthwise (kh, kw, C, multiplier); pointwise (C * multiplier, F); bias (F).
struct Data {
  std::vector<float> x, depthwise, pointwise, bias;
};

/// Read from folder/NAME.{x,dw,pw,b}.bin, raw float32; pseudo-random without a folder.
inline Data make_data(const Layer& layer, const std::string& folder) {
  const auto make = [&](std::size_t count, const char* what) {
    std::vector<float> values(count);
    if (folder.empty()) {
      static std::minstd_rand random(1);
      for (float& value : values) value = static_cast<float>(random() % 10007) / 10007.f - 0.5f;
      return values;
    }
    const std::string path = folder + "/" + layer.name + "." + what + ".bin";
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(float))))
      throw std::runtime_error("cannot read " + path);
    return values;
  };
  const auto size = [](auto... extents) { return (static_cast<std::size_t>(extents) * ...); };
  Data data;
  data.x = make(layer.input_elems(), "x");
  data.depthwise = make(size(layer.kernel[0], layer.kernel[1], layer.middle), "dw");
  if (layer.separable) data.pointwise = make(size(layer.middle, layer.filters), "pw");
  if (layer.bias) data.bias = make(size(layer.filters), "b");
  return data;
}

/// One way to run a layer.
struct Variant {
  std::string name;
  bool strict;                              // input and output lie as the layer's data_format says
  std::function<void()> run;                // one call, done when it returns
  std::function<std::vector<float>()> out;  // its result, dense, in the layer's data_format
  std::string note;
};

/// The ways to run a layer. @throws std::exception when there is none.
using Build = std::function<std::vector<Variant>(const Layer&, const Data&)>;

struct Timing {
  double median_ms, min_ms;
  long runs;
};

/// Warm-up, then samples of one call, or of as many as take 20 us, until `seconds` and 5 samples.
inline Timing measure(const std::function<void()>& call, double seconds) {
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  call();
  const double start = now(), warm_up = std::min(0.03, seconds / 3);
  int count = 0;
  while (count < 2 || (now() - start < warm_up && count < 20000)) {
    call();
    ++count;
  }
  const int repeats = std::max(1, static_cast<int>(std::ceil(20e-6 * count / (now() - start))));
  std::vector<double> samples;
  for (double total = 0; total < seconds || samples.size() < 5;) {
    const double begin = now();
    for (int i = 0; i < repeats; ++i) call();
    const double sample = now() - begin;
    total += sample;
    samples.push_back(sample / repeats);
  }
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2] * 1e3, samples[0] * 1e3, static_cast<long>(samples.size()) * repeats};
}

/// What the program was asked to do.
struct Options {
  std::string suite, only, io_dir;
  int threads = 1;
  double seconds = 0.15;
  bool serve = false;

  Options(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const auto value = [&]() -> std::string {
        if (++i >= argc) throw std::invalid_argument(word + " needs a value");
        return argv[i];
      };
      if (word == "--suite")
        suite = value();
      else if (word == "--threads")
        threads = std::stoi(value());
      else if (word == "--only")
        only = value();
      else if (word == "--seconds")
        seconds = std::stod(value());
      else if (word == "--io-dir")
        io_dir = value();
      else if (word == "--serve")
        serve = true;
      else
        throw std::invalid_argument("unknown argument " + word);
    }
  }
};

/// Answers for layers by name; the layer asked for last stays ready.
class Adaptor {
 public:
  /// setup(threads, version) makes the Build.
  Adaptor(std::string peer, Options options, const std::function<Build(int, std::string&)>& setup)
      : peer_(std::move(peer)), options_(std::move(options)) {
    std::ifstream file(options_.suite);
    if (!file) throw std::invalid_argument("cannot read the suite " + options_.suite);
    const Json suite = Json::parse(file);
    for (const Json& layer : suite.at("layers")) layers_.emplace_back(layer);
    build_ = setup(options_.threads, version_);
  }

  void serve() {
    if (options_.serve) {
      for (std::string name; std::getline(std::cin, name);)
        if (!name.empty()) std::cout << answer(name) << std::endl;
      return;
    }
    const std::regex pattern(options_.only);
    for (const Layer& layer : layers_)
      if (std::regex_search(layer.name, pattern)) std::cout << answer(layer.name) << std::endl;
  }

 private:
  static constexpr double kKeepWithin = 1.2;  // variants this much slower than the best are not timed again

  std::string answer(const std::string& name) {
    try {
      prepare(name);
      Json line = {{"peer", peer_}, {"version", version_}, {"name", name}};
      line.update(options_.io_dir.empty() ? times() : files());
      return line.dump();
    } catch (const std::exception& error) {
      current_ = nullptr;
      return Json{{"peer", peer_}, {"name", name}, {"error", error.what()}}.dump();
    }
  }

  void prepare(const std::string& name) {
    if (current_ && current_->name == name) return;
    const auto found = std::find_if(layers_.begin(), layers_.end(), [&](const Layer& l) { return l.name == name; });
    if (found == layers_.end()) throw std::invalid_argument("no such layer");
    current_ = nullptr;
    variants_.clear();
    kept_.clear();
    data_ = make_data(*found, options_.io_dir);
    variants_ = build_(*found, data_);
    current_ = &*found;
  }

  Json files() {
    Json written = Json::object();
    for (const Variant& variant : variants_) {
      variant.run();
      const std::vector<float> y = variant.out();
      const std::string path = options_.io_dir + "/" + current_->name + "." + peer_ + "." + variant.name + ".y.bin";
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(y.data()), static_cast<std::streamsize>(y.size() * sizeof(float)));
      if (!file) throw std::runtime_error("cannot write " + path);
      written[variant.name] = path;
    }
    return {{"files", written}};
  }

  Json times() {
    std::map<const Variant*, Timing> timed;
    const Variant *best = nullptr, *strict = nullptr;
    for (const Variant& variant : variants_) {
      if (!kept_.empty() && std::find(kept_.begin(), kept_.end(), &variant) == kept_.end()) continue;
      timed[&variant] = measure(variant.run, options_.seconds);
      const auto faster = [&](const Variant* than) {
        return than == nullptr || timed[&variant].median_ms < timed[than].median_ms;
      };
      if (faster(best)) best = &variant;
      if (variant.strict && faster(strict)) strict = &variant;
    }
    if (kept_.empty())
      for (const auto& [variant, timing] : timed)
        if (variant == strict || timing.median_ms < kKeepWithin * timed[best].median_ms) kept_.push_back(variant);
    Json line = {{"ms_median", timed[best].median_ms},
                 {"ms_min", timed[best].min_ms},
                 {"runs", timed[best].runs},
                 {"note", best->note},
                 {"variant", best->name},
                 {"strict", best->strict}};
    for (const auto& [variant, timing] : timed) line["variants"][variant->name] = timing.median_ms;
    if (strict != nullptr) {
      line["ms_median_strict"] = timed[strict].median_ms;
      line["ms_min_strict"] = timed[strict].min_ms;
      line["variant_strict"] = strict->name;
    }
    return line;
  }

  std::string peer_, version_;
  Options options_;
  std::vector<Layer> layers_;
  Build build_;
  const Layer* current_ = nullptr;
  Data data_;
  std::vector<Variant> variants_;
  std::vector<const Variant*> kept_;
};

/// main() of an adaptor.
inline int adaptor_main(int argc, char** argv, const std::string& peer,
                        const std::function<Build(int, std::string&)>& setup) {
  try {
    Adaptor(peer, Options(argc, argv), setup).serve();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << peer << ": " << error.what() << '\n';
    return 2;
  }
}

}  // namespace peers
