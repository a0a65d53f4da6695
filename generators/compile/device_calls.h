#pragma once
// The functions of Halide's runtime that kernels for GPUs call. libsepconv_gpu has them under our prefix; a call that
// this list lacks keeps its name, and the program does not link.

namespace sepconv::generators {

inline constexpr const char* kDevicePrefix = "sepconv_gpu_";

inline constexpr const char* kDeviceCalls[] = {
    "halide_copy_to_device",
    "halide_cuda_device_interface",
    "halide_cuda_finalize_kernels",
    "halide_cuda_initialize_kernels",
    "halide_cuda_run",
    "halide_device_free",
    "halide_device_free_as_destructor",
    "halide_device_malloc",
    "halide_error",
    "halide_error_access_out_of_bounds",
    "halide_error_bad_dimensions",
    "halide_error_bad_type",
    "halide_error_buffer_allocation_too_large",
    "halide_error_buffer_argument_is_null",
    "halide_error_buffer_extents_negative",
    "halide_error_buffer_extents_too_large",
    "halide_error_constraint_violated",
    "halide_error_constraints_make_required_region_smaller",
    "halide_error_device_interface_no_device",
    "halide_error_explicit_bounds_too_small",
    "halide_error_host_is_null",
    "halide_error_no_device_interface",
    "halide_error_out_of_memory",
    "halide_error_requirement_failed",
    "halide_error_storage_bound_too_small",
    "halide_error_unaligned_host_ptr",
    "halide_opencl_device_interface",
    "halide_opencl_finalize_kernels",
    "halide_opencl_initialize_kernels",
    "halide_opencl_run",
};

}  // namespace sepconv::generators
