#include "sepconv/plan.h"

#include <fnmatch.h>

#include <algorithm>
#include <stdexcept>

#include "planner.h"

namespace sepconv {

Plan plan_file(const std::filesystem::path& path, const PlanOptions& options) {
  const keras::ModelDocument document = keras::read_document(path);
  Plan plan = keras::is_layer_list(document.json) ? keras::plan_layer_list(document, options)
                                                  : keras::plan_model(document, options);
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
