#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "environment.h"
#include "mapping.h"

namespace pageferry {
namespace {

/// What a JavaScript buffer holds of its mapping. Its finalizer may run long after `munmap`, when
/// another mapping has the same address: hence the object, and not the address, is what it holds.
struct Attachment {
  std::shared_ptr<MappingTable> table;
  std::shared_ptr<Mapping> mapping;
};

void Detach(napi_env, void*, void* hint) {
  const std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(hint));
  attachment->table->Remove(*attachment->mapping);
  // The memory ends with its last owner: this attachment, or a call on another thread.
}

napi_value Number(napi_env env, Result result) {
  napi_value number = nullptr;
  napi_create_int64(env, result, &number);
  return number;
}

/// Puts an ArrayBuffer over the mapping; -errno where the runtime refuses.
Result Attach(napi_env env, const std::shared_ptr<Mapping>& mapping, napi_value* buffer) {
  const auto table = Environment::Of(env).shared_mappings();
  auto attachment = std::make_unique<Attachment>(Attachment{table, mapping});
  const napi_status status = napi_create_external_arraybuffer(
      env, mapping->address(), mapping->length(), Detach, attachment.get(), buffer);
  if (status == napi_ok) {
    attachment.release();
    table->Add(mapping);
    return 0;
  }
  // Nothing but the first refusal is certain not to run the finalizer later: otherwise the
  // attachment, some bytes, is left to it.
  if (status != napi_no_external_buffers_allowed) attachment.release();
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  return status == napi_no_external_buffers_allowed ? -EOPNOTSUPP : -ENOMEM;
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
               std::int64_t offset) {
  // MAP_FIXED would replace whatever is at the address, and the address here is 0.
  if (byte_length <= 0 || (flags & MAP_FIXED) != 0) return Number(env, -EINVAL);
  const auto length = static_cast<std::size_t>(byte_length);
  void* const address = mmap(nullptr, length, protection, flags, fd, offset);
  if (address == MAP_FAILED) return Number(env, -errno);

  const auto mapping = std::make_shared<Mapping>(address, length);
  napi_value buffer = nullptr;
  const Result result = Attach(env, mapping, &buffer);
  if (result == 0) return buffer;
  mapping->End();
  return Number(env, result);
}

Result Unmap(napi_env env, Buffer buffer) {
  auto& table = Environment::Of(env).mappings();
  const auto mapping = table.Find(buffer.data, buffer.length);
  if (mapping == nullptr) return -EINVAL;
  if (napi_detach_arraybuffer(env, buffer.value) != napi_ok) return -EBUSY;
  table.Remove(*mapping);
  return mapping->End();
}

Result Advise(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t length, int advice) {
  const auto mapping = Environment::Of(env).mappings().Find(buffer.data, buffer.length);
  if (mapping == nullptr) return -EINVAL;
  const auto limit = static_cast<std::int64_t>(mapping->length());
  if (offset < 0 || length < 0 || offset > limit || length > limit - offset) return -EFAULT;
  auto* const start = static_cast<std::uint8_t*>(mapping->address()) + offset;
  return Repeat([&] { return madvise(start, static_cast<std::size_t>(length), advice); });
}

napi_value AddressOf(napi_env env, Buffer buffer) {
  napi_value address = nullptr;
  napi_create_bigint_uint64(env, reinterpret_cast<std::uintptr_t>(buffer.data), &address);
  return address;
}

}  // namespace pageferry
