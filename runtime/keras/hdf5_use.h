#pragma once
// The HDF5 library's identifiers and its global state. Only for sources that include hdf5.h.

#include <hdf5.h>

#include <mutex>

namespace sepconv::keras {

inline std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// An HDF5 identifier with the function that closes it.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// One use of the library: its global state, which has no locks of its own, is ours, and it prints nothing meanwhile.
class LibraryUse {
 public:
  LibraryUse() : lock_(library_mutex()) {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~LibraryUse() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  LibraryUse(const LibraryUse&) = delete;
  LibraryUse& operator=(const LibraryUse&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

}  // namespace sepconv::keras
