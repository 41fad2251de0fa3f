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
  /// Detaches every alias of the mapping.
  void DetachAll(const Mapping& mapping);

 private:
  // Several may start at one address.
  std::multimap<const void*, Alias*, std::less<>> by_start_;
};

/// A second ArrayBuffer over part of a mapping. The object stays until the runtime is done with the
/// buffer's memory, which may be long after it was detached.
///
/// A program can move the memory on to a buffer that nobody here knows (`ArrayBuffer.transfer`), so an
/// alias keeps its mapping mapped until it is certain that no buffer is left.
class Alias {
 public:
  /// Puts an ArrayBuffer over `length` bytes at `start`, which lie within the mapping. -errno where
  /// the runtime refuses.
  static Result Create(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start,
                       std::size_t length, napi_value* buffer);

  ~Alias() { Forget(); }
  Alias(const Alias&) = delete;
  Alias& operator=(const Alias&) = delete;

  const void* start() const { return start_; }
  bool IsOf(const Mapping& mapping) const { return pin_.Holds(mapping); }
  bool Is(napi_value buffer) const;

  /// Takes the memory away from the ArrayBuffer and its views. -EINVAL if it has none any more.
  Result Detach();

 private:
  Alias(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start);

  /// The ArrayBuffer, or null if it is garbage.
  napi_value Value() const;
  void Forget();

  const napi_env env_;
  const std::shared_ptr<AliasTable> table_;
  void* const start_;
  // Weak, so that it is no reason to keep the buffer. Null once the alias is in no table.
  napi_ref reference_ = nullptr;
  MappingPin pin_;
};

napi_value CreateAlias(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t byte_length);
Result DetachAlias(napi_env env, Buffer buffer);

}  // namespace pageferry

#endif  // PAGEFERRY_ALIAS_H_
