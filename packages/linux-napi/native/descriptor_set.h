#ifndef PAGEFERRY_DESCRIPTOR_SET_H_
#define PAGEFERRY_DESCRIPTOR_SET_H_

#include <node_api.h>

#include <unordered_set>

#include "result.h"

namespace pageferry {

/// The descriptors that are closed when their thread ends. Node stops a worker without running its
/// code, and the kernel closes descriptors only when the whole process ends.
class DescriptorSet {
 public:
  DescriptorSet() = default;
  ~DescriptorSet();
  DescriptorSet(const DescriptorSet&) = delete;
  DescriptorSet& operator=(const DescriptorSet&) = delete;

  void Add(int fd) { open_.insert(fd); }
  void Remove(int fd) { open_.erase(fd); }

 private:
  std::unordered_set<int> open_;
};

Result CloseAtThreadEnd(napi_env env, int fd, bool on);

}  // namespace pageferry

#endif  // PAGEFERRY_DESCRIPTOR_SET_H_
