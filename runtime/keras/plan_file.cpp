#include "sepconv/plan.h"

#include <fnmatch.h>

#include <algorithm>
#include <stdexcept>

#include "runtime/keras/layer_suite.h"
#include "runtime/keras/planner.h"

namespace sepconv {
namespace {

Plan plan_document(const keras::ModelDocument& document, const PlanOptions& options) {
  if (keras::is_layer_suite(document.json)) {
    if (!options.input_shape.empty() || !options.input_shapes.empty() || !options.layer_shapes.empty())
      throw std::invalid_argument(document.file +
                                  ": a suite states the shape of every layer; remove the shape options");
    return keras::plan_layer_suite(document);
  }
  if (keras::is_layer_list(document.json)) return keras::plan_layer_list(document, options);
  return keras::plan_model(document, options);
}

}  // namespace

Plan plan_file(const std::filesystem::path& path, const PlanOptions& options) {
  Plan plan = plan_document(keras::read_document(path, options.weights), options);
  if (options.layers == "*") return plan;
  // In this glob '*' matches '/' too, so that "encoder*" selects a nested model.
  const auto unwanted = [&](const auto& layer) { return fnmatch(options.layers.c_str(), layer.name.c_str(), 0) != 0; };
  plan.layers.erase(std::remove_if(plan.layers.begin(), plan.layers.end(), unwanted), plan.layers.end());
  plan.skipped.erase(std::remove_if(plan.skipped.begin(), plan.skipped.end(), unwanted), plan.skipped.end());
  if (plan.layers.empty() && plan.skipped.empty())
    throw std::invalid_argument(path.string() + ": no convolution layer's name matches '" + options.layers +
                                "'; sepconv inspect lists them");
  return plan;
}

}  // namespace sepconv
