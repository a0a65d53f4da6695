#include "sepconv/layer.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "runtime/core/axis_activation.h"
#include "runtime/core/bind_call.h"
#include "runtime/core/call_images.h"
#include "runtime/core/fork_guard.h"
#include "runtime/core/kernel_call.h"
#include "runtime/core/kernel_choice.h"
#include "runtime/core/shared_weights.h"
#include "runtime/core/view_checks.h"
#include "sepconv/executor.h"

namespace sepconv {
namespace {

using detail::Images;
using detail::KernelCall;
using detail::PreparedKernel;
using detail::reachable_batch;
using detail::SharedWeights;
using detail::slice_batch;

/// The images of a call, and the pads before H and W.
struct CallImages {
  Images in, made, out;              // `made` is what the kernel writes: `out`, unless glu halves it
  const Images* operands = nullptr;  // as many as the kernel has
  std::int32_t pads[2];
};

Executor& executor_of(const RunContext& context) {
  return context.executor == nullptr ? process_pool() : *context.executor;
}

/// The extent of an axis, counted from the innermost in memory, which is -1, of images seen with that rank; nullptr
/// where there is none. Rank 3 leaves out H.
std::int64_t* extent_along(Images& images, Layout layout, int rank, std::int32_t axis) noexcept {
  std::int64_t* const nhwc[] = {&images.C, &images.W, &images.H};
  std::int64_t* const nchw[] = {&images.W, rank == 3 ? &images.C : &images.H, &images.C};
  if (axis >= 0 || axis <= -rank) return nullptr;
  return layout == Layout::nhwc ? nhwc[-1 - axis] : nchw[-1 - axis];
}

/// Images, dense but for their batch pitch, as a tensor of that rank.
TensorView view_of(Images images, const ConvProblem& problem, int rank) noexcept {
  TensorView view;
  view.data = const_cast<void*>(images.data);
  view.dtype = problem.dtype;
  view.rank = rank;
  std::int64_t pitch = 1;
  for (std::int32_t axis = -1; axis > -rank; --axis) {
    view.extents[rank + axis] = *extent_along(images, problem.layout, rank, axis);
    view.pitches[rank + axis] = pitch;
    pitch *= view.extents[rank + axis];
  }
  view.extents[0] = images.batch;
  view.pitches[0] = images.batch == 1 ? pitch : images.batch_pitch;
  return view;
}

/// The shape of a kernel's output in memory order, without H for a 1-D problem.
Shape kernel_output_shape(const ConvProblem& p) {
  const std::int64_t H = p.OH(), W = p.OW(), C = p.OC();
  if (p.IH == 1 && H == 1) return p.layout == Layout::nhwc ? Shape{kDynamic, W, C} : Shape{kDynamic, C, W};
  return p.layout == Layout::nhwc ? Shape{kDynamic, H, W, C} : Shape{kDynamic, C, H, W};
}

/// @throws std::invalid_argument for an activation along an axis that the output lacks, or that glu cannot halve.
void check_activation_axis(const ConvProblem& problem) {
  const Activation& activation = activation_of(problem.stages.back().epilogue);
  if (is_elementwise(activation.kind)) return;
  const Shape shape = kernel_output_shape(problem);
  if (activation.axis == -static_cast<std::int32_t>(shape.size()))
    throw std::invalid_argument("activation " + to_text(activation) + ": axis " + std::to_string(activation.axis) +
                                " is that of the batch; expected one of the axes after it, of the output shape " +
                                to_text(shape));
  axis_activation_shape(activation, shape);
}

bool same_weights(const ConvProblem& a, const ConvProblem& b) {
  const std::vector<Argument> left = weights_of(a), right = weights_of(b);
  const auto same = [](const Argument& x, const Argument& y) {
    return x.kind == y.kind && x.stage == y.stage && x.shape == y.shape && x.packing == y.packing && x.step == y.step;
  };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
}

}  // namespace

/// The operands of a call, and the memory for them as images.
struct ConvLayer::CallOperands {
  const ConstTensorView* views = nullptr;
  std::size_t count = 0;
  Images* images = nullptr;
};

struct ConvLayer::State {
  State(std::string name_in, ConvProblem problem_in, std::shared_ptr<SharedWeights> weights_in, std::string forced_in)
      : name(std::move(name_in)),
        problem(std::move(problem_in)),
        weights(std::move(weights_in)),
        forced(std::move(forced_in)),
        OH(problem.OH()),
        OW(problem.OW()),
        OC(problem.OC()),
        rank3(problem.IH == 1 && OH == 1),
        activation(activation_of(problem.stages.back().epilogue)),
        elementwise(is_elementwise(activation.kind)),
        operand_count(operands_of(problem).size()) {}

