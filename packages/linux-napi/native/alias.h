#ifndef PAGEFERRY_ALIAS_H_
#define PAGEFERRY_ALIAS_H_

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "arguments.h"
#include "mapping.h"
#include "result.h"

namespace pageferry {

class Alias;

/// The aliases of one environment that are neither detached nor garbage, by where they start.
class AliasTable {
 public:
  AliasTable() = default;
  AliasTable(const AliasTable&) = delete;
  AliasTable& operator=(const AliasTable&) = delete;

  void Add(Alias& alias);
  void Remove(const Alias& alias);
  /// The alias that is this very buffer, or null.
  Alias* Find(const Buffer& buffer) const;

 private:
  // Several may start at one address.
  std::multimap<const void*, Alias*, std::less<>> by_start_;
};

/// A second ArrayBuffer over part of a mapping, which stays mapped until two things have gone: the
/// buffer's memory, which a program can move on to a buffer that nobody here knows
/// (`ArrayBuffer.transfer`); and the buffer itself, be it detached, which a job of Node's thread pool
/// refers to while it uses the address. The object stays until then.
class Alias {
 public:
  /// Puts an ArrayBuffer over `length` bytes at `start`, which lie within the mapping. -errno where
  /// the runtime refuses.
  static Result Create(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start,
                       std::size_t length, napi_value* buffer);

  ~Alias();
  Alias(const Alias&) = delete;
  Alias& operator=(const Alias&) = delete;

  const void* start() const { return start_; }
  bool Is(napi_value buffer) const;

  /// Takes the memory away from the ArrayBuffer and its views. -EINVAL if it has none any more, -EBUSY
  /// if the program forbids it (`markAsUntransferable`).
  Result Detach();

 private:
  Alias(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start);

  /// Keeps `alias` until `buffer` is garbage.
  static void KeepFor(const std::shared_ptr<Alias>& alias, napi_value buffer);
  /// The ArrayBuffer, or null if it is garbage.
  napi_value Value() const;
  void Forget();

  const napi_env env_;
  const std::shared_ptr<AliasTable> table_;
  void* const start_;
  // Weak, so that it is no reason to keep the buffer.
  napi_ref reference_ = nullptr;
  bool known_ = false;
  MappingPin pin_;
};

napi_value CreateAlias(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t byte_length);
Result DetachAlias(napi_env env, Buffer buffer);

}  // namespace pageferry

#endif  // PAGEFERRY_ALIAS_H_
