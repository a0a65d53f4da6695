#include "runner/npy.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime/core/whole_file.h"

namespace sepconv::runner {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied to and from files without swapping bytes");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::array<std::string_view, 14> kDtypes = {"<f2", "<f4", "<f8", "|b1", "|u1", "|i1", "<u2",
                                                      "<i2", "<u4", "<i4", "<u8", "<i8", "|V2", "<V2"};

[[noreturn]] void reject(const std::string& what, const std::string& why) {
  throw std::invalid_argument(what + ": " + why);
}

std::int64_t dtype_bytes(std::string_view dtype) { return dtype[2] - '0'; }

/// The product of the extents; -1 when it does not fit.
std::int64_t product(std::span<const std::int64_t> shape) {
  std::int64_t elems = 1;
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(elems, extent, &elems)) return -1;
  return elems;
}

/// Reads the header's Python dictionary literal: exactly the keys 'descr', 'fortran_order' and 'shape'.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  NpyArray parse() {
    NpyArray array;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !descr) {
        if (!peek('\'') && !peek('"'))
          reject(what_, "structured dtypes are not supported; expected a plain number type");
        array.dtype = string();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        if (boolean()) reject(what_, "Fortran order is not supported; save numpy.ascontiguousarray(x)");
        order = true;
      } else if (key == "shape" && !shape) {
        array.shape = tuple();
        shape = true;
      } else {
        reject(what_, "unexpected or repeated key '" + key.substr(0, 40) + "' in the .npy header");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size()) reject(what_, "text after the dictionary of the .npy header");
    if (!descr || !order || !shape) reject(what_, "the .npy header lacks descr, fortran_order or shape");
    return array;
  }

 private:
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) ++position_;
  }
  bool peek(char c) {
    skip_space();
    return position_ < text_.size() && text_[position_] == c;
  }
  bool accept(char c) {
    if (!peek(c)) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) reject(what_, std::string("malformed .npy header: expected '") + c + "'");
  }
  std::string string() {
    const char quote = peek('"') ? '"' : '\'';
    expect(quote);
    const std::size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) reject(what_, "malformed .npy header: unterminated string");
    std::string result(text_.substr(position_, end - position_));
    position_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(position_, word.size()) != word) continue;
      position_ += word.size();
      return value;
    }
    reject(what_, "malformed .npy header: fortran_order is neither True nor False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data() + position_, text_.data() + text_.size(), value);
      if (error != std::errc{} || value < 0) reject(what_, "malformed .npy header: a shape holds numbers >= 0");
      if (values.size() == 32) reject(what_, "malformed .npy header: more than 32 dimensions");
      values.push_back(value);
      position_ = static_cast<std::size_t>(end - text_.data());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  std::string_view text_;
  const std::string& what_;
  std::size_t position_ = 0;
};

template <class T>
NpyArray make_array(std::span<const T> values, std::vector<std::int64_t> shape, const char* dtype) {
  if (product(shape) != static_cast<std::int64_t>(values.size()))
    throw std::invalid_argument("npy: " + std::to_string(values.size()) + " elements do not fill shape " +
                                shape_text(shape));
  NpyArray array{dtype, std::move(shape), std::vector<std::byte>(values.size_bytes())};
  if (!values.empty()) std::memcpy(array.data.data(), values.data(), values.size_bytes());
  return array;
}

template <class T>
std::vector<T> elements(const NpyArray& array) {
  std::vector<T> values(array.data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), array.data.data(), array.data.size());
  return values;
}

/// The elements of a 16-bit type.
template <class T>
std::vector<double> widened(const NpyArray& array) {
  std::vector<double> values;
  for (const std::uint16_t bits : elements<std::uint16_t>(array)) values.push_back(to_float(T{bits}));
  return values;
}

/// NumPy's code of a floating point type.
const char* code_of(DataType dtype) {
  switch (dtype) {
    case DataType::float32: return "<f4";
    case DataType::float64: return "<f8";
    case DataType::float16: return "<f2";
    case DataType::bfloat16: return "<u2";
    default:
      throw std::invalid_argument(std::string("npy: received ") + keras_name(dtype) +
                                  "; expected a floating point type");
  }
}

}  // namespace

std::int64_t NpyArray::elems() const { return product(shape); }

std::vector<float> NpyArray::floats() const {
  if (dtype != "<f4") throw std::invalid_argument("npy: expected float32 ('<f4'), received '" + dtype + "'");
  return elements<float>(*this);
}

std::vector<double> NpyArray::doubles() const {
  if (dtype == "<f8") return elements<double>(*this);
  if (dtype == "<f2") return doubles_of(DataType::float16);
  const std::vector<float> values = floats();
  return {values.begin(), values.end()};
}

