#include "alias.h"

#include <utility>

#include "environment.h"
#include "external_buffer.h"

namespace pageferry {

void AliasTable::Add(Alias& alias) { by_start_.emplace(alias.start(), &alias); }

void AliasTable::Remove(const Alias& alias) {
  const auto [first, last] = by_start_.equal_range(alias.start());
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second != &alias) continue;
    by_start_.erase(entry);
    return;
  }
}

Alias* AliasTable::Find(const Buffer& buffer) const {
  const auto [first, last] = by_start_.equal_range(buffer.data);
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second->Is(buffer.value)) return entry->second;
  }
  return nullptr;
}

void AliasTable::DetachAll(const Mapping& mapping) {
  const auto* const start = static_cast<const std::uint8_t*>(mapping.address());
  const void* const end = start + mapping.length();
  auto entry = by_start_.lower_bound(start);
  while (entry != by_start_.end() && !(end < entry->first)) {
    // Before the alias takes its entry out.
    Alias& alias = *(entry++)->second;
    if (alias.IsOf(mapping)) alias.Detach();
  }
}

Alias::Alias(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start)
    : env_(env), table_(Environment::Of(env).shared_aliases()), start_(start), pin_(mapping) {}

Result Alias::Create(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start,
                     std::size_t length, napi_value* buffer) {
  std::unique_ptr<Alias> owner(new Alias(env, mapping, start));
  Alias& alias = *owner;
  const Result result = CreateExternalBuffer(env, start, length, std::move(owner), buffer);
  if (result < 0) return result;
  napi_create_reference(env, *buffer, 0, &alias.reference_);
  alias.table_->Add(alias);
  return 0;
}

napi_value Alias::Value() const {
  napi_value value = nullptr;
  napi_get_reference_value(env_, reference_, &value);
  return value;
}

bool Alias::Is(napi_value buffer) const {
  const napi_value own = Value();
  bool same = false;
  return own != nullptr && napi_strict_equals(env_, own, buffer, &same) == napi_ok && same;
}

Result Alias::Detach() {
  const napi_value buffer = Value();
  Forget();
  bool gone = true;
  if (buffer != nullptr) napi_is_detached_arraybuffer(env_, buffer, &gone);
  // The memory has moved on, or is about to be collected: only the finalizer knows when it is unused.
  if (gone) return -EINVAL;
  MappingPin pin;
  pin = std::move(pin_);
  // From here on this object may be gone.
  if (napi_detach_arraybuffer(env_, buffer) == napi_ok) return 0;
  pin_ = std::move(pin);
  return -EBUSY;
}

void Alias::Forget() {
  if (reference_ == nullptr) return;
  table_->Remove(*this);
  napi_delete_reference(env_, std::exchange(reference_, nullptr));
}

napi_value CreateAlias(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t byte_length) {
  napi_value alias = nullptr;
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  Result result = -EINVAL;
  if (mapping != nullptr && mapping->Contains(offset, byte_length)) {
    // Not every Node knows an empty buffer over memory of ours from a detached one.
    if (byte_length == 0 && napi_create_arraybuffer(env, 0, nullptr, &alias) == napi_ok) return alias;
    auto* const start = static_cast<std::uint8_t*>(mapping->address()) + offset;
    result = Alias::Create(env, mapping, start, static_cast<std::size_t>(byte_length), &alias);
  }
  if (result < 0) napi_create_int64(env, result, &alias);
  return alias;
}

Result DetachAlias(napi_env env, Buffer buffer) {
  Alias* const alias = Environment::Of(env).aliases().Find(buffer);
  if (alias != nullptr) return alias->Detach();
  // An empty alias is like any other empty buffer.
  bool detached = true;
  napi_is_detached_arraybuffer(env, buffer.value, &detached);
  if (detached || buffer.length > 0) return -EINVAL;
  return napi_detach_arraybuffer(env, buffer.value) == napi_ok ? 0 : -EBUSY;
}

}  // namespace pageferry
