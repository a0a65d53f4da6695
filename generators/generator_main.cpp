#include "Halide.h"
int main() { return 0; }
