#ifndef PAGEFERRY_ARGUMENTS_H_
#define PAGEFERRY_ARGUMENTS_H_

#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace pageferry {

/// Memory that three JavaScript arguments name: a Uint8Array, an offset and a length, in bytes.
/// The range lies within the array.
struct Bytes {
  std::uint8_t* data;
  std::size_t length;
};

/// The elements of a typed array that the caller owns.
template <typename Element>
struct Elements {
  Element* data;
  std::size_t length;
};
using Int32s = Elements<std::int32_t>;
using BigInt64s = Elements<std::int64_t>;
using Float64s = Elements<double>;

/// An Int32Array that a function keeps. Its elements do not move any more.
struct KeptInt32s {
  napi_value value;
  Int32s elements;
};

/// An ArrayBuffer; `data` is null once it is detached.
struct Buffer {
  napi_value value;
  void* data;
  std::size_t length;
};

/// A JavaScript function.
struct Callback {
  napi_value function;
};

/// A string of at most `kCapacity` bytes of UTF-8, terminated.
template <std::size_t kCapacity>
struct Text {
  static constexpr std::size_t capacity = kCapacity;
  // Room for one character (4 bytes) too many, so that a string that is too long shows.
  std::array<char, kCapacity + 5> characters;
  std::size_t length;

  bool Fits() const { return length <= kCapacity; }
  bool HasNul() const {
    return std::char_traits<char>::find(characters.data(), length, '\0') != nullptr;
  }
};

/// How many JavaScript arguments a parameter of a native function takes.
template <typename Parameter>
inline constexpr std::size_t kArgumentsFor = 1;
template <>
inline constexpr std::size_t kArgumentsFor<Bytes> = 3;
template <>
inline constexpr std::size_t kArgumentsFor<napi_env> = 0;

/// Reads the arguments of one call from left to right, each as the type that is asked for.
///
/// Written against the C functions of Node-API: it runs in every call, and some of those take less
/// time than an object of the C++ wrapper.
template <std::size_t kCount>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    std::size_t count = kCount;
    napi_get_cb_info(env, info, &count, values_.data(), nullptr, nullptr);
  }
  Arguments(napi_env env, const std::array<napi_value, kCount>& values)
      : env_(env), values_(values) {}
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  /// The next parameter; a zero value once an argument was wrong.
  template <typename Parameter>
  Parameter Next() {
    Parameter parameter{};
    if (!thrown_) Read(parameter);
    return parameter;
  }

  /// True if an argument had the wrong type: a TypeError is pending, and nothing may be done.
  bool thrown() const { return thrown_; }
  /// True if (bytes, offset, length) named memory outside of the bytes.
  bool out_of_bounds() const { return out_of_bounds_; }
  /// The array behind the last `Bytes`, or null.
  napi_value bytes_owner() const { return bytes_owner_; }

 private:
  void Read(napi_env& env) { env = env_; }

  void Read(int& number) {
    std::int64_t wide = 0;
    if (!ReadInteger(INT32_MIN, INT32_MAX, "an integer of 32 bits", wide)) return;
    number = static_cast<int>(wide);
  }

  void Read(std::int64_t& number) {
    constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
    ReadInteger(-kMaxSafeInteger, kMaxSafeInteger, "a safe integer", number);
  }

  void Read(bool& flag) {
    if (napi_get_value_bool(env_, Take(), &flag) != napi_ok) Throw("a boolean");
  }

  void Read(Bytes& bytes) {
    bytes_owner_ = values_[next_];
    Elements<std::uint8_t> all{};
    if (!ReadElements(napi_uint8_array, "a Uint8Array", all)) return;
    std::int64_t offset = 0;
    std::int64_t length = 0;
    Read(offset);
    if (thrown_) return;
    Read(length);
    if (thrown_) return;
    const auto limit = static_cast<std::int64_t>(all.length);
    if (offset < 0 || length < 0 || offset > limit || length > limit - offset) {
      out_of_bounds_ = true;
      return;
    }
    // An empty or detached array has no address to add to.
    bytes.data = all.data == nullptr ? nullptr : all.data + offset;
    bytes.length = static_cast<std::size_t>(length);
  }

  void Read(Int32s& elements) { ReadElements(napi_int32_array, "an Int32Array", elements); }
  void Read(BigInt64s& elements) {
    ReadElements(napi_bigint64_array, "a BigInt64Array", elements);
  }

  void Read(Float64s& elements) {
    ReadElements(napi_float64_array, "a Float64Array", elements);
  }

  void Read(KeptInt32s& array) {
    array.value = values_[next_];
    Read(array.elements);
  }

  template <typename Parameter>
  void Read(std::optional<Parameter>& parameter) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env_, values_[next_], &type);
    if (type == napi_undefined) ++next_;
    else Read(parameter.emplace());
  }

  void Read(Buffer& buffer) {
    buffer.value = Take();
    // Newer versions of Node tell of a SharedArrayBuffer, too.
    bool is_buffer = false;
    if (napi_is_arraybuffer(env_, buffer.value, &is_buffer) != napi_ok || !is_buffer ||
        napi_get_arraybuffer_info(env_, buffer.value, &buffer.data, &buffer.length) != napi_ok) {
      Throw("an ArrayBuffer");
    }
  }

  void Read(Callback& callback) {
    callback.function = Take();
    napi_valuetype type = napi_undefined;
    napi_typeof(env_, callback.function, &type);
    if (type != napi_function) Throw("a function");
  }

  template <std::size_t kCapacity>
  void Read(Text<kCapacity>& text) {
    if (napi_get_value_string_utf8(env_, Take(), text.characters.data(), text.characters.size(),
                                   &text.length) != napi_ok) {
      Throw("a string");
    }
  }

  bool ReadInteger(std::int64_t least, std::int64_t most, const char* expected,
                   std::int64_t& number) {
    double value = 0;
    // The comparisons are false for NaN.
    if (napi_get_value_double(env_, Take(), &value) != napi_ok ||
        !(value >= static_cast<double>(least) && value <= static_cast<double>(most)) ||
        static_cast<double>(static_cast<std::int64_t>(value)) != value) {
      Throw(expected);
      return false;
    }
    number = static_cast<std::int64_t>(value);
    return true;
  }

  template <typename Element>
  bool ReadElements(napi_typedarray_type wanted, const char* expected, Elements<Element>& elements) {
    napi_typedarray_type type{};
    void* data = nullptr;
    if (napi_get_typedarray_info(env_, Take(), &type, &elements.length, &data, nullptr, nullptr) !=
            napi_ok ||
        type != wanted) {
      Throw(expected);
      return false;
    }
    elements.data = static_cast<Element*>(data);
    return true;
  }

  napi_value Take() { return values_[next_++]; }

  void Throw(const char* expected) {
    thrown_ = true;
    const std::string message = "argument " + std::to_string(next_) + " must be " + expected;
    napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", message.c_str());
  }

  const napi_env env_;
  std::array<napi_value, kCount> values_;
  std::size_t next_ = 0;
  napi_value bytes_owner_ = nullptr;
  bool thrown_ = false;
  bool out_of_bounds_ = false;
};

}  // namespace pageferry

#endif  // PAGEFERRY_ARGUMENTS_H_
