// Operators that rearrange: reshape, transpose, concat, slices.

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "runtime/keras/json_text.h"
#include "runtime/keras/operators.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras::operators {

using nlohmann::json;

Shapes reshape(const OperatorCall& op) {
  const auto target = op.arguments().extents(op.argument(1, {"shape", "newshape"}));
  if (!target) return {};
  Shape result = *target;
  const auto x = op.x();
  if (!x) return {result};
  // The batch, which tf.shape() brought or a -1 stands for, goes through where the extents behind it agree.
  const bool open = std::count(result.begin(), result.end(), kDynamic) > 0;
  if (open && !x->empty() && !result.empty() && result[0] == kDynamic && (*x)[0] == kDynamic) {
    if (std::count(result.begin() + 1, result.end(), kDynamic) == 1 && elements(*x, 1) != kDynamic)
      return {reshaped(*x, result, 1)};
    return {result};
  }
  return {reshaped(*x, result, 0)};
}

Shapes transpose(const OperatorCall& op) {
  const auto x = op.x();
  if (!x) return {};
  const json& axes = op.argument(1, {"perm", "axes"});
  Shape result(x->rbegin(), x->rend());
  if (axes.is_null()) return {result};
  if (!axes.is_array() || axes.size() != x->size()) return {};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto at = axis_of(axes[i], x->size());
    if (!at) return {};
    result[i] = (*x)[*at];
  }
  return {result};
}

Shapes swap_axes(const OperatorCall& op) {
  auto x = op.x();
  if (!x) return {};
  const auto a = axis_of(op.argument(1, {"axis1"}), x->size()), b = axis_of(op.argument(2, {"axis2"}), x->size());
  if (!a || !b) return {};
  std::swap((*x)[*a], (*x)[*b]);
  return {x};
}

Shapes expand_dims(const OperatorCall& op) {
  auto x = op.x();
  if (!x) return {};
  const json& given = op.argument(1, {"axis", "dim"});
  const auto axis = axis_of(given.is_array() && given.size() == 1 ? given[0] : given, x->size() + 1);
  if (!axis) return {};
  x->insert(x->begin() + static_cast<std::ptrdiff_t>(*axis), 1);
  return {x};
}

Shapes squeeze(const OperatorCall& op) {
  const auto x = op.x();
  if (!x) return {};
  const json& axis = op.argument(1, {"axis", "squeeze_dims"});
  if (!axis.is_null() && !(axis.is_array() && axis.empty())) return {without_axes(*x, axis, false)};
  if (x->empty() || std::count(x->begin() + 1, x->end(), kDynamic)) return {};  // which of them are 1 is not known
  Shape result = *x;
  result.erase(std::remove(result.begin(), result.end(), 1), result.end());
  return {result};
}

Shapes concat(const OperatorCall& op) {
  const json& axis = op.argument(1, {"axis"});
  return {concatenated(op.list(), axis.is_null() ? json(0) : axis)};
}

Shapes stack(const OperatorCall& op) {
  const Shapes list = op.list();
  const auto known = std::find_if(list.begin(), list.end(), [](const auto& shape) { return shape.has_value(); });
  if (known == list.end()) return {};
  Shape result = **known;
  const json& given = op.argument(1, {"axis"});
  const auto axis = axis_of(given.is_null() ? json(0) : given, result.size() + 1);
  if (!axis) return {};
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(*axis), static_cast<std::int64_t>(list.size()));
  return {result};
}

constexpr std::int64_t kMaxParts = kMaxOutputs;

Shapes unstack(const OperatorCall& op) {
  const auto x = op.x();
  if (!x) return {};
  const json& given = op.argument(2, {"axis"});
  const json at = given.is_null() ? json(0) : given;
  const auto axis = axis_of(at, x->size());
  if (!axis || (*x)[*axis] == kDynamic || (*x)[*axis] > kMaxParts) return {};
  return Shapes(static_cast<std::size_t>((*x)[*axis]), without_axes(*x, at, false));
}

