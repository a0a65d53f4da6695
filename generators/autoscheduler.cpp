#include "generators/autoscheduler.h"

#include <dlfcn.h>

#include <charconv>
#include <filesystem>
#include <stdexcept>

#include "Halide.h"

namespace sepconv::generators {

namespace {

constexpr std::string_view kPrefix = "halide-";
constexpr int kMost = 1024;
constexpr int kMultiprocessors = 80;  // of the V100 that Anderson2021 was made on; it fails where there are few

/// Reads a number behind `name` at the front of the text, and takes both from it. False where the text begins
/// otherwise.
bool take_number(std::string_view& text, std::string_view name, int& number) {
  if (!text.starts_with(name)) return false;
  const char* const begin = text.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, text.data() + text.size(), number);
  if (error != std::errc() || number < 1 || number > kMost) return false;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return true;
}

}  // namespace

std::optional<Autoscheduler> autoscheduler_from_text(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  std::string_view rest = text.substr(kPrefix.size());
  const std::string_view name = rest.substr(0, rest.find('_'));
  Autoscheduler result;
  if (name == "mullapudi2016") result = {.name = "Mullapudi2016"};
  if (name == "adams2019") result = {.name = "Adams2019", .for_gpu = false};
  if (name == "anderson2021") result = {.name = "Anderson2021", .threads = kMultiprocessors, .for_cpu = false};
  result.library = "autoschedule_" + std::string(name);
  rest.remove_prefix(name.size());
  take_number(rest, "_p", result.threads);
  if (result.name != "Mullapudi2016") take_number(rest, "_b", result.beam);
  if (result.name.empty() || !rest.empty())
    throw std::invalid_argument(
        "schedule '" + std::string(text) +
        "': expected halide-mullapudi2016, halide-adams2019 or halide-anderson2021, followed by the threads to "
        "schedule for and, for the latter two, the beam: halide-adams2019_p8_b4");
  return result;
}

void load_autoscheduler(const Autoscheduler& autoscheduler) {
  Dl_info halide{};
  std::string library = autoscheduler.library;
  if (::dladdr(reinterpret_cast<const void*>(&Halide::load_plugin), &halide) != 0 && halide.dli_fname != nullptr) {
    const std::filesystem::path beside =
        std::filesystem::path(halide.dli_fname).parent_path() / ("lib" + autoscheduler.library + ".so");
    std::error_code error;
    if (std::filesystem::exists(beside, error)) library = beside.string();
  }
  Halide::load_plugin(library);
}

}  // namespace sepconv::generators
