// A library that holds no kernels.
extern "C" int sepconv_test_plain() { return 0; }
