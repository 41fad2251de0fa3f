#ifndef PAGEFERRY_PAGES_H_
#define PAGEFERRY_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "result.h"

namespace pageferry {

/// Addresses at which something is mapped, until they are unmapped, or their last owner lets them go, on
/// whatever thread that is.
class Pages {
 public:
  Pages(void* address, std::size_t length) : address_(address), length_(length) {}
  ~Pages() { Unmap(); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  /// Null once unmapped.
  std::uint8_t* address() const { return static_cast<std::uint8_t*>(address_); }
  std::size_t length() const { return length_; }

  Result Unmap() {
    if (address_ == nullptr) return 0;
    return Once([&] { return munmap(std::exchange(address_, nullptr), length_); });
  }

 private:
  void* address_;
  const std::size_t length_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_PAGES_H_
