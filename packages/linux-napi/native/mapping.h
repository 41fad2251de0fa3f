#ifndef PAGEFERRY_MAPPING_H_
#define PAGEFERRY_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "pages.h"
#include "result.h"

namespace pageferry {

class Bell;
class Explanation;
class ThreadAlias;

/// A part of a mapping, in bytes.
struct Part {
  std::size_t offset;
  std::size_t length;
};

/// One range of mapped memory. Used by the JavaScript thread alone.
///
/// Whoever has ended it is not necessarily the last who can reach it: a job of Node's thread pool keeps
/// the address, and the buffer that it is of, but not the memory. So as long as a buffer over a part of
/// it exists, be it detached, something is mapped there. Nor do other threads that see part of it end with
/// it: see ThreadAlias.
class Mapping {
 public:
  /// @param shown how many bytes its own buffer shows.
  Mapping(void* address, std::size_t length, std::size_t shown);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  /// Null once it is unmapped.
  void* address() const { return pages_ == nullptr ? nullptr : pages_->address(); }
  std::size_t length() const { return length_; }
  std::size_t shown() const { return shown_; }

  /// Whether the bytes [offset, offset + length) lie within it.
  bool Contains(std::int64_t offset, std::int64_t length) const;

  /// Has writes to it explained from now on, or no longer. Ends with the mapping.
  void Explain(std::unique_ptr<Explanation> explanation);

  /// Maps other memory over its first `length` bytes, in one step: whoever reads meanwhile finds the old
  /// pages or the new ones. -errno, and nothing has changed, where the kernel refuses.
  Result Replace(std::size_t length, int protection, int flags, int fd);

  /// What is rung when other threads are done with a part. Null if it cannot be made; `errno` says why.
  const std::shared_ptr<Bell>& bell();

  /// Has other threads see a part of it, which lies within it.
  std::shared_ptr<ThreadAlias> ShareWithThreads(const std::shared_ptr<Bell>& bell, const Part& part);

  /// For the end of the thread: puts private pages in the place of a mapping that other threads see, with a copy of what
  /// they are not done with.
  void LeaveToThreads();

  /// Gives the memory up, as soon as no call on another thread uses it: unmaps it, or, where a program
  /// may still reach it, puts private pages in its place. Those hold a copy of the `kept` parts, and are
  /// unmapped with the last buffer.
  Result End(std::vector<Part> kept);

  /// Unmaps it when no buffer over a part of it is left, and leaves it as it is until then.
  Result EndLater();

 private:
  friend class MappingPin;

  /// True as long as a thread has a buffer over a part of it.
  bool IsSeenByThreads() const { return pages_.use_count() > 1; }
  Result GiveUp();
  Result Unmap();
  Result PutPrivatePages();
  Result MoveHere(void* pages, std::size_t length);

  std::shared_ptr<Pages> pages_;
  const std::size_t length_;
  const std::size_t shown_;
  std::unique_ptr<Explanation> explanation_;
  std::vector<Part> kept_;
  std::shared_ptr<Bell> bell_;
  /// Those that other threads may have; garbage is swept out now and then.
  std::vector<std::weak_ptr<ThreadAlias>> thread_aliases_;
  std::size_t sweep_at_ = 64;
  /// Calls on other threads that use the memory now.
  int calls_ = 0;
  /// Buffers over parts of it.
  int buffers_ = 0;
  bool ended_ = false;
  bool stays_ = false;
  /// Private pages were put in its place.
  bool replaced_ = false;
};

/// Keeps a mapping from being given up while a call on another thread uses its memory, or from being
/// unmapped while a buffer over a part of it exists.
class MappingPin {
 public:
  enum class Holder { kCall, kBuffer };

  MappingPin() = default;
  MappingPin(std::shared_ptr<Mapping> mapping, Holder holder);
  ~MappingPin();
  MappingPin(const MappingPin&) = delete;
  MappingPin& operator=(const MappingPin&) = delete;
  MappingPin& operator=(MappingPin&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(holder_, other.holder_);
    return *this;
  }

  bool Holds(const Mapping& mapping) const { return mapping_.get() == &mapping; }

 private:
  int& Count() { return holder_ == Holder::kCall ? mapping_->calls_ : mapping_->buffers_; }

  std::shared_ptr<Mapping> mapping_;
  Holder holder_ = Holder::kCall;
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
  /// The mapping whose own buffer has this range, or null.
  std::shared_ptr<Mapping> Find(const void* address, std::size_t shown) const;
  /// The mapping that `address` lies in, or null.
  std::shared_ptr<Mapping> Containing(const void* address) const;
  /// For the end of the thread.
  void LeaveToThreads();

 private:
  std::map<std::uintptr_t, std::shared_ptr<Mapping>> by_address_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_MAPPING_H_
