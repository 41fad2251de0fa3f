#include "descriptor_set.h"

#include <fcntl.h>
#include <unistd.h>

#include "environment.h"

namespace pageferry {

DescriptorSet::~DescriptorSet() {
  for (const int fd : open_) close(fd);
}

Result CloseAtThreadEnd(napi_env env, int fd, bool on) {
  const Result flags = Once([&] { return fcntl(fd, F_GETFD); });
  if (flags < 0) return flags;
  DescriptorSet& descriptors = Environment::Of(env).descriptors();
  if (on) {
    descriptors.Add(fd);
  } else {
    descriptors.Remove(fd);
  }
  return 0;
}

}  // namespace pageferry
