// oneDNN 3.x: a depthwise convolution, then a 1x1 convolution with bias and activation fused; weights are prepacked.
// Variants: "nhwc" and "nchw" keep that format; "any" lets oneDNN choose the format of every tensor, and the reorders
// of input and output are left out of its time. 1-D layers run with H = 1 ("as2d") and with three axes ("1d").

#include <cstring>
#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "bench/peers/adaptor.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using peers::Layer;

constexpr auto kFloat = memory::data_type::f32;

enum class Format { nhwc, nchw, any };

/// How the axes of a variant lie.
struct Axes {
  bool rank3;

  memory::dims with(memory::dims leading, const std::array<int, 2>& space) const {
    if (!rank3) leading.push_back(space[0]);
    leading.push_back(space[1]);
    return leading;
  }
  Tag plain(bool last) const { return rank3 ? (last ? Tag::nwc : Tag::ncw) : (last ? Tag::nhwc : Tag::nchw); }
};

class Net {
 public:
  Net(const dnnl::engine& engine, const dnnl::stream& stream, const Layer& layer, const peers::Data& data,
      Format format, bool rank3)
      : engine_(engine), stream_(stream), layer_(layer), axes_{rank3}, format_(format) {
    tag_ = format == Format::any ? Tag::any : axes_.plain(format == Format::nhwc);
    make_depthwise(data);
    if (layer.separable) make_pointwise(data);
    stream_.wait();
  }

  void run() {
    depthwise_.execute(stream_, depthwise_arguments_);
    if (layer_.separable) {
      if (between_) between_->execute(stream_, middle_, pointwise_input_);
      pointwise_.execute(stream_, pointwise_arguments_);
    }
    stream_.wait();
  }

  /// In the layer's data_format.
  std::vector<float> output() {
    const memory::dims dims = axes_.with({layer_.batch, layer_.filters}, layer_.out);
    memory plain({dims, kFloat, axes_.plain(layer_.channels_last)}, engine_);
    dnnl::reorder(output_, plain).execute(stream_, output_, plain);
    stream_.wait();
    const auto* values = static_cast<const float*>(plain.get_data_handle());
    return {values, values + layer_.output_elems()};
  }

  const std::string& implementation() const { return implementation_; }

 private:
  using Convolution = dnnl::convolution_forward;

  memory filled(const memory::desc& desc, const float* values) const {
    memory result(desc, engine_);
    std::memcpy(result.get_data_handle(), values, desc.get_size());
    return result;
  }

  memory reordered(const memory& source, const memory::desc& wanted) {
    if (source.get_desc() == wanted) return source;
    memory result(wanted, engine_);
    dnnl::reorder(source, result).execute(stream_, const_cast<memory&>(source), result);
    stream_.wait();
    return result;
  }