std::vector<double> NpyArray::doubles_of(DataType wanted) const {
  const bool bits = wanted == DataType::bfloat16 && (dtype == "<u2" || dtype == "|V2" || dtype == "<V2");
  if (!bits && dtype != code_of(wanted))
    throw std::invalid_argument(std::string("npy: expected ") + keras_name(wanted) + " ('" + code_of(wanted) +
                                "'), received '" + dtype + "'");
  switch (wanted) {
    case DataType::float64: return elements<double>(*this);
    case DataType::float16: return widened<float16>(*this);
    case DataType::bfloat16: return widened<bfloat16>(*this);
    default: {
      const std::vector<float> values = floats();
      return {values.begin(), values.end()};
    }
  }
}

NpyArray npy_from_floats(std::span<const float> values, std::vector<std::int64_t> shape) {
  return make_array(values, std::move(shape), "<f4");
}

NpyArray npy_from_doubles(std::span<const double> values, std::vector<std::int64_t> shape) {
  return make_array(values, std::move(shape), "<f8");
}

NpyArray npy_from_values(std::span<const double> values, std::vector<std::int64_t> shape, DataType dtype) {
  const char* code = code_of(dtype);
  if (dtype == DataType::float64) return npy_from_doubles(values, std::move(shape));
  if (dtype == DataType::float32) {
    const std::vector<float> floats(values.begin(), values.end());
    return npy_from_floats(floats, std::move(shape));
  }
  std::vector<std::uint16_t> bits;
  for (const double value : values)
    bits.push_back(dtype == DataType::float16 ? to_float16(value).bits : to_bfloat16(value).bits);
  return make_array(std::span<const std::uint16_t>(bits), std::move(shape), code);
}

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& what) {
  const auto u8 = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  if (bytes.size() < 10 || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    reject(what, "not a .npy file");
  const std::uint32_t major = u8(6);
  if (major != 1 && major != 2)
    reject(what, ".npy version " + std::to_string(major) + " is not supported; expected 1 or 2");
  const std::size_t header_begin = major == 1 ? 10 : 12;
  if (bytes.size() < header_begin) reject(what, "the file ends inside the .npy header");
  std::size_t header_bytes = u8(8) | u8(9) << 8;
  if (major == 2) header_bytes |= u8(10) << 16 | static_cast<std::size_t>(u8(11)) << 24;
  if (header_bytes > bytes.size() - header_begin) reject(what, "the file ends inside the .npy header");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + header_begin, header_bytes);

  NpyArray array = HeaderParser(header, what).parse();
  bool known = false;
  for (const std::string_view dtype : kDtypes) known = known || dtype == array.dtype;
  if (!known)
    reject(what,
           "dtype '" + array.dtype.substr(0, 40) + "' is not supported; expected little-endian numbers such as '<f4'");
  const std::int64_t elems = product(array.shape);
  const auto data = bytes.subspan(header_begin + header_bytes);
  if (elems < 0 || elems > std::numeric_limits<std::int64_t>::max() / 8 ||
      std::cmp_not_equal(data.size(), elems * dtype_bytes(array.dtype)))
    reject(what, "shape " + shape_text(array.shape) + " of '" + array.dtype + "' does not match the " +
                     std::to_string(data.size()) + " bytes of data");
  array.data.assign(data.begin(), data.end());
  return array;
}

NpyArray read_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  // A directory opens, but says that it is as large as can be.
  if (size < 0 || size == std::numeric_limits<std::streamoff>::max()) reject(path.string(), "cannot read the file");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) reject(path.string(), "cannot read the file");
  return parse_npy(bytes, path.string());
}

std::vector<std::byte> npy_bytes(const NpyArray& array) {
  std::string header =
      "{'descr': '" + array.dtype + "', 'fortran_order': False, 'shape': " + shape_text(array.shape) + ", }";
  // The data begins at a multiple of 64 bytes; the header ends with a newline.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  if (header.size() > 0xffff) throw std::invalid_argument("npy: shape has too many dimensions");
  std::string head(kMagic);
  head += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  head += header;
  std::vector<std::byte> bytes(head.size() + array.data.size());
  std::memcpy(bytes.data(), head.data(), head.size());
  if (!array.data.empty()) std::memcpy(bytes.data() + head.size(), array.data.data(), array.data.size());
  return bytes;
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  const std::vector<std::byte> bytes = npy_bytes(array);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const auto reason = detail::write_whole_file(path, text))
    throw std::runtime_error(path.string() + ": cannot write the file: " + *reason);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace sepconv::runner
