#include "runtime/keras/call_numbers.h"

#include <cstdint>
#include <vector>

namespace sepconv::keras {

namespace {

/// Where a tensor stands. The numbers of tf.keras 2 mean the same everywhere, those of Keras 3 do not.
enum class Place { tf_keras_2, keras_3_call, keras_3_output };
constexpr std::size_t kPlaces = 3;

/// The numbers of one nested model's calls, in one place.
struct Numbers {
  bool has_zero = false;   // only where the model's own call is not counted
  bool has_count = false;  // only where it is: one more than the last index
};

bool may_be_model(const ModelItem& item) { return item.holds_layers || (item.model && !item.is_timed); }

Place place_of(const ModelItem& item, bool is_output) {
  const bool keras_3 = !item.node_json.empty() && item.node_json[0]->is_object();
  if (!keras_3) return Place::tf_keras_2;
  return is_output ? Place::keras_3_output : Place::keras_3_call;
}

std::int64_t first_number(const ModelItem& item, Place place, const Numbers& seen) {
  if (seen.has_zero) return 0;
  if (seen.has_count) return 1;
  return place == Place::keras_3_call || !item.model || item.model->is_sequential ? 0 : 1;
}

template <class F>
void for_each_tensor(ModelSpec& spec, F&& f) {
  for (ModelItem& item : spec.items)
    for (std::vector<NamedTensor>& node : item.nodes)
      for (NamedTensor& tensor : node) f(tensor, false);
  for (NamedTensor& tensor : spec.outputs) f(tensor, true);
}

}  // namespace

void count_calls_from_zero(ModelSpec& spec) {
  std::vector<Numbers> seen(spec.items.size() * kPlaces);
  const auto numbers = [&](const NamedTensor& tensor, Place place) -> Numbers& {
    return seen[tensor.item * kPlaces + static_cast<std::size_t>(place)];
  };
  for_each_tensor(spec, [&](const NamedTensor& tensor, bool is_output) {
    const ModelItem& item = spec.items[tensor.item];
    if (!may_be_model(item)) return;
    Numbers& own = numbers(tensor, place_of(item, is_output));
    own.has_zero = own.has_zero || tensor.node == 0;
    own.has_count = own.has_count || tensor.node == static_cast<std::int64_t>(item.nodes.size());
  });
  for_each_tensor(spec, [&](NamedTensor& tensor, bool is_output) {
    const ModelItem& item = spec.items[tensor.item];
    if (!may_be_model(item)) return;
    const Place place = place_of(item, is_output);
    if (tensor.node > 0) tensor.node -= first_number(item, place, numbers(tensor, place));
  });
}

}  // namespace sepconv::keras