  /// What comes after the last convolution.
  dnnl::primitive_attr activation() const {
    dnnl::post_ops ops;
    if (layer_.activation == "relu") ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.f, 0.f);
    if (layer_.activation == "relu6") ops.append_eltwise(dnnl::algorithm::eltwise_clip, 0.f, 6.f);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(ops);
    return attributes;
  }

  struct Window {
    memory::dims stride, dilation, before, after;
  };

  Convolution::primitive_desc describe(const memory::desc& source, const memory::desc& weights,
                                       const memory::desc& result, const Window& w, bool final) const {
    const auto kind = dnnl::prop_kind::forward_inference;
    const auto algorithm = dnnl::algorithm::convolution_auto;
    const dnnl::primitive_attr attributes = final ? activation() : dnnl::primitive_attr();
    if (final && layer_.bias)
      return {engine_, kind,     algorithm,  source,   weights, memory::desc({layer_.filters}, kFloat, Tag::x),
              result,  w.stride, w.dilation, w.before, w.after, attributes};
    return {engine_, kind, algorithm, source, weights, result, w.stride, w.dilation, w.before, w.after, attributes};
  }

  void add_bias(const peers::Data& data, std::unordered_map<int, memory>& arguments) {
    if (layer_.bias)
      arguments[DNNL_ARG_BIAS] = filled(memory::desc({layer_.filters}, kFloat, Tag::x), data.bias.data());
  }

  void make_depthwise(const peers::Data& data) {
    const Layer& l = layer_;
    const memory::dims in = axes_.with({l.batch, l.channels}, l.in), out = axes_.with({l.batch, l.middle}, l.out);
    const memory::dims weights = axes_.with({l.channels, l.multiplier, 1}, l.kernel);
    // oneDNN counts dilation from 0; along an axis of one tap it means nothing.
    const std::array dilation = {l.kernel[0] == 1 ? 0 : l.dilation[0] - 1, l.dilation[1] - 1};
    const Window window = {axes_.with({}, l.stride), axes_.with({}, dilation), axes_.with({}, l.before),
                           axes_.with({}, l.after)};
    const auto primitive =
        describe({in, kFloat, tag_}, {weights, kFloat, Tag::any}, {out, kFloat, tag_}, window, !l.separable);
    implementation_ = primitive.impl_info_str();
    // (kh, kw, C, multiplier) -> (C * multiplier, kh, kw)
    const std::size_t taps = static_cast<std::size_t>(l.kernel[0] * l.kernel[1]);
    const auto middle = static_cast<std::size_t>(l.middle);
    std::vector<float> turned(middle * taps);
    for (std::size_t tap = 0; tap < taps; ++tap)
      for (std::size_t c = 0; c < middle; ++c) turned[c * taps + tap] = data.depthwise[tap * middle + c];
    const memory::desc plain_weights(weights, kFloat, axes_.rank3 ? Tag::goiw : Tag::goihw);
    const memory::desc plain_input(in, kFloat, axes_.plain(l.channels_last));
    middle_ = memory(primitive.dst_desc(), engine_);
    depthwise_ = Convolution(primitive);
    depthwise_arguments_ = {
        {DNNL_ARG_SRC, reordered(filled(plain_input, data.x.data()), primitive.src_desc())},
        {DNNL_ARG_WEIGHTS, reordered(filled(plain_weights, turned.data()), primitive.weights_desc())},
        {DNNL_ARG_DST, middle_}};
    if (!l.separable) add_bias(data, depthwise_arguments_);
    output_ = middle_;
  }

  /// The 1x1 convolution; it takes the depthwise result's format as it is, unless that costs the fast kernel.
  Convolution::primitive_desc describe_pointwise() const {
    const Layer& l = layer_;
    const std::array one = {1, 1}, none = {0, 0};
    const Window window = {axes_.with({}, one), axes_.with({}, none), axes_.with({}, none), axes_.with({}, none)};
    const memory::dims in = axes_.with({l.batch, l.middle}, l.out), out = axes_.with({l.batch, l.filters}, l.out);
    const memory::desc weights(axes_.with({l.filters, l.middle}, one), kFloat, Tag::any);
    if (format_ == Format::any) {
      try {
        const auto primitive = describe(middle_.get_desc(), weights, {out, kFloat, Tag::any}, window, true);
        const std::string name = primitive.impl_info_str();
        if (name.find("ref") == std::string::npos && name.find("gemm") != 0) return primitive;
      } catch (const dnnl::error&) {  // no kernel for that format: let oneDNN choose
      }
    }
    return describe({in, kFloat, tag_}, weights, {out, kFloat, tag_}, window, true);
  }

  void make_pointwise(const peers::Data& data) {
    const Layer& l = layer_;
    const auto primitive = describe_pointwise();
    implementation_ += std::string(" | ") + primitive.impl_info_str();
    const auto middle = static_cast<std::size_t>(l.middle), filters = static_cast<std::size_t>(l.filters);
    std::vector<float> turned(middle * filters);
    for (std::size_t c = 0; c < middle; ++c)
      for (std::size_t f = 0; f < filters; ++f) turned[f * middle + c] = data.pointwise[c * filters + f];
    const memory::desc plain_weights(axes_.with({l.filters, l.middle}, {1, 1}), kFloat,
                                     axes_.rank3 ? Tag::oiw : Tag::oihw);
    pointwise_input_ = middle_;
    if (middle_.get_desc() != primitive.src_desc()) {
      pointwise_input_ = memory(primitive.src_desc(), engine_);
      between_ = std::make_unique<dnnl::reorder>(middle_, pointwise_input_);
      implementation_ += " (reorder between)";
    }
    pointwise_ = Convolution(primitive);
    output_ = memory(primitive.dst_desc(), engine_);
    pointwise_arguments_ = {
        {DNNL_ARG_SRC, pointwise_input_},
        {DNNL_ARG_WEIGHTS, reordered(filled(plain_weights, turned.data()), primitive.weights_desc())},
        {DNNL_ARG_DST, output_}};
    add_bias(data, pointwise_arguments_);
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  Layer layer_;
  Axes axes_;
  Format format_;
  Tag tag_;
  memory middle_, pointwise_input_, output_;
  Convolution depthwise_, pointwise_;
  std::unique_ptr<dnnl::reorder> between_;
  std::unordered_map<int, memory> depthwise_arguments_, pointwise_arguments_;
  std::string implementation_;
};

const char* name_of(Format format) { return format == Format::any ? "any" : format == Format::nhwc ? "nhwc" : "nchw"; }

}  // namespace

int main(int argc, char** argv) {
  return peers::adaptor_main(argc, argv, PEER_NAME, [](int threads, std::string& version) -> peers::Build {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;  // the environment says it
#endif
    const dnnl_version_t* v = dnnl_version();
    version = std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const dnnl::stream stream(engine);
    return [engine, stream](const Layer& layer, const peers::Data& data) {
      std::vector<peers::Variant> variants;
      std::string failure;
      for (const bool rank3 : {false, true}) {
        if (rank3 && !layer.one) continue;
        for (const Format format : {Format::nhwc, Format::any, Format::nchw}) {
          if (format == Format::nchw && layer.channels_last) continue;
          try {
            auto net = std::make_shared<Net>(engine, stream, layer, data, format, rank3);
            const bool strict = format == (layer.channels_last ? Format::nhwc : Format::nchw);
            const std::string rank = layer.one ? (rank3 ? ",1d" : ",as2d") : "";
            variants.push_back({name_of(format) + rank, strict, [net] { net->run(); }, [net] { return net->output(); },
                                net->implementation()});
          } catch (const std::exception& error) {
            failure = error.what();
          }
        }
      }
      if (variants.empty()) throw std::runtime_error(failure);
      return variants;
    };
  });
}
