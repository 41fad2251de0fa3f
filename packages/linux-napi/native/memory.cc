#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "environment.h"
#include "external_buffer.h"
#include "mapping.h"

namespace pageferry {
namespace {

/// What a JavaScript buffer holds of its mapping. It may go long after `munmap`, when another mapping
/// has the same address: hence the object, and not the address, is what it holds.
class Attachment {
 public:
  Attachment(std::shared_ptr<MappingTable> table, std::shared_ptr<Mapping> mapping)
      : table_(std::move(table)), mapping_(std::move(mapping)) {}
  // The memory ends with its last owner: this, or whoever pins it.
  ~Attachment() { table_->Remove(*mapping_); }
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

 private:
  const std::shared_ptr<MappingTable> table_;
  const std::shared_ptr<Mapping> mapping_;
};

napi_value Number(napi_env env, Result result) {
  napi_value number = nullptr;
  napi_create_int64(env, result, &number);
  return number;
}

/// Puts an ArrayBuffer over the mapping; -errno where the runtime refuses.
Result Attach(napi_env env, const std::shared_ptr<Mapping>& mapping, napi_value* buffer) {
  const auto& table = Environment::Of(env).shared_mappings();
  const Result result =
      CreateExternalBuffer(env, mapping->address(), mapping->shown(),
                           std::make_shared<Attachment>(table, mapping), buffer);
  if (result == 0) table->Add(mapping);
  return result;
}

/// Takes its own buffer away from a mapping that ends.
Result TakeBuffer(napi_env env, const Buffer& buffer, const Mapping& mapping) {
  const Result result = DetachBuffer(env, buffer.value);
  if (result == 0) Environment::Of(env).mappings().Remove(mapping);
  return result;
}

/// Pairs of offset and length. False if one does not lie within the mapping.
bool ReadParts(const Float64s& numbers, const Mapping& mapping, std::vector<Part>& parts) {
  constexpr double kMaxSafeInteger = 9007199254740991;
  for (std::size_t index = 0; index + 1 < numbers.length; index += 2) {
    const double offset = numbers.data[index];
    const double length = numbers.data[index + 1];
    // False for NaN, too.
    if (!(offset >= 0 && offset <= kMaxSafeInteger && length >= 0 && length <= kMaxSafeInteger) ||
        !mapping.Contains(static_cast<std::int64_t>(offset), static_cast<std::int64_t>(length))) {
      return false;
    }
    parts.push_back({static_cast<std::size_t>(offset), static_cast<std::size_t>(length)});
  }
  return true;
}

}  // namespace

Result PageSize() { return sysconf(_SC_PAGESIZE); }

Result MemfdCreate(MemoryName name, int flags) {
  if (name.HasNul()) return -EINVAL;
  const auto bits = static_cast<unsigned>(flags) | MFD_CLOEXEC;
  return Repeat([&] { return memfd_create(name.characters.data(), bits); });
}

Result GetSeals(int fd) {
  return Repeat([&] { return fcntl(fd, F_GET_SEALS); });
}

Result AddSeals(int fd, int seals) {
  return Repeat([&] { return fcntl(fd, F_ADD_SEALS, seals); });
}

napi_value Map(napi_env env, std::int64_t byte_length, int protection, int flags, int fd,
               std::int64_t offset, std::optional<std::int64_t> shown) {
  const std::int64_t shown_length = shown.value_or(byte_length);
  if (shown_length <= 0 || shown_length > byte_length) return Number(env, -EINVAL);
  // MAP_FIXED would replace whatever is at the address, and the address here is 0.
  if ((flags & MAP_FIXED) != 0) return Number(env, -EINVAL);
  const auto length = static_cast<std::size_t>(byte_length);
  void* const address = mmap(nullptr, length, protection, flags, fd, offset);
  if (address == MAP_FAILED) return Number(env, -errno);

  const auto mapping =
      std::make_shared<Mapping>(address, length, static_cast<std::size_t>(shown_length));
  napi_value buffer = nullptr;
  const Result result = Attach(env, mapping, &buffer);
  if (result == 0) return buffer;
  mapping->End({});
  return Number(env, result);
}

Result Unmap(napi_env env, Buffer buffer, std::optional<Float64s> kept) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr) return -EINVAL;
  std::vector<Part> parts;
  if (kept.has_value() && !ReadParts(*kept, *mapping, parts)) return -EFAULT;
  if (const Result result = TakeBuffer(env, buffer, *mapping); result < 0) return result;
  return mapping->End(std::move(parts));
}

Result UnmapLater(napi_env env, Buffer buffer) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr) return -EINVAL;
  if (const Result result = TakeBuffer(env, buffer, *mapping); result < 0) return result;
  return mapping->EndLater();
}

Result Remap(napi_env env, Buffer buffer, std::int64_t byte_length, int protection, int flags,
             int fd) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr || (flags & MAP_FIXED) != 0) return -EINVAL;
  if (!mapping->Contains(0, byte_length)) return -EFAULT;
  return mapping->Replace(static_cast<std::size_t>(byte_length), protection, flags, fd);
}

Result Advise(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t length, int advice) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr) return -EINVAL;
  if (!mapping->Contains(offset, length)) return -EFAULT;
  auto* const start = static_cast<std::uint8_t*>(mapping->address()) + offset;
  return Repeat([&] { return madvise(start, static_cast<std::size_t>(length), advice); });
}

napi_value AddressOf(napi_env env, Buffer buffer) {
  napi_value address = nullptr;
  napi_create_bigint_uint64(env, reinterpret_cast<std::uintptr_t>(buffer.data), &address);
  return address;
}

}  // namespace pageferry
