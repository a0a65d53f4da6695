#include "tests/autoschedule/report/markup_check.h"

#include <cctype>
#include <regex>
#include <set>
#include <vector>

namespace sepconv::test {
namespace {

const std::set<std::string> kVoid = {"meta", "br"};

std::string at_text(const std::string& page, std::size_t at) { return " near '" + page.substr(at, 60) + "'"; }

/// The text between tags, and the values of attributes.
std::string text_error(const std::string& text) {
  static const std::regex entity("&(amp|lt|gt|quot|middot|plusmn|#39);");
  const std::string rest = std::regex_replace(text, entity, "");
  return rest.find_first_of("<>&") == std::string::npos ? "" : "markup in the text '" + text.substr(0, 60) + "'";
}

/// @param inside  a tag without its brackets and slashes.
std::string tag_error(const std::string& inside) {
  static const std::regex attribute("\\s+([a-zA-Z0-9-]+)=\"([^\"]*)\"");
  std::size_t end = 0;
  while (end < inside.size() && std::isspace(static_cast<unsigned char>(inside[end])) == 0) ++end;
  std::string rest = inside.substr(end);
  std::set<std::string> names;
  for (std::smatch match; std::regex_search(rest, match, attribute, std::regex_constants::match_continuous);
       rest = match.suffix()) {
    if (!names.insert(match[1]).second) return "attribute " + match[1].str() + " twice";
    if (match[1].str().starts_with("on") || match[1] == "src" || match[1] == "href")
      return "attribute " + match[1].str() + " loads or runs something";
    if (const std::string error = text_error(match[2]); !error.empty()) return error;
  }
  return rest.empty() ? "" : "attributes '" + rest + "'";
}

}  // namespace

std::string markup_error(const std::string& page) {
  const std::string kDoctype = "<!DOCTYPE html>\n";
  if (!page.starts_with(kDoctype)) return "no doctype";
  std::vector<std::string> open;
  for (std::size_t at = kDoctype.size(); at < page.size();) {
    const std::size_t tag = page.find('<', at);
    const std::string text = page.substr(at, tag - at);
    const bool style = !open.empty() && open.back() == "style";
    if (style && (text.find("url(") != std::string::npos || text.find("@import") != std::string::npos))
      return "the style sheet loads something";
    if (!style)
      if (const std::string error = text_error(text); !error.empty()) return error;
    if (tag == std::string::npos) break;
    const std::size_t end = page.find('>', tag);
    if (end == std::string::npos) return "a tag without an end" + at_text(page, tag);
    std::string inside = page.substr(tag + 1, end - tag - 1);
    at = end + 1;
    if (inside.starts_with("/")) {
      if (open.empty() || open.back() != inside.substr(1))
        return "</" + inside.substr(1) + "> closes nothing" + at_text(page, tag);
      open.pop_back();
      continue;
    }
    const bool closed = inside.ends_with("/");
    if (closed) inside.pop_back();
    if (const std::string error = tag_error(inside); !error.empty()) return error + at_text(page, tag);
    const std::string name = inside.substr(0, inside.find_first_of(" \n"));
    if (name == "script" || name == "link" || name == "iframe" || name == "img") return "an element " + name;
    if (!closed && !kVoid.contains(name)) open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace sepconv::test
