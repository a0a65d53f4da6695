// The Keras reader of the installed package.
#include <sepconv/plan.h>

#include <cstdio>

int main() {
  const sepconv::Plan plan = sepconv::plan_file(MODEL);
  std::printf("%zu layers\n", plan.layers.size());
  return plan.layers.size() == 2 ? 0 : 1;
}
