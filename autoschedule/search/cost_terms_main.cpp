// sepconv-cost-terms: what the cost model's estimates are made of, for scripts/fit_cpu_costs.py.

#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "autoschedule/search/cost_model.h"

namespace {

using Json = nlohmann::ordered_json;

/// The estimate is a linear function of each fitted cost: a term is what is missing without it.
Json terms_of(const std::string& problem, const std::string& target, const std::string& schedule, int threads) {
  const sepconv::generators::Target& t = sepconv::generators::target_from_name(target);
  const sepconv::generators::Lowering p = sepconv::generators::lower(sepconv::problem_from_text(problem), t);
  const sepconv::generators::Schedule s = sepconv::generators::schedule_from_text(schedule);
  if (t.device != sepconv::generators::Device::cpu)
    throw std::invalid_argument("target '" + target + "' is not a CPU target");
  const double total = sepconv::autoschedule::estimate_cost(s, p, threads).total;
  Json terms;
  sepconv::generators::visit_fitted_costs([&](const char* name, double sepconv::generators::CpuCosts::*cost) {
    sepconv::generators::CpuCosts without;
    without.*cost = 0;
    terms[name] = total - sepconv::autoschedule::estimate_cost(s, p, threads, without).total;
  });
  return {{"total", total}, {"terms", terms}};
}

Json costs() {
  Json json;
  sepconv::generators::visit_fitted_costs([&](const char* name, double sepconv::generators::CpuCosts::*cost) {
    json[name] = sepconv::generators::kCpuCosts.*cost;
  });
  return json;
}

int run(std::istream& in) {
  std::cout << costs() << '\n';
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    try {
      const Json json = Json::parse(line);
      std::cout << terms_of(json.at("problem"), json.at("target"), json.at("schedule"), json.at("threads")) << '\n';
    } catch (const std::exception& error) {
      std::cerr << "sepconv-cost-terms: line " << number << ": " << error.what() << '\n';
      return 2;
    }
  }
  return std::cout.flush() ? 0 : 3;
}

}  // namespace

int main(int argc, char**) {
  if (argc == 1) return run(std::cin);
  std::cerr
      << "sepconv-cost-terms: reads lines of JSON from stdin: {\"problem\", \"target\", \"schedule\", \"threads\"}.\n"
         "Prints the fitted costs, then one line each with the total cycles and the amount of each cost.\n";
  return 2;
}
