#pragma once
// A plan as the reading child process writes it.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tools/plan_bytes.h"

namespace sepconv::tools::test {

inline std::string bytes_of(const Plan& plan) {
  char* bytes = nullptr;
  std::size_t size = 0;
  std::FILE* file = open_memstream(&bytes, &size);
  write_plan(plan, file);
  std::fclose(file);
  std::string result(bytes, size);
  std::free(bytes);
  return result;
}

}  // namespace sepconv::tools::test
