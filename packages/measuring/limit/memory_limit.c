// What the machine allows: memory that two or more processes share, with nothing around it.
//
//   memory_limit work BYTES RECEIVERS MILLISECONDS     every byte written once, and scanned once by
//                                                      each receiver
//   memory_limit memcpy BYTES 1 MILLISECONDS           one process copies from one place to another
//   memory_limit socket-rtt BYTES 1 MILLISECONDS       one message there and one back over a Unix
//                                                      socket, both sides asleep in read(2)
//
// Prints one JSON object.
#include "common.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { MOST_RECEIVERS = 64, RING_BYTES = 1 << 20, FILL = 0x5a, ABSENT = 0xa5 };

// Each counter on cache lines of its own; processors fetch them in pairs.
struct counter {
  _Alignas(128) _Atomic unsigned long value;
};

struct control {
  struct counter written;
  struct counter seen[MOST_RECEIVERS];
  struct counter last; // How many messages there are in all; 0 while nobody knows.
};

static void *shared(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

// Waits a moment. Gives the processor away now and then: there may be more processes than processors.
static void relax(unsigned *looks) {
  if (++*looks % 256 == 0) sched_yield();
}

static void scan_all(struct control *control, int index, char *ring, size_t slots, size_t bytes) {
  _Atomic unsigned long *seen = &control->seen[index].value;
  unsigned looks = 0;
  for (unsigned long message = 0;; message++) {
    while (atomic_load_explicit(&control->written.value, memory_order_acquire) <= message) {
      unsigned long last = atomic_load_explicit(&control->last.value, memory_order_acquire);
      if (last != 0 && last == message) return;
      relax(&looks);
    }
    if (memchr(ring + message % slots * bytes, ABSENT, bytes) != NULL) _exit(1);
    atomic_store_explicit(seen, message + 1, memory_order_release);
  }
}

static void wait_until_seen(struct control *control, int receivers, unsigned long message) {
  unsigned looks = 0;
  for (int index = 0; index < receivers; index++) {
    while (atomic_load_explicit(&control->seen[index].value, memory_order_acquire) < message) relax(&looks);
  }
}

static unsigned long work(size_t bytes, int receivers, long long nanoseconds, long long *took) {
  size_t slots = bytes * 2 > RING_BYTES ? 2 : RING_BYTES / bytes;
  char *ring = shared(slots * bytes);
  struct control *control = shared(sizeof *control);
  for (int index = 0; index < receivers; index++) {
    if (start_child() == 0) {
      scan_all(control, index, ring, slots, bytes);
      _exit(0);
    }
  }
  unsigned long message = 0;
  size_t batch = bytes > 65536 ? 1 : 65536 / bytes;
  long long start = now();
  while (now() - start < nanoseconds) {
    for (size_t each = 0; each < batch; each++) {
      if (message >= slots) wait_until_seen(control, receivers, message - slots + 1);
      memset(ring + message % slots * bytes, FILL, bytes);
      atomic_store_explicit(&control->written.value, ++message, memory_order_release);
    }
  }
  wait_until_seen(control, receivers, message);
  *took = now() - start;
  atomic_store_explicit(&control->last.value, message, memory_order_release);
  return message;
}

static unsigned long copy(size_t bytes, long long nanoseconds, long long *took) {
  char *from = shared(bytes), *to = shared(bytes);
  memset(from, FILL, bytes);
  unsigned long message = 0;
  size_t batch = bytes > 65536 ? 1 : 65536 / bytes;
  long long start = now();
  while ((*took = now() - start) < nanoseconds) {
    for (size_t each = 0; each < batch; each++, message++) {
      memcpy(to, from, bytes);
      __asm__ volatile("" ::: "memory"); // So that the compiler does not leave it out.
    }
  }
  return message;
}

static void all_of(ssize_t (*call)(int, void *, size_t), int fd, char *memory, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    ssize_t moved = call(fd, memory + done, bytes - done);
    if (moved <= 0) _exit(0); // The other side has ended.
    done += (size_t)moved;
  }
}

static ssize_t put(int fd, void *memory, size_t bytes) { return write(fd, memory, bytes); }

static unsigned long socket_rtt(size_t bytes, long long nanoseconds, long long *took, long long *times,
                                unsigned long most) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) fail("socketpair");
  char *memory = shared(bytes);
  if (start_child() == 0) {
    close(ends[0]);
    char *copy = shared(bytes);
    for (;;) {
      all_of(read, ends[1], copy, bytes);
      copy[0]++;
      all_of(put, ends[1], copy, bytes);
    }
  }
  close(ends[1]);
  unsigned long message = 0;
  long long start = now(), before = start;
  while (message < most && (*took = before - start) < nanoseconds) {
    memory[0]++;
    all_of(put, ends[0], memory, bytes);
    all_of(read, ends[0], memory, bytes);
    long long after = now();
    times[message++] = after - before;
    before = after;
  }
  close(ends[0]);
  qsort(times, message, sizeof *times, ascending);
  return message;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: memory_limit work|memcpy|socket-rtt BYTES RECEIVERS MILLISECONDS\n");
    return 2;
  }
  size_t bytes = strtoull(argv[2], NULL, 10);
  int receivers = atoi(argv[3]);
  long long nanoseconds = atoll(argv[4]) * 1000000, took = 0;
  if (bytes == 0 || receivers < 1 || receivers > MOST_RECEIVERS) return 2;
  unsigned long messages, most = 1000000;
  long long *times = calloc(most, sizeof *times);
  int round_trips = strcmp(argv[1], "socket-rtt") == 0;
  if (round_trips) messages = socket_rtt(bytes, nanoseconds, &took, times, most);
  else if (strcmp(argv[1], "memcpy") == 0) messages = copy(bytes, nanoseconds, &took);
  else messages = work(bytes, receivers, nanoseconds, &took);

  if (wait_for_children() != 0) return 1;
  printf("{\"messages\":%lu,\"nanoseconds\":%lld", messages, took);
  if (round_trips) {
    printf(",\"roundTrip\":{\"p50\":%lld,\"p99\":%lld,\"p999\":%lld}", times[messages / 2],
           times[messages * 99 / 100], times[messages * 999 / 1000]);
  }
  print_usage();
  return 0;
}