  /// The kernel, chosen now if it has not been; nullptr if none serves.
  const PreparedKernel* prepare() const {
    if (const PreparedKernel* ready = prepared.load(std::memory_order_acquire)) return ready;
    const detail::ForkSafeLock lock(mutex);
    if (const PreparedKernel* ready = prepared.load(std::memory_order_acquire)) return ready;
    const std::optional<RegisteredKernel> best = detail::best_kernel(problem, forced);
    if (!best) return nullptr;
    owner = std::make_unique<PreparedKernel>(*best->kernel, best->problem, weights->pack(problem, *best->kernel));
    prepared.store(owner.get(), std::memory_order_release);
    return owner.get();
  }

  std::string no_kernel_text() const {
    return detail::no_kernel_text(name, problem, detail::choose_kernel(problem, forced));
  }

  bool check_extents(const ConstTensorView& in_view, const Images& in, const ConstTensorView& out_view,
                     const Images& out, std::int32_t (&pads)[2], Status& status) const noexcept;
  bool find_kernel_output(const ConstTensorView& out_view, const Images& out, Images& made,
                          Status& status) const noexcept;
  Status read_call(const ConstTensorView& in, const CallOperands& views, const ConstTensorView& out,
                   CallImages& call) const noexcept;
  Status call(const PreparedKernel& kernel, Executor& executor, const Workspace& workspace, const CallImages& images,
              int rank) const noexcept;

  bool halves() const noexcept { return activation.kind == ActivationKind::glu; }
  /// Bytes of an image that the kernel makes and glu halves; 0 where the kernel writes to the output itself.
  std::size_t halved_bytes(const Images& made) const noexcept {
    return halves() ? detail::arena_bytes(static_cast<std::uint64_t>(made.image_elements() * made.element_bytes)) : 0;
  }

