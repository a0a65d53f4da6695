#include "runtime/core/network_graph.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/core/axis_activation.h"
#include "runtime/core/kernel_call.h"
#include "runtime/core/tensor_regions.h"
#include "runtime/core/text.h"
#include "sepconv/detail/kernel_arguments.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv::detail {
namespace {

/// @throws std::invalid_argument with the name of what is wrong before `why`.
[[noreturn]] void refuse(const char* what, const std::string& name, const std::string& why) {
  throw std::invalid_argument("network: " + std::string(what) + " " + quoted(name) + ": " + why);
}

/// Walks a network in the order in which it runs.
class GraphChecker {
 public:
  explicit GraphChecker(const NetworkPlan& network) : network_(network) {}

  void check() {
    check_counts();
    for (std::size_t i = 0; i < network_.tensors.size(); ++i) check_tensor(static_cast<std::int32_t>(i));
    written_.resize(network_.tensors.size());
    given_.resize(network_.tensors.size());
    check_inputs();
    for (const NetworkStep& step : network_.steps) {
      try {
        check_step(step);
      } catch (const std::invalid_argument& error) {
        refuse("step", step.layer, error.what());
      }
    }
    check_outputs();
  }

 private:
  const NetworkTensor& tensor(std::int32_t index) const {
    if (index < 0 || static_cast<std::size_t>(index) >= network_.tensors.size())
      throw std::invalid_argument("tensor " + std::to_string(index) + "; the network has " +
                                  std::to_string(network_.tensors.size()));
    return network_.tensor(index);
  }
  const Region& region(std::int32_t index) const { return regions_[static_cast<std::size_t>(index)]; }

  /// A tensor that the network lists as its input or output.
  const NetworkTensor& listed(const char* what, std::int32_t index) const {
    if (index < 0 || static_cast<std::size_t>(index) >= network_.tensors.size())
      refuse(what, std::to_string(index), "the network has " + std::to_string(network_.tensors.size()) + " tensors");
    return tensor(index);
  }

  void check_counts() const {
    const auto most = [](const char* what, std::size_t count) {
      if (count > kMaxNetworkItems)
        throw std::invalid_argument("network: " + std::to_string(count) + " " + what + "; expected at most " +
                                    std::to_string(kMaxNetworkItems));
    };
    most("tensors", network_.tensors.size());
    most("steps", network_.steps.size());
    if (network_.inputs.empty() || network_.outputs.empty())
      throw std::invalid_argument("network: has no " + std::string(network_.inputs.empty() ? "input" : "output"));
  }

  void check_tensor(std::int32_t index) {
    const NetworkTensor& t = tensor(index);
    if (!is_printable(t.name)) refuse("tensor", t.name, "a name that is empty or holds control characters");
    try {
      tensor_bytes(t);  // checks shape and images
      const NetworkTensor& base = tensor(t.base);
      const std::int64_t base_elements = image_elements(base);
      if (base.base != t.base) throw std::invalid_argument("its base is not a base itself");
      if (t.dtype != base.dtype) throw std::invalid_argument("its base has another data type");
      if (t.first < 0 || t.first >= base_elements)
        throw std::invalid_argument("first element " + std::to_string(t.first) + "; its base has " +
                                    std::to_string(base_elements));
      regions_.push_back(region_of(t));
      if (t.base == index && (t.first != 0 || !t.pitches.dense()))
        throw std::invalid_argument("a base that is not dense from its element 0 on");
      if (t.images == base.images) {
        if (region(index).end() > base_elements)
          throw std::invalid_argument("reaches beyond its base of " + std::to_string(base_elements) + " elements");
      } else if (!t.pitches.dense() || t.first != 0 || image_elements(t) * t.images != base_elements * base.images) {
        throw std::invalid_argument("a view with another number of images; expected all elements of its base");
      } else {
        regions_.back() = region_of(base);
      }
    } catch (const std::invalid_argument& error) {
      refuse("tensor", t.name, error.what());
    }
  }

  void check_inputs() {
    for (const std::int32_t input : network_.inputs) {
      const NetworkTensor& t = listed("input", input);
      check_rank(t);
      if (t.base != input) refuse("input", t.name, "lies in another tensor");
      if (given_[static_cast<std::size_t>(input)]) refuse("input", t.name, "is one twice");
      given_[static_cast<std::size_t>(input)] = true;
    }
  }

  void check_outputs() const {
    std::set<std::int32_t> bases;
    for (const std::int32_t output : network_.outputs) {
      const NetworkTensor& t = listed("output", output);
      check_rank(t);
      if (given_[static_cast<std::size_t>(t.base)]) refuse("output", t.name, "is an input too");
      if (!bases.insert(t.base).second) refuse("output", t.name, "shares its memory with another output");
      if (!region(output).contiguous() || region(output).elements() != region(t.base).elements())
        refuse("output", t.name, "is a part of another tensor");
      if (!is_written(output)) refuse("output", t.name, "is not written by any step");
    }
  }

  static void check_rank(const NetworkTensor& t) {
    if (t.shape.empty()) refuse("tensor", t.name, "a scalar; expected an axis of an input or output");
  }

