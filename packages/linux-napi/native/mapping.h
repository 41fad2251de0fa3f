#ifndef PAGEFERRY_MAPPING_H_
#define PAGEFERRY_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "result.h"

namespace pageferry {

class Explanation;

/// One range of mapped memory, unmapped exactly once: by `End`, or by the last owner. Used by the
/// JavaScript thread alone.
class Mapping {
 public:
  Mapping(void* address, std::size_t length);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  /// Null once it is unmapped.
  void* address() const { return address_; }
  std::size_t length() const { return length_; }

  /// Whether the bytes [offset, offset + length) lie within it.
  bool Contains(std::int64_t offset, std::int64_t length) const;

  /// Has writes to it explained from now on, or no longer. Ends with the mapping.
  void Explain(std::unique_ptr<Explanation> explanation);

  /// Unmaps now, or, while something pins the memory, as soon as that has ended.
  Result End();

 private:
  friend class MappingPin;

  Result Unmap();

  void* address_;
  const std::size_t length_;
  std::unique_ptr<Explanation> explanation_;
  int pins_ = 0;
  bool ended_ = false;
};

/// Keeps a mapping mapped while a call on another thread, or another buffer, uses its memory.
class MappingPin {
 public:
  MappingPin() = default;
  explicit MappingPin(std::shared_ptr<Mapping> mapping);
  ~MappingPin();
  MappingPin(const MappingPin&) = delete;
  MappingPin& operator=(const MappingPin&) = delete;
  MappingPin& operator=(MappingPin&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    return *this;
  }

  bool Holds(const Mapping& mapping) const { return mapping_.get() == &mapping; }

 private:
  std::shared_ptr<Mapping> mapping_;
};

/// The live mappings of one environment, by address.
class MappingTable {
 public:
  MappingTable() = default;
  MappingTable(const MappingTable&) = delete;
  MappingTable& operator=(const MappingTable&) = delete;

  void Add(std::shared_ptr<Mapping> mapping);
  /// Forgets `mapping`. One that has been unmapped has no address any more, so that this spares a
  /// younger one at the same place.
  void Remove(const Mapping& mapping);
  /// The mapping of exactly this range, or null.
  std::shared_ptr<Mapping> Find(const void* address, std::size_t length) const;
  /// The mapping that `address` lies in, or null.
  std::shared_ptr<Mapping> Containing(const void* address) const;

 private:
  std::map<std::uintptr_t, std::shared_ptr<Mapping>> by_address_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_MAPPING_H_
