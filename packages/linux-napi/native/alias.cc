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

Alias::Alias(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start)
    : env_(env),
      table_(Environment::Of(env).shared_aliases()),
      start_(start),
      pin_(mapping, MappingPin::Holder::kBuffer) {}

Alias::~Alias() {
  Forget();
  if (reference_ != nullptr) napi_delete_reference(env_, reference_);
}

Result Alias::Create(napi_env env, const std::shared_ptr<Mapping>& mapping, void* start,
                     std::size_t length, napi_value* buffer) {
  const std::shared_ptr<Alias> alias(new Alias(env, mapping, start));
  const Result result = CreateExternalBuffer(env, start, length, alias, buffer);
  if (result < 0) return result;
  KeepFor(alias, *buffer);
  alias->table_->Add(*alias);
  alias->known_ = true;
  return 0;
}

void Alias::KeepFor(const std::shared_ptr<Alias>& alias, napi_value buffer) {
  const napi_finalize finalize = [](napi_env, void* data, void*) {
    delete static_cast<std::shared_ptr<Alias>*>(data);
  };
  auto owner = std::make_unique<std::shared_ptr<Alias>>(alias);
  const napi_status status =
      napi_add_finalizer(alias->env_, buffer, owner.get(), finalize, nullptr, &alias->reference_);
  if (status == napi_ok) owner.release();
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
  bool gone = true;
  if (buffer != nullptr) napi_is_detached_arraybuffer(env_, buffer, &gone);
  if (gone) {
    Forget();
    return -EINVAL;
  }
  const Result result = DetachBuffer(env_, buffer);
  if (result == 0) Forget();
  return result;
}

void Alias::Forget() {
  if (std::exchange(known_, false)) table_->Remove(*this);
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
  return DetachBuffer(env, buffer.value);
}

}  // namespace pageferry
