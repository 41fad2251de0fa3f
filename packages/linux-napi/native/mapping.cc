#include "mapping.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "bell.h"
#include "explanation.h"
#include "thread_alias.h"

namespace pageferry {
namespace {

std::uintptr_t Number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

Mapping::Mapping(void* address, std::size_t length, std::size_t shown)
    : pages_(std::make_shared<Pages>(address, length)), length_(length), shown_(shown) {}

Mapping::~Mapping() {
  LeaveToThreads();
  Unmap();
}

bool Mapping::Contains(std::int64_t offset, std::int64_t length) const {
  const auto limit = static_cast<std::int64_t>(length_);
  return offset >= 0 && length >= 0 && offset <= limit && length <= limit - offset;
}

void Mapping::Explain(std::unique_ptr<Explanation> explanation) {
  explanation_ = std::move(explanation);
}

const std::shared_ptr<Bell>& Mapping::bell() {
  if (bell_ == nullptr) bell_ = Bell::Create();
  return bell_;
}

std::shared_ptr<ThreadAlias> Mapping::ShareWithThreads(const std::shared_ptr<Bell>& bell,
                                                       const Part& part) {
  if (thread_aliases_.size() >= sweep_at_) {
    std::erase_if(thread_aliases_, [](const auto& alias) { return alias.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * thread_aliases_.size());
  }
  auto alias = std::make_shared<ThreadAlias>(pages_, bell, part);
  thread_aliases_.push_back(alias);
  return alias;
}

void Mapping::LeaveToThreads() {
  if (pages_ == nullptr || ended_ || !IsSeenByThreads()) return;
  ended_ = true;
  bell_.reset();
  for (const auto& entry : thread_aliases_) {
    const auto alias = entry.lock();
    if (alias != nullptr && alias->IsHeld()) kept_.push_back(alias->part());
  }
  PutPrivatePages();
}

Result Mapping::End(std::vector<Part> kept) {
  ended_ = true;
  bell_.reset();
  kept_ = std::move(kept);
  return calls_ == 0 ? GiveUp() : 0;
}

Result Mapping::EndLater() {
  stays_ = true;
  return End({});
}

Result Mapping::GiveUp() {
  if (buffers_ == 0 && !IsSeenByThreads()) return Unmap();
  return stays_ || replaced_ ? 0 : PutPrivatePages();
}

Result Mapping::Unmap() {
  if (pages_ == nullptr) return 0;
  // First: another mapping may be at this place as soon as this one is not.
  explanation_.reset();
  const auto pages = std::exchange(pages_, nullptr);
  // The last thread that sees part of it unmaps it. No other one can come to see it any more.
  return pages.use_count() > 1 ? 0 : pages->Unmap();
}

Result Mapping::Replace(std::size_t length, int protection, int flags, int fd) {
  void* const pages = mmap(nullptr, length, protection, flags, fd, 0);
  return pages == MAP_FAILED ? Result{-errno} : MoveHere(pages, length);
}

Result Mapping::PutPrivatePages() {
  explanation_.reset();
  replaced_ = true;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const pages = mmap(nullptr, length_, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  // Then the memory stays what it is until the last buffer is gone, as it does if this cannot be moved.
  if (pages == MAP_FAILED) return 0;
  for (const auto& [offset, length] : kept_) {
    std::memcpy(static_cast<std::uint8_t*>(pages) + offset,
                pages_->address() + offset, length);
  }
  MoveHere(pages, length_);
  return 0;
}

Result Mapping::MoveHere(void* pages, std::size_t length) {
  if (mremap(pages, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, address()) != MAP_FAILED) return 0;
  const Result result = -errno;
  munmap(pages, length);
  return result;
}

MappingPin::MappingPin(std::shared_ptr<Mapping> mapping, Holder holder)
    : mapping_(std::move(mapping)), holder_(holder) {
  if (mapping_ != nullptr) ++Count();
}

MappingPin::~MappingPin() {
  if (mapping_ == nullptr || --Count() > 0 || !mapping_->ended_) return;
  if (mapping_->calls_ == 0) mapping_->GiveUp();
}

void MappingTable::Add(std::shared_ptr<Mapping> mapping) {
  const auto key = Number(mapping->address());
  by_address_.insert_or_assign(key, std::move(mapping));
}

void MappingTable::LeaveToThreads() {
  for (const auto& [address, mapping] : by_address_) mapping->LeaveToThreads();
}

void MappingTable::Remove(const Mapping& mapping) {
  by_address_.erase(Number(mapping.address()));
}

std::shared_ptr<Mapping> MappingTable::Find(const void* address, std::size_t shown) const {
  const auto entry = by_address_.find(Number(address));
  if (entry == by_address_.end() || entry->second->shown() != shown) return nullptr;
  return entry->second;
}

std::shared_ptr<Mapping> MappingTable::Containing(const void* address) const {
  const auto after = by_address_.upper_bound(Number(address));
  if (after == by_address_.begin()) return nullptr;
  const auto& candidate = std::prev(after)->second;
  const bool inside = Number(address) - Number(candidate->address()) < candidate->length();
  return inside ? candidate : nullptr;
}

}  // namespace pageferry
