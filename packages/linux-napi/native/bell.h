#ifndef PAGEFERRY_BELL_H_
#define PAGEFERRY_BELL_H_

#include <memory>

#include "result.h"

namespace pageferry {

/// An eventfd, eventfd(2), which any thread may ring. It is open as long as it has an owner.
class Bell {
 public:
  /// Null if there is no descriptor left; `errno` says why.
  static std::shared_ptr<Bell> Create();

  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  int fd() const { return fd_; }
  void Ring() const;

 private:
  explicit Bell(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_BELL_H_
