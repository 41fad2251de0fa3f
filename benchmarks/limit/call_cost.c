/*
 * What a system call costs from C: the least that a binding could take.
 *
 *   call_cost COUNT
 *
 * Prints the nanoseconds of each call. The descriptors are closed ones, so that the kernel
 * has as little to do as it can.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define MEASURE(call)                                            \
  do {                                                           \
    const double begin = now();                                  \
    for (long index = 0; index < count; ++index) (void)!(call);  \
    printf("%.1f ", (now() - begin) / (double)count);            \
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
