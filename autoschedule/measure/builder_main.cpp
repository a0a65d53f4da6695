// sepconv-builder: compiles one candidate into a folder that sepconv-runner measures. For workers on other machines;
// the tuner itself calls the same function.

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoschedule/measure/candidate_builder.h"

int main(int argc, char** argv) {
  sepconv::autoschedule::Candidate candidate;
  sepconv::autoschedule::BuilderOptions options;
  std::uint64_t memory_mb = options.memory_bytes >> 20;
  CLI::App app{"Compiles one candidate kernel and prints one JSON line: status, message, folder, seconds, cached"};
  app.name("sepconv-builder");
  app.footer(
      "Exit status: 0 built, 1 not built (the line says why), 2 invalid usage, 3 the machine failed.\n"
      "The folder holds kernel.so and kernel.json, for `sepconv-runner trial --kernel FOLDER`.");
  app.add_option("--problem", candidate.problem, "What to compute, as a problem text")->required();
  app.add_option("--target", candidate.target, "Target name, for example x86-64-avx2")->required();
  app.add_option("--schedule", candidate.schedule,
                 "A schedule text, or halide-mullapudi2016, halide-adams2019 or "
                 "halide-anderson2021")
      ->required();
  app.add_option("--generator", options.generator, "Path of the sepconv-generator program")
      ->required()
      ->type_name("FILE");
  app.add_option("--kernels", options.kernels, "Keep built kernels in this folder")->required()->type_name("DIR");
  app.add_option("--cache", options.cache_dir, "Folder that caches compiled kernels, as in sepconv compile")
      ->type_name("DIR");
  app.add_option("--time-limit", options.seconds, "Time limit for the generator and for each tool, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--memory-mb", memory_mb, "Memory limit for each of them, in MiB; 0: none")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.memory_bytes = memory_mb << 20;
  try {
    const sepconv::autoschedule::BuiltCandidate built = sepconv::autoschedule::build_candidate(candidate, options);
    nlohmann::ordered_json line;
    line["status"] = to_text(built.status);
    line["message"] = built.message;
    line["folder"] = built.folder.string();
    line["seconds"] = built.seconds;
    line["cached"] = built.cached;
    std::cout << line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
    return built.status == sepconv::autoschedule::TrialStatus::ok ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "sepconv-builder: " << error.what() << '\n';
    return 3;
  }
}
