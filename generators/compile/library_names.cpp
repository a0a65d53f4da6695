#include "generators/compile/library_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <stdexcept>

namespace sepconv::generators {
namespace {

#include "system_names.inc"  // kSystemNames, sorted; kSystemHeaders

constexpr std::size_t kMaxNameLength = 64, kMaxLayerNameLength = 1000;

// Keywords, and names that a namespace cannot have beside the standard library and sepconv itself.
constexpr std::string_view kReservedNames =
    " abi alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    " char32_t class co_await co_return co_yield compl concept const consteval constexpr constinit "
    " const_cast continue decltype default delete do double dynamic_cast else enum explicit export "
    " extern false float for friend goto if inline int long main mutable namespace new noexcept not "
    " not_eq nullptr operator or or_eq posix private protected public register reinterpret_cast requires "
    " return sepconv short signed sizeof static static_assert static_cast std struct switch template "
    " this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void "
    " volatile wchar_t while xor xor_eq ";

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_alpha(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

/// Why no namespace or header can have the name; nullptr if it can.
const char* why_reserved(std::string_view name) {
  if (kReservedNames.find(fmt::format(" {} ", name)) != std::string_view::npos) return "it is a reserved word of C++";
  if (std::find(std::begin(kSystemHeaders), std::end(kSystemHeaders), name) != std::end(kSystemHeaders))
    return "its header would hide a header of the system";
  if (std::binary_search(std::begin(kSystemNames), std::end(kSystemNames), name))
    return "the system's C headers define it";
  return nullptr;
}

}  // namespace

std::string identifier_from(std::string_view text) {
  std::string identifier;
  for (char c : text) {
    if (is_alnum(c))
      identifier += c;
    else if (!identifier.empty() && identifier.back() != '_')
      identifier += '_';
  }
  while (!identifier.empty() && identifier.back() == '_') identifier.pop_back();
  return identifier;
}

void check_library_name(const std::string& name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
  if (name.empty() || name.size() > kMaxNameLength || !is_alpha(name[0]) || !letters ||
      name.find("__") != std::string::npos)
    throw std::invalid_argument(
        fmt::format("name: '{}' cannot name a library; expected letters, digits and single underscores, a letter "
                    "first, at most {} characters",
                    name, kMaxNameLength));
  if (const char* reason = why_reserved(name))
    throw std::invalid_argument(fmt::format("name: '{}' cannot name a library; {}", name, reason));
}

std::string library_name_from(const std::filesystem::path& model) {
  std::string name = identifier_from(model.stem().string());
  if (name.empty() || !is_alpha(name[0])) name = name.empty() ? "model" : "model_" + name;
  if (name.size() > kMaxNameLength) name = identifier_from(name.substr(0, kMaxNameLength));
  if (why_reserved(name) != nullptr) name += "_model";
  return name;
}

namespace {

bool is_control(char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }

/// An error is one line, also about a name that is not.
std::string with_visible_controls(const std::string& name) {
  std::string result;
  for (const char c : name)
    result += is_control(c) ? fmt::format("\\u{:04x}", static_cast<unsigned char>(c)) : std::string(1, c);
  return result;
}

}  // namespace

static void check_names(const std::vector<PlannedLayer>& layers) {
  std::set<std::string_view> names;
  const auto refuse = [](const std::string& why) { throw std::invalid_argument("a layer cannot be compiled: " + why); };
  for (const PlannedLayer& layer : layers) {
    const std::string& name = layer.name;
    if (name.empty()) refuse("its name is empty");
    if (name.size() > kMaxLayerNameLength)
      refuse(fmt::format("its name '{}...' has {} characters; at most {} are allowed", name.substr(0, 40), name.size(),
                         kMaxLayerNameLength));
    if (std::any_of(name.begin(), name.end(), is_control))
      refuse(fmt::format("its name '{}' holds control characters", with_visible_controls(name)));
    if (!names.insert(name).second) refuse(fmt::format("two layers are named '{}'", name));
  }
}

void check_layer_names(const Plan& plan) {
  check_names(plan.layers);
  if (plan.network) check_names(plan.network->layers);
}

}  // namespace sepconv::generators