/// Into equal parts, parts of given sizes (TensorFlow), or parts that end at given places (Keras 3).
Shapes split(const OperatorCall& op) {
  const auto x = op.x();
  const json& given_axis = op.argument(2, {"axis"});
  const json& parts = op.argument(1, {"num_or_size_splits", "indices_or_sections"});
  if (!x) return {};
  const auto axis = axis_of(given_axis.is_null() ? json(0) : given_axis, x->size());
  if (!axis) return {};
  Shapes result;
  const auto add = [&](std::int64_t extent) {
    Shape part = *x;
    part[*axis] = extent;
    result.push_back(part);
  };
  const std::int64_t whole = (*x)[*axis];
  if (const auto count = small_integer(parts); count && *count > 0 && *count <= kMaxParts)
    for (std::int64_t i = 0; i < *count; ++i) add(whole == kDynamic ? kDynamic : whole / *count);
  if (!parts.is_array() || parts.size() > kMaxParts) return result;
  const bool ends = !op.argument(OperatorCall::kNamedOnly, {"indices_or_sections"}).is_null();
  std::int64_t begin = 0;
  for (const json& part : parts) {
    const std::int64_t number = small_integer(part).value_or(kDynamic);
    add(ends && number != kDynamic && begin != kDynamic ? std::max<std::int64_t>(number - begin, 0) : number);
    begin = number;
  }
  if (ends) add(whole == kDynamic || begin == kDynamic ? kDynamic : std::max<std::int64_t>(whole - begin, 0));
  return result;
}

Shapes pad(const OperatorCall& op) {
  auto x = op.x();
  const json& given = op.argument(1, {"paddings", "pad_width"});
  if (!x || (given.is_array() && given.size() != x->size())) return {};
  for (std::size_t i = 0; i < x->size(); ++i) {
    const auto both = integers(given.is_array() ? unwrapped(given[i]) : given, 2);
    if (!both) return {};
    (*x)[i] = sum_of((*x)[i], sum_of((*both)[0], (*both)[1]));
  }
  return {x};
}

Shapes tile(const OperatorCall& op) {
  auto x = op.x();
  const auto repeats = op.arguments().extents(op.argument(1, {"multiples", "repeats"}));
  if (!x || !repeats || repeats->size() < x->size()) return {};
  x->insert(x->begin(), repeats->size() - x->size(), 1);
  for (std::size_t i = 0; i < x->size(); ++i) (*x)[i] = product_of((*x)[i], (*repeats)[i]);
  return {x};
}

Shapes repeat(const OperatorCall& op) {
  auto x = op.x();
  if (!x) return {};
  const auto axis = axis_of(op.argument(2, {"axis"}), x->size());
  const auto times = small_integer(op.argument(1, {"repeats", "rep"}));
  if (!axis) return {};
  (*x)[*axis] = times ? product_of((*x)[*axis], *times) : kDynamic;
  return {x};
}

namespace {

/// Python's slice of an axis; kDynamic where it depends on what is not known.
std::int64_t sliced_extent(std::int64_t extent, const json& start, const json& stop, const json& step) {
  const std::int64_t by = step.is_null() ? 1 : step.is_number_integer() ? step.get<std::int64_t>() : 0;
  if (by == 0 || extent == kDynamic || by > kMaxExtent || by < -kMaxExtent) {
    return start.is_null() && stop.is_null() && (by == 1 || by == -1) ? extent : kDynamic;
  }
  if ((!start.is_null() && !start.is_number_integer()) || (!stop.is_null() && !stop.is_number_integer()))
    return kDynamic;
  const std::int64_t first = by > 0 ? 0 : -1, last = by > 0 ? extent : extent - 1;
  const auto bound = [&](const json& value, std::int64_t fallback) {
    if (value.is_null()) return fallback;
    const auto at = std::clamp(value.get<std::int64_t>(), -kMaxExtent, kMaxExtent);
    return std::clamp(at < 0 ? at + extent : at, first, last);
  };
  const std::int64_t begin = bound(start, by > 0 ? first : last), end = bound(stop, by > 0 ? last : first);
  return std::max<std::int64_t>(by > 0 ? (end - begin + by - 1) / by : (begin - end - by - 1) / -by, 0);
}

/// One entry of x[...]: an index, a slice, a new axis (null), or "...".
enum class Part { index, slice, new_axis, ellipsis };

Part part_of(const json& item, const OperatorCall& op) {
  if (item.is_null()) return Part::new_axis;
  const json& class_name = member(item, "class_name");
  if (class_name == "__ellipsis__" || class_name == "ellipsis" || item == "Ellipsis") return Part::ellipsis;
  return item.is_object() && !op.arguments().is_tensor(item) ? Part::slice : Part::index;
}

}  // namespace

