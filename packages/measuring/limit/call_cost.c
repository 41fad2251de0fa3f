/*
 * What a system call costs from C: the least that a binding could take.
 *
 *   call_cost COUNT
 *
 * Prints the nanoseconds of each call. The descriptors are closed ones, so that the kernel
 * has as little to do as it can.
 */
#include "common.h"

#include <poll.h>

#define MEASURE(call)                                            \
  do {                                                           \
    const long long begin = now();                               \
    for (long index = 0; index < count; ++index) (void)!(call);  \
    printf("%.1f ", (double)(now() - begin) / (double)count);    \
  } while (0)

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 1000000;
  static char bytes[65536];
  const struct iovec vector = {bytes, sizeof bytes};
  struct pollfd entry = {-1, POLLIN, 0};
  MEASURE(fcntl(-1, F_GETFL));
  MEASURE(poll(&entry, 1, 0));
  MEASURE(read(-1, bytes, sizeof bytes));
  MEASURE(vmsplice(-1, &vector, 1, 0));
  MEASURE(splice(-1, NULL, -1, NULL, sizeof bytes, 0));
  return 0;
}
