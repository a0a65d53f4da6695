#include "bench/gpu/named_problems.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sepconv::bench {

std::map<std::string, ConvProblem> read_named_problems(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::invalid_argument("'" + path.string() + "' cannot be read");
  std::map<std::string, ConvProblem> problems;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line);
    std::string name, text, more;
    if (!(words >> name) || name.front() == '#') continue;
    const std::string place = path.string() + ":" + std::to_string(number) + ": ";
    if (!(words >> text) || words >> more) throw std::invalid_argument(place + "expected a name and a problem");
    try {
      if (!problems.emplace(name, problem_from_text(text)).second)
        throw std::invalid_argument("the name '" + name + "' occurs twice");
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(place + error.what());
    }
  }
  return problems;
}

}  // namespace sepconv::bench