  const std::string name;
  const ConvProblem problem;
  const std::shared_ptr<SharedWeights> weights;
  const std::string forced;
  const std::int32_t OH, OW, OC;
  const bool rank3;  // views may leave out H
  const Activation activation;
  const bool elementwise;  // the kernel computes the activation
  const std::size_t operand_count;
  mutable std::mutex mutex;
  mutable std::atomic<const PreparedKernel*> prepared{nullptr};
  mutable std::unique_ptr<PreparedKernel> owner;  // guarded by mutex until `prepared` is set
};

/// Compares the extents with the problem's, and finds the pads before H and W.
bool ConvLayer::State::check_extents(const ConstTensorView& in_view, const Images& in, const ConstTensorView& out_view,
                                     const Images& out, std::int32_t (&pads)[2], Status& status) const noexcept {
  const ConvProblem& p = problem;
  const Window& w = p.stages[0].window;
  if (in.C != p.IC || (!p.dynamic_h() && in.H != p.IH) || (!p.dynamic_w() && in.W != p.IW)) {
    status = Status::error(StatusCode::invalid_shape,
                           "layer '%s': the input has shape %s; expected H = %d, W = %d, C = %d (-1: any) in %s order",
                           name.c_str(), detail::ShapeText(in_view).text, p.IH, p.IW, p.IC, to_text(p.layout));
    return false;
  }
  detail::AxisPadding along_h{w.pad_top, out.H == OH}, along_w{w.pad_left, out.W == OW};
  if (p.dynamic_h()) along_h = detail::dynamic_padding(in.H, out.H, w.KH_eff(), w.stride_h);
  if (p.dynamic_w()) along_w = detail::dynamic_padding(in.W, out.W, w.KW_eff(), w.stride_w);
  if (!along_h.fits || !along_w.fits || out.C != OC || out.batch != in.batch) {
    status = Status::error(StatusCode::invalid_shape,
                           "layer '%s': the output has shape %s; expected N = %lld, H = %d, W = %d, C = %d (-1: what "
                           "valid or same padding gives) in %s order%s for an input of shape %s",
                           name.c_str(), detail::ShapeText(out_view).text, static_cast<long long>(in.batch), OH, OW, OC,
                           to_text(p.layout), halves() ? ", then halved by glu," : "", detail::ShapeText(in_view).text);
    return false;
  }
  pads[0] = static_cast<std::int32_t>(along_h.before);
  pads[1] = static_cast<std::int32_t>(along_w.before);
  return true;
}

/// The images that the kernel writes: the output, or without memory as yet those that glu halves.
bool ConvLayer::State::find_kernel_output(const ConstTensorView& out_view, const Images& out, Images& made,
                                          Status& status) const noexcept {
  made = out;
  if (elementwise) return true;
  std::int64_t* const extent = extent_along(made, problem.layout, out_view.rank, activation.axis);
  if (extent == nullptr) {
    status =
        Status::error(StatusCode::invalid_shape, "layer '%s': the output has rank %d; its activation needs axis %d",
                      name.c_str(), out_view.rank, activation.axis);
    return false;
  }
  if (!halves()) return true;
  *extent *= 2;
  made.data = nullptr;
  made.batch_pitch = made.image_elements();
  if (made.batch_pitch <= std::numeric_limits<std::int32_t>::max()) return true;
  status = Status::error(StatusCode::invalid_shape,
                         "layer '%s': the output has shape %s; expected at most 2^31 - 1 elements per image before glu",
                         name.c_str(), detail::ShapeText(out_view).text);
  return false;
}

/// Everything has been checked but the workspace. The kernel writes `made`, which is `out` unless glu halves it.
/// @param rank  of the views
Status ConvLayer::State::call(const PreparedKernel& kernel, Executor& executor, const Workspace& workspace,
                              const CallImages& images, int rank) const noexcept {
  const auto& [in, made, out, operands, pads] = images;
  const int concurrency = executor.concurrency();
  if (concurrency < 1)
    return Status::error(StatusCode::kernel_failed,
                         "layer '%s': the executor's concurrency() is %d; expected at least 1", name.c_str(),
                         concurrency);
  const std::size_t wanted = kernel.workspace_bytes(concurrency, halved_bytes(made));
  void* memory = workspace.data;
  if (wanted != 0 && memory == nullptr) {
    memory = ::operator new (wanted, std::align_val_t{kBufferAlignment}, std::nothrow);
    if (memory == nullptr)
      return Status::error(StatusCode::workspace_too_small, "layer '%s': cannot allocate a workspace of %zu bytes",
                           name.c_str(), wanted);
  } else if (wanted > workspace.bytes) {
    return Status::error(StatusCode::workspace_too_small,
                         "layer '%s': the workspace has %zu bytes; expected %zu (workspace_bytes())", name.c_str(),
                         workspace.bytes, wanted);
  }
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t aligned = (address + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  auto* start = static_cast<std::byte*>(memory) + (aligned - address);

  int result = 0;
  std::int64_t chunk = halves() ? 1 : std::min(reachable_batch(in), reachable_batch(made));
  for (std::size_t i = 0; i < operand_count; ++i) chunk = std::min(chunk, reachable_batch(operands[i]));
  for (std::int64_t begin = 0; begin < in.batch && result == 0; begin += chunk) {
    const std::int64_t count = std::min(chunk, in.batch - begin);
    Images written = slice_batch(made, halves() ? 0 : begin, count);
    if (halves()) written.data = start;
    detail::OperandImages parts;
    for (std::size_t i = 0; i < operand_count; ++i) parts.list[i] = slice_batch(operands[i], begin, count);
    KernelCall kernel_call(kernel, slice_batch(in, begin, count), parts.list.data(), written, pads, executor,
                           start + halved_bytes(made));
    result = kernel_call.run();
    if (result == 0 && !elementwise) {
      apply_axis_activation(activation, view_of(written, problem, rank),
                            view_of(slice_batch(out, begin, count), problem, rank));
    }
  }
  if (wanted != 0 && workspace.data == nullptr) ::operator delete (memory, std::align_val_t{kBufferAlignment});
  if (result == detail::CallContext::kBadWorker)
    return Status::error(StatusCode::kernel_failed,
                         "layer '%s': the executor passed a worker index outside 0 to concurrency() - 1", name.c_str());
  if (result != 0)
    return Status::error(StatusCode::kernel_failed, "layer '%s': kernel %s returned error %d", name.c_str(),
                         kernel.kernel().symbol, result);
  return {};
}

ConvLayer::ConvLayer(std::string name, ConvProblem problem, ConvWeights weights) {
  validate(problem);
  validate(weights, problem);
  check_activation_axis(problem);
  state_ = std::make_shared<const State>(std::move(name), std::move(problem),
                                         std::make_shared<SharedWeights>(std::move(weights)), std::string());
}

ConvLayer::ConvLayer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

const std::string& ConvLayer::name() const noexcept { return state_->name; }
const ConvProblem& ConvLayer::problem() const noexcept { return state_->problem; }
const ConvWeights& ConvLayer::weights() const noexcept { return state_->weights->unpacked; }

/// Reads and compares the views of a call.
Status ConvLayer::State::read_call(const ConstTensorView& in, const CallOperands& views, const ConstTensorView& out,
                                   CallImages& call) const noexcept {
  const char* const what = name.c_str();
  Status status;
  if (views.count != operand_count)
    return Status::error(StatusCode::invalid_shape, "layer '%s': called with %zu operands; expected %zu", what,
                         views.count, operand_count);
  call.in.row_pitch = problem.input_pitches.row, call.in.pixel_pitch = problem.input_pitches.pixel;
  call.out.row_pitch = problem.output_pitches.row, call.out.pixel_pitch = problem.output_pitches.pixel;
  if (!detail::read_images(what, "input", in, problem, rank3, call.in, status) ||
      !detail::read_images(what, "output", out, problem, rank3, call.out, status) ||
      !find_kernel_output(out, call.out, call.made, status) ||
      !check_extents(in, call.in, out, call.made, call.pads, status))
    return status;
  if (call.in.batch == 0) return status;
  if (!detail::check_memory(what, "input", in, call.in, false, status) ||
      !detail::check_memory(what, "output", out, call.out, true, status))
    return status;
  if (detail::images_overlap(call.in, call.out))
    return Status::error(StatusCode::invalid_layout, "layer '%s': the input and the output overlap", what);
  if (operand_count != 0 && !detail::read_operands(what, problem, rank3, views.views, call.made, views.images, status))
    return status;
  call.operands = views.images;
  return status;
}

Status ConvLayer::run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept {
  return run_views(context, in, {}, out);
}

Status ConvLayer::run(const RunContext& context, const ConstTensorView& in, const ConstTensorView* operands,
                      std::size_t operand_count, const TensorView& out) const noexcept {
  detail::OperandImages images;
  return run_views(context, in, {operands, operand_count, images.list.data()}, out);
}

Status ConvLayer::run_views(const RunContext& context, const ConstTensorView& in, const CallOperands& operands,
                            const TensorView& out) const noexcept {
  const State& state = *state_;
  CallImages call;
  if (Status status = state.read_call(in, operands, out, call); !status.ok()) return status;
  try {
    const PreparedKernel* kernel = state.prepare();
    if (kernel == nullptr) return Status::error(StatusCode::no_kernel, "%s", state.no_kernel_text().c_str());
    if (call.in.batch == 0) return {};
    return state.call(*kernel, executor_of(context), context.workspace, call, out.rank);
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "layer '%s': %s", state.name.c_str(), error.what());
  }
}

std::unique_ptr<KernelCall> detail::LayerAccess::bind_call(const ConvLayer& layer, const RunContext& context,
                                                           const ConstTensorView& in, const TensorView& out) {
  const ConvLayer::State& state = *layer.state_;
  CallImages call;
  if (const Status status = state.read_call(in, {}, out, call); !status.ok())
    throw std::runtime_error(status.message());
  const PreparedKernel* kernel = state.prepare();
  if (kernel == nullptr) throw std::runtime_error(state.no_kernel_text());
  if (!state.elementwise || call.in.batch == 0 ||
      call.in.batch > std::min(reachable_batch(call.in), reachable_batch(call.made)))
    throw std::invalid_argument("layer '" + state.name + "': its run is not one kernel call");
  Executor& executor = executor_of(context);
  if (kernel->workspace_bytes(executor.concurrency(), 0) > context.workspace.bytes ||
      reinterpret_cast<std::uintptr_t>(context.workspace.data) % kBufferAlignment != 0)
    throw std::invalid_argument("layer '" + state.name + "': bind_call needs an aligned workspace");
  return std::make_unique<KernelCall>(*kernel, call.in, nullptr, call.made, call.pads, executor,
                                      static_cast<std::byte*>(context.workspace.data));
}

std::size_t ConvLayer::workspace_bytes(const RunContext& context) const {
  const PreparedKernel* kernel = state_->prepare();
  if (kernel == nullptr) throw std::invalid_argument(state_->no_kernel_text() + "\n" + why_not());
  const int concurrency = executor_of(context).concurrency();
  if (concurrency < 1)
    throw std::invalid_argument("executor: concurrency() is " + std::to_string(concurrency) + "; expected at least 1");
  Images made;  // of dynamic extents only a call knows the size
  if (!state_->problem.is_dynamic()) {
    made.H = state_->OH, made.W = state_->OW, made.C = state_->OC;
    made.element_bytes = static_cast<std::int64_t>(size_bytes(state_->problem.dtype));
  }
  return kernel->workspace_bytes(concurrency, state_->halved_bytes(made));
}

const CompiledKernel* ConvLayer::kernel() const {
  const PreparedKernel* kernel = state_->prepare();
  return kernel == nullptr ? nullptr : &kernel->kernel();
}

std::string ConvLayer::why_not() const {
  return detail::verdicts_text(detail::choose_kernel(state_->problem, state_->forced));
}

void ConvLayer::force_kernel(std::string_view symbol_or_target) {
  auto state =
      std::make_shared<const State>(state_->name, state_->problem, state_->weights, std::string(symbol_or_target));
  if (!symbol_or_target.empty() && state->prepare() == nullptr) throw std::invalid_argument(state->no_kernel_text());
  state_ = std::move(state);
}

ConvLayer ConvLayer::with_problem(const ConvProblem& problem) const {
  validate(problem);
  check_activation_axis(problem);
  if (!same_weights(problem, state_->problem))
    throw std::invalid_argument("layer '" + state_->name + "': its weights are those of " + to_text(state_->problem) +
                                ", not of " + to_text(problem));
  return ConvLayer(std::make_shared<const State>(state_->name, problem, state_->weights, std::string()));
}

}  // namespace sepconv