/// x[key]: an index takes its axis away.
Shapes get_item(const OperatorCall& op) {
  const json& key = op.argument(1, {"slice_spec", "key"});
  const auto x = op.x();
  if (!x) return {};
  const json items = key.is_array() && !op.arguments().is_tensor(key) ? json() : json::array({key});
  std::vector<const json*> parts;
  for (const json& item : items.is_null() ? key : items) parts.push_back(&unwrapped(item));
  std::size_t used = 0;
  for (const json* item : parts) {
    const Part part = items.is_null() ? part_of(*item, op) : part_of(key, op);
    used += part == Part::index || part == Part::slice;
  }
  if (used > x->size()) return {};
  Shape result;
  auto axis = x->begin();
  for (const json* item : parts) {
    const Part part = items.is_null() ? part_of(*item, op) : part_of(key, op);
    const json& config = item->contains("config") ? member(*item, "config") : *item;
    if (part == Part::new_axis) result.push_back(1);
    if (part == Part::index) ++axis;
    if (part == Part::slice)
      result.push_back(sliced_extent(*axis++, member(config, "start"), member(config, "stop"), member(config, "step")));
    if (part == Part::ellipsis)
      for (std::size_t i = used; i < x->size(); ++i) result.push_back(*axis++);
  }
  result.insert(result.end(), axis, x->end());
  return {result};
}

/// TensorFlow's form of x[...]: begin, end and strides, with bits for what is left out.
Shapes strided_slice(const OperatorCall& op) {
  const auto x = op.x();
  const json &begin = op.argument(1, {"begin"}), &end = op.argument(2, {"end"}), &strides = op.argument(3, {"strides"});
  if (!x || !begin.is_array() || begin.size() != end.size() || begin.size() > 32) return {};
  const auto bits = [&](const char* name) {
    return static_cast<std::uint32_t>(small_integer(op.argument(OperatorCall::kNamedOnly, {name})).value_or(0));
  };
  const std::uint32_t begin_mask = bits("begin_mask"), end_mask = bits("end_mask"), shrink = bits("shrink_axis_mask"),
                      new_axis = bits("new_axis_mask"), ellipsis = bits("ellipsis_mask");
  std::size_t used = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) used += !((new_axis | ellipsis) >> i & 1);
  if (used > x->size()) return {};
  Shape result;
  auto axis = x->begin();
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (ellipsis >> i & 1) {
      for (std::size_t k = used; k < x->size(); ++k) result.push_back(*axis++);
    } else if (new_axis >> i & 1) {
      result.push_back(1);
    } else if (shrink >> i & 1) {
      ++axis;
    } else {
      result.push_back(sliced_extent(*axis++, begin_mask >> i & 1 ? json() : begin[i],
                                     end_mask >> i & 1 ? json() : end[i],
                                     strides.is_array() && i < strides.size() ? strides[i] : json()));
    }
  }
  result.insert(result.end(), axis, x->end());
  return {result};
}

Shapes slice(const OperatorCall& op) {
  auto x = op.x();
  const auto begin = op.arguments().extents(op.argument(1, {"begin", "start_indices"}));
  const auto size = op.arguments().extents(op.argument(2, {"size", "shape"}));
  if (!x || !size || size->size() != x->size()) return {};
  for (std::size_t i = 0; i < x->size(); ++i) {
    const bool rest =
        (*size)[i] == kDynamic && begin && i < begin->size() && (*begin)[i] != kDynamic && (*x)[i] != kDynamic;
    (*x)[i] = rest ? std::max<std::int64_t>((*x)[i] - (*begin)[i], 0) : (*size)[i];
  }
  return {x};
}

/// tf.gather, take: the axis replaced by the indices.
Shapes gather(const OperatorCall& op) {
  auto x = op.x();
  const auto indices = op.arguments().shape(op.argument(1, {"indices"}));
  const json& given = op.argument(OperatorCall::kNamedOnly, {"axis"});
  if (!x || !indices) return {};
  const auto axis = axis_of(given.is_null() ? json(0) : given, x->size());
  if (!axis) return {};
  const auto at = x->erase(x->begin() + static_cast<std::ptrdiff_t>(*axis));
  x->insert(at, indices->begin(), indices->end());
  return {x};
}

Shapes broadcast_to(const OperatorCall& op) {
  const auto target = op.arguments().extents(op.argument(1, {"shape"}));
  return target ? Shapes{target} : Shapes{};
}

Shapes flatten(const OperatorCall& op) {
  if (!op.x() || op.x()->empty()) return {};
  return {Shape{(*op.x())[0], elements(*op.x(), 1)}};
}

}  // namespace sepconv::keras::operators
