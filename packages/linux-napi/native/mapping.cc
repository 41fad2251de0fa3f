#include "mapping.h"

#include <sys/mman.h>

#include <iterator>

#include "explanation.h"

namespace pageferry {
namespace {

std::uintptr_t Number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

Mapping::Mapping(void* address, std::size_t length) : address_(address), length_(length) {}

Mapping::~Mapping() { Unmap(); }

bool Mapping::Contains(std::int64_t offset, std::int64_t length) const {
  const auto limit = static_cast<std::int64_t>(length_);
  return offset >= 0 && length >= 0 && offset <= limit && length <= limit - offset;
}

void Mapping::Explain(std::unique_ptr<Explanation> explanation) {
  explanation_ = std::move(explanation);
}

Result Mapping::End() {
  ended_ = true;
  return pins_ == 0 ? Unmap() : 0;
}

Result Mapping::Unmap() {
  if (address_ == nullptr) return 0;
  // First: another mapping may be at this place as soon as this one is not.
  explanation_.reset();
  return Once([&] { return munmap(std::exchange(address_, nullptr), length_); });
}

MappingPin::MappingPin(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {
  if (mapping_ != nullptr) ++mapping_->pins_;
}

MappingPin::~MappingPin() {
  if (mapping_ != nullptr && --mapping_->pins_ == 0 && mapping_->ended_) mapping_->Unmap();
}

void MappingTable::Add(std::shared_ptr<Mapping> mapping) {
  const auto key = Number(mapping->address());
  by_address_.insert_or_assign(key, std::move(mapping));
}

void MappingTable::Remove(const Mapping& mapping) {
  by_address_.erase(Number(mapping.address()));
}

std::shared_ptr<Mapping> MappingTable::Find(const void* address, std::size_t length) const {
  const auto entry = by_address_.find(Number(address));
  if (entry == by_address_.end() || entry->second->length() != length) return nullptr;
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
