#ifndef PAGEFERRY_EXPORTS_H_
#define PAGEFERRY_EXPORTS_H_

#include <node_api.h>

#include <cerrno>
#include <limits>
#include <tuple>
#include <utility>

#include "arguments.h"
#include "result.h"
#include "thread_call.h"

namespace pageferry {

inline napi_value ToJavaScript(napi_env env, Result result) {
  napi_value number = nullptr;
  if (result >= INT32_MIN && result <= INT32_MAX) {
    napi_create_int32(env, static_cast<std::int32_t>(result), &number);
  } else {
    napi_create_int64(env, result, &number);
  }
  return number;
}

inline napi_value ToJavaScript(napi_env, napi_value value) { return value; }

/// Makes a JavaScript function of a native one: reads each parameter from the arguments, and turns
/// the outcome into a JavaScript value. A wrong type is a TypeError, a wrong range is -EFAULT.
template <auto kFunction>
struct Export;

template <typename Outcome, typename... Parameters, Outcome (*kFunction)(Parameters...)>
struct Export<kFunction> {
  using Reader = Arguments<(kArgumentsFor<Parameters> + ... + 0)>;

  static napi_value Call(napi_env env, napi_callback_info info) {
    Reader reader(env, info);
    // Braces, because they alone promise to evaluate from left to right.
    const std::tuple<Parameters...> parameters{reader.template Next<Parameters>()...};
    if (reader.thrown()) return nullptr;
    if (reader.out_of_bounds()) return ToJavaScript(env, Result{-EFAULT});
    return ToJavaScript(env, std::apply(kFunction, parameters));
  }

  static napi_value CallOnThread(napi_env env, napi_callback_info info) {
    Reader reader(env, info);
    std::tuple<Parameters...> parameters{reader.template Next<Parameters>()...};
    if (reader.thrown()) return nullptr;
    const bool out_of_bounds = reader.out_of_bounds();
    return ThreadCall::Start(env, reader.bytes_owner(), [parameters, out_of_bounds] {
      return out_of_bounds ? Result{-EFAULT} : std::apply(kFunction, parameters);
    });
  }
};

/// One entry of the export table: `kFunction`, called on this thread.
template <auto kFunction>
constexpr napi_property_descriptor Method(const char* name) {
  return {name,    nullptr, Export<kFunction>::Call, nullptr, nullptr,
          nullptr, napi_enumerable, nullptr};
}

/// One entry of the export table: `kFunction`, called on libuv's thread pool; returns a promise.
template <auto kFunction>
constexpr napi_property_descriptor MethodOnThread(const char* name) {
  return {name,    nullptr, Export<kFunction>::CallOnThread, nullptr, nullptr,
          nullptr, napi_enumerable, nullptr};
}

}  // namespace pageferry

#endif  // PAGEFERRY_EXPORTS_H_
