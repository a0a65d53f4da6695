// An OpenCL library that ends its process, as some drivers do on a machine that they do not like.

#include <cstdio>
#include <cstdlib>

extern "C" int clGetDeviceIDs(void*, unsigned long, unsigned, void**, unsigned*) { return 0; }

extern "C" int clGetPlatformIDs(unsigned, void**, unsigned*) {
  std::fputs("crashing driver: no such machine\n", stderr);
  std::abort();
}
