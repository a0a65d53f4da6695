# Short names for the workflows of CMakePresets.json. Every target first runs scripts/setup.sh, which does only what is
# missing.

CMAKE := .venv/bin/cmake
RUN_TESTS := .venv/bin/python scripts/run_tests.py
MINUTES ?= 2
ONLY ?= *
CXX_SOURCES = git ls-files '*.cpp' '*.h'

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-isa test-fresh arm bench bench-peers bench-networks check-networks dev sanitize asan tsan fuzz fuzz-coverage gpu-check format format-check tidy clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Install what is missing: system packages, and CMake, Ninja and Halide into .venv
	@scripts/setup.sh

demo: setup ## Run a network that reads digits, and check and time the blocks of a MobileNet
	@$(CMAKE) --workflow --preset demo

test: setup ## Build everything and run the quick tests
	@$(CMAKE) --workflow --preset release
	@$(RUN_TESTS) --preset quick

test-all: setup ## Build everything and run all tests, the slow ones too
	@$(CMAKE) --workflow --preset release
	@$(RUN_TESTS) --preset all

test-isa: setup ## The quick tests with the CPU masked to AVX2 and to SSE4.1, and kernels on such CPUs under qemu
	@$(CMAKE) --workflow --preset isa
	@SEPCONV_TEST_CPU=avx2 $(RUN_TESTS) --preset isa
	@SEPCONV_TEST_CPU=sse41 $(RUN_TESTS) --preset isa
	@$(RUN_TESTS) --preset isa-qemu

test-fresh: ## As root: make demo and test in a fresh Debian, DISTRO=trixie or bookworm
	@scripts/test_fresh.sh "$(DISTRO)"

arm: setup ## Cross-compile runtime, kernels and tests for 64-bit ARM, and run all of them under qemu
	@$(CMAKE) --workflow --preset compiler
	@$(CMAKE) --workflow --preset arm
	@$(RUN_TESTS) --preset arm

bench: setup ## Compile a suite of layers from well-known networks and time them (some minutes)
	@$(CMAKE) --workflow --preset bench

bench-peers: setup ## Time sepconv beside other libraries from PyPI: a table and a page (4 GB, half an hour)
	@$(CMAKE) --workflow --preset compiler
	@bench/peers/setup.sh
	@build/peers/bin/python bench/peers/bench_peers.py --sepconv build/release/tools/sepconv

bench-networks: setup ## Time whole networks beside other libraries, after make check-networks (ONLY=PATTERN: some; 20 minutes)
	@$(CMAKE) --workflow --preset compiler
	@$(CMAKE) --build --preset compiler --target sepconv_network_timer
	@SEPCONV_PEER_NAMES="onnxruntime openvino litert keras-tf iree networks" bench/peers/setup.sh
	@build/peers/bin/python bench/peers/bench_networks.py --sepconv build/release/tools/sepconv \
	  --timer build/release/bench/sepconv_network_timer --only "$(ONLY)"

check-networks: setup ## Compare whole networks with Keras, block by block (ONLY=PATTERN: some; 2 GB, 10 minutes)
	@$(CMAKE) --workflow --preset compiler
	@tests/networks/setup.sh
	@build/keras/bin/python tests/networks/check_networks.py --sepconv build/release/tools/sepconv --only "$(ONLY)"

dev: setup ## Quick tests of a build with assertions and with warnings as errors
	@$(CMAKE) --workflow --preset dev
	@$(RUN_TESTS) --preset dev

sanitize: setup ## Tests under ASan and UBSan, then under TSan (an hour); scripts/sanitizers/left_out.txt is left out
	@scripts/sanitize.sh

asan: setup ## The first half of sanitize: AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/sanitize.sh asan-ubsan

tsan: setup ## The second half of sanitize: ThreadSanitizer
	@scripts/sanitize.sh tsan

fuzz: ## Fuzz every reader of files and texts for MINUTES each, two at a time (ONLY=PATTERN: some); installs Clang
	@scripts/setup.sh fuzz
	@$(CMAKE) --workflow --preset fuzz
	@tests/fuzz/run_fuzzers.py --minutes "$(MINUTES)" --only "$(ONLY)"

fuzz-coverage: ## Lines of those readers that the committed inputs reach
	@scripts/setup.sh fuzz
	@$(CMAKE) --workflow --preset fuzz-coverage
	@tests/fuzz/coverage.py

gpu-check: setup ## On a machine with an NVIDIA GPU: run the golden cases and networks, and time layers against cuDNN
	@scripts/gpu_check.sh

format: ## Format the C++ sources with clang-format
	@$(CXX_SOURCES) | xargs clang-format -i

format-check: ## Fail if clang-format would change a C++ source
	@$(CXX_SOURCES) | xargs clang-format --dry-run --Werror

tidy: setup ## Run clang-tidy over the C++ sources (builds the dev preset for the generated headers)
	@$(CMAKE) --preset dev
	@$(CMAKE) --build --preset dev
	@git ls-files '*.cpp' ':!bench/peers' | xargs -P "$$(nproc)" -n 4 clang-tidy -p build/dev --quiet

clean: ## Remove what the presets built; keeps .venv and the cache of compiled kernels
	@rm -rf build/dev build/release build/isa build/asan-ubsan build/tsan build/fuzz build/fuzz-coverage build/arm