  /// Compares a tensor with the images of a step.
  void check_images(const char* what, std::int32_t index, const NetworkStep& step, const Extents& e,
                    const Pitches& pitches) const {
    const NetworkTensor& t = tensor(index);
    const auto fail = [&](const std::string& why) {
      throw std::invalid_argument(std::string(what) + " " + quoted(t.name) + ": " + why);
    };
    if (t.dtype != step.problem.dtype)
      fail(std::string("data type ") + keras_name(t.dtype) + "; expected " + keras_name(step.problem.dtype));
    if (t.images != tensor(step.input).images)
      fail(std::to_string(t.images) + " images; expected " + std::to_string(tensor(step.input).images));
    if (image_elements(t) != std::int64_t{e.H} * e.W * e.C)
      fail("shape " + to_text(t.shape) + "; expected " + std::to_string(e.H) + "x" + std::to_string(e.W) + "x" +
           std::to_string(e.C) + " elements");
    if (t.pitches != pitches) fail("its pitches are not those of the problem");
    const Region& r = region(index);
    const bool exchanged = pitches.row < pitches.pixel;
    if (!pitches.dense() && (r.H != (exchanged ? e.W : e.H) || r.W != (exchanged ? e.H : e.W) || r.C != e.C))
      fail("shape " + to_text(t.shape) + "; expected that of the problem where there are pitches");
  }

  void check_step(const NetworkStep& step) {
    if (!is_printable(step.layer)) throw std::invalid_argument("a name that is empty or holds control characters");
    if (!layers_.insert(step.layer).second) throw std::invalid_argument("another step has this name");
    for (const std::string& name : step.absorbed)
      if (!is_printable(name)) throw std::invalid_argument("an absorbed layer without a printable name");
    validate(step.problem);
    if (step.problem.is_dynamic()) throw std::invalid_argument("dynamic extents; expected static ones in a network");
    const StepImages images = images_of(step.problem, tensor(step.output));
    check_images("input", step.input, step, images.in, step.problem.input_pitches);
    check_images("output", step.output, step, images.out, step.problem.output_pitches);
    if (!is_elementwise(activation_of(step.problem.stages.back().epilogue).kind) &&
        !step.problem.output_pitches.dense())
      throw std::invalid_argument("output pitches; expected none with an activation along an axis");
    const std::vector<Argument> operands = operands_of(step.problem);
    if (operands.size() > kMaxOperands)
      throw std::invalid_argument(std::to_string(operands.size()) + " operands; expected at most " +
                                  std::to_string(kMaxOperands));
    if (operands.size() != step.operands.size())
      throw std::invalid_argument(std::to_string(step.operands.size()) + " operands; expected " +
                                  std::to_string(operands.size()));
    read(step.input);
    const Extents out = step.problem.extents_after(step.problem.stages.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      check_images("operand", step.operands[i], step, operand_extents(out, operands[i].broadcast), {});
      read(step.operands[i]);
    }
    write(step.output);
  }

  bool is_written(std::int32_t index) const {
    const std::int32_t base = tensor(index).base;
    if (given_[static_cast<std::size_t>(base)]) return true;
    // Parts do not overlap: those inside of the region fill it, or all together fill the base.
    std::int64_t inside = 0, all = 0;
    for (const Region& part : written_[static_cast<std::size_t>(base)]) {
      if (contains(part, region(index))) return true;
      all += part.elements();
      if (contains(region(index), part)) inside += part.elements();
    }
    return inside == region(index).elements() || all == region(base).elements();
  }

  void read(std::int32_t index) const {
    if (!is_written(index)) throw std::invalid_argument(quoted(tensor(index).name) + " is read before it is written");
  }

  void write(std::int32_t index) {
    const auto base = static_cast<std::size_t>(tensor(index).base);
    if (given_[base]) throw std::invalid_argument("writes the network's input " + quoted(tensor(index).name));
    for (const Region& part : written_[base])
      if (may_overlap(part, region(index)))
        throw std::invalid_argument(quoted(tensor(index).name) + " is written twice");
    written_[base].push_back(region(index));
  }

  const NetworkPlan& network_;
  std::vector<Region> regions_;               // of each tensor
  std::vector<std::vector<Region>> written_;  // of each base
  std::vector<bool> given_;                   // the inputs
  std::set<std::string_view> layers_;
};

}  // namespace

StepImages images_of(const ConvProblem& problem, const NetworkTensor& output) {
  StepImages images{problem.extents_after(0), problem.extents_after(problem.stages.size()), false};
  images.rank3 = output.shape.size() == 2 && images.in.H == 1 && images.out.H == 1;
  const Activation activation = activation_of(problem.stages.back().epilogue);
  if (is_elementwise(activation.kind)) return images;
  const std::int64_t H = images.out.H, W = images.out.W, C = images.out.C;
  const bool nhwc = problem.layout == Layout::nhwc;
  Shape shape = nhwc ? Shape{kDynamic, H, W, C} : Shape{kDynamic, C, H, W};
  if (images.rank3) shape.erase(shape.begin() + (nhwc ? 1 : 2));
  if (activation.axis >= 0 || activation.axis <= -static_cast<std::int32_t>(shape.size()))
    throw std::invalid_argument("activation " + to_text(activation) + ": axis " + std::to_string(activation.axis) +
                                "; expected one of the axes after the batch");
  shape = axis_activation_shape(activation, shape);
  const std::size_t c_axis = nhwc ? shape.size() - 1 : 1, w_axis = nhwc ? shape.size() - 2 : shape.size() - 1;
  images.out.C = static_cast<std::int32_t>(shape[c_axis]);
  images.out.W = static_cast<std::int32_t>(shape[w_axis]);
  if (!images.rank3) images.out.H = static_cast<std::int32_t>(shape[w_axis - 1]);
  return images;
}

void validate_graph(const NetworkPlan& network) { GraphChecker(network).check(); }

std::vector<bool> caller_bases(const NetworkPlan& network) {
  std::vector<bool> caller(network.tensors.size());
  for (const std::int32_t input : network.inputs) caller[static_cast<std::size_t>(input)] = true;
  for (const std::int32_t output : network.outputs)
    caller[static_cast<std::size_t>(network.tensor(output).base)] = true;
  return caller;
}

}  // namespace sepconv::detail
