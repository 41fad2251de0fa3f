// The limit for the shared-memory transport: the same work in C, with no contract around it.
//
//   shm_limit handoff MESSAGE COUNT SLOTS    loan, touch, send, receive, touch, release
//   shm_limit copy MESSAGE COUNT SLOTS       the same; all of it is copied in, and scanned once
//   shm_limit fanout RECEIVERS MESSAGE COUNT SLOTS   handoff to several receivers
//   shm_limit pingpong COUNT spin|futex      round trips of a message of 0 bytes
//
// Whoever publishes looks whether the other side sleeps, as every transport must whose sides may. With
// `polls-only` for the last word it does not: that is the limit where nobody ever sleeps.
//
// A parent sends; forked children receive. Payload lies in a memfd that the children map read-only,
// in slots of MESSAGE bytes that the parent lends last in, first out. A queue for each direction and
// child says what is under way. Whoever has to wait polls for a while and then yields its processor.
//
// Prints the nanoseconds that COUNT messages took until all of them were released, and how many of
// them the parent's own processor time was. COUNT more round trips are then timed one by one: the
// median, the 99th and the 99.9th percentile follow. Each of these has a look at the clock in it.
#include "common.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

#include "queue.h"

static bool may_sleep = true;

enum { MAX_RECEIVERS = 64, POLLS_BEFORE_YIELD = 1000, CONTENT = 1, ABSENT = 2 };

struct connection {
  struct queue deliveries;
  struct queue returns;
};

struct control {
  alignas(CACHE_LINES) _Atomic uint32_t ready;
  struct connection connections[];
};

struct pool {
  int fd;
  size_t message;
  uint32_t slots;
};

// --- waiting -----------------------------------------------------------------------------------

// Called in vain for the `polls`th time. The other side may be waiting for this very processor.
static inline void wait_a_little(unsigned *polls) {
  if (++*polls < POLLS_BEFORE_YIELD) pause_processor();
  else sched_yield();
}

static struct entry pop_polling(struct consumer *from) {
  struct entry entry;
  for (unsigned polls = 0; !pop(from, &entry);) wait_a_little(&polls);
  return entry;
}

static struct entry pop_parking(struct consumer *from) {
  struct entry entry;
  while (!pop(from, &entry)) {
    // The kernel compares before it lets us sleep, so no wake-up gets lost.
    long slept = syscall(SYS_futex, &from->queue->tail, FUTEX_WAIT, from->head, NULL, NULL, 0);
    if (slept < 0 && errno != EAGAIN && errno != EINTR) fail("futex");
  }
  return entry;
}

static void push_waking(struct producer *to, struct entry entry) {
  if (!push(to, entry)) abort();
  if (syscall(SYS_futex, &to->queue->tail, FUTEX_WAKE, 1, NULL, NULL, 0) < 0) fail("futex");
}

// --- memory ------------------------------------------------------------------------------------

static void *map(size_t bytes, int protection, int flags, int fd) {
  void *memory = mmap(NULL, bytes, protection, flags, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

// One that cannot be run, where the kernel knows of that (6.3): it may be told to give out no other.
static int memory_file(const char *name) {
  const unsigned noexec_seal = 8;  // MFD_NOEXEC_SEAL
  int fd = memfd_create(name, MFD_CLOEXEC | noexec_seal);
  return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}

static struct control *create_control(uint32_t receivers) {
  int fd = memory_file("shm-limit-control");
  size_t bytes = sizeof(struct control) + receivers * sizeof(struct connection);
  if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0) fail("memfd");
  struct control *control = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd);
  close(fd);
  return control;
}

static struct pool create_pool(size_t message, uint32_t slots) {
  struct pool pool = {memory_file("shm-limit-payload"), message, slots};
  if (pool.fd < 0 || ftruncate(pool.fd, (off_t)(message * slots)) < 0) fail("memfd");
  return pool;
}

// --- processes ---------------------------------------------------------------------------------

static void wait_until_ready(struct control *control, uint32_t receivers) {
  while (atomic_load(&control->ready) < receivers) sched_yield();
}

// --- sending and receiving -----------------------------------------------------------------------

struct sender {
  char *memory;
  size_t message;
  uint32_t receivers;
  struct producer deliveries[MAX_RECEIVERS];
  struct consumer returns[MAX_RECEIVERS];
  // The stack of free slots, and how many receivers hold each of the others.
  uint32_t *free_slots;
  uint32_t free_count;
  uint32_t *holders;
};

static void create_sender(struct sender *self, struct pool pool, struct control *control,
                          uint32_t receivers) {
  size_t bytes = pool.message * pool.slots;
  *self = (struct sender){.message = pool.message, .receivers = receivers};
  self->memory = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, pool.fd);
  self->free_slots = calloc(pool.slots, sizeof(uint32_t));
  self->holders = calloc(pool.slots, sizeof(uint32_t));
  if (!self->free_slots || !self->holders) fail("calloc");
  while (self->free_count < pool.slots) {
    self->free_slots[self->free_count] = self->free_count;
    ++self->free_count;
  }
  for (uint32_t index = 0; index < receivers; ++index) {
    self->deliveries[index].queue = &control->connections[index].deliveries;
    self->deliveries[index].consumer_may_sleep = may_sleep;
    self->returns[index].queue = &control->connections[index].returns;
  }
}

static void collect_returns(struct sender *self) {
  struct entry entry;
  for (uint32_t index = 0; index < self->receivers; ++index) {
    while (pop(&self->returns[index], &entry)) {
      if (--self->holders[entry.slot] == 0) self->free_slots[self->free_count++] = entry.slot;
    }
  }
}

static uint32_t loan(struct sender *self) {
  for (unsigned polls = 0;; wait_a_little(&polls)) {
    // First what was used last: it is still in the cache.
    collect_returns(self);
    if (self->free_count > 0) return self->free_slots[--self->free_count];
  }
}

static void send_slot(struct sender *self, uint32_t slot) {
  struct entry entry = {slot, (uint32_t)self->message};
  self->holders[slot] = self->receivers;
  for (uint32_t index = 0; index < self->receivers; ++index) {
    // No more slots than entries, so there is always room.
    if (!push(&self->deliveries[index], entry)) abort();
  }
}

static void send_all(struct sender *self, const char *source, long count, uint32_t slots) {
  for (long index = 0; index < count; ++index) {
    uint32_t slot = loan(self);
    char *bytes = self->memory + slot * self->message;
    if (source) memcpy(bytes, source, self->message);
    else *(volatile char *)bytes = CONTENT;
    send_slot(self, slot);
  }
  for (unsigned polls = 0; self->free_count < slots; wait_a_little(&polls)) collect_returns(self);
}

static void receive_all(struct pool pool, struct connection *connection, struct control *control,
                        bool scan, long count) {
  size_t bytes = pool.message * pool.slots;
  const char *memory = map(bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, pool.fd);
  struct consumer deliveries = {.queue = &connection->deliveries};
  struct producer returns = {.queue = &connection->returns, .consumer_may_sleep = may_sleep};
  atomic_fetch_add(&control->ready, 1);
  for (long index = 0; index < count; ++index) {
    struct entry entry = pop_polling(&deliveries);
    const char *message = memory + entry.slot * pool.message;
    if (scan ? memchr(message, ABSENT, entry.length) != NULL
             : *(const volatile char *)message != CONTENT) {
      fprintf(stderr, "shm_limit: message %ld is not what was sent\n", index);
      _exit(1);
    }
    if (!push(&returns, entry)) abort();
  }
}

static void hand_over(uint32_t receivers, size_t message, long count, uint32_t slots, bool copy) {
  struct control *control = create_control(receivers);
  struct pool pool = create_pool(message, slots);
  for (uint32_t index = 0; index < receivers; ++index) {
    if (!become_child()) continue;
    receive_all(pool, &control->connections[index], control, copy, count);
    _exit(0);
  }
  static struct sender sender;
  create_sender(&sender, pool, control, receivers);
  char *source = NULL;
  if (copy) {
    source = malloc(message);
    if (!source) fail("malloc");
    memset(source, CONTENT, message);
  }
  wait_until_ready(control, receivers);

  long long busy = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  long long start = now();
  send_all(&sender, source, count, slots);
  long long took = now() - start;
  busy = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
  if (wait_for_children() != 0) exit(1);
  printf("%lld %lld\n", took, busy);
  free(source);
  free(sender.free_slots);
  free(sender.holders);
}

// --- round trips -------------------------------------------------------------------------------

static void bounce_parked(struct consumer *from, struct producer *to, long count) {
  for (long index = 0; index < count; ++index) push_waking(to, pop_parking(from));
}

static void bounce_polling(struct consumer *from, struct producer *to, long count) {
  for (long index = 0; index < count; ++index) {
    if (!push(to, pop_polling(from))) abort();
  }
}

static inline void there_and_back(struct producer *to, struct consumer *from, bool park) {
  if (park) {
    push_waking(to, (struct entry){0});
    pop_parking(from);
  } else {
    if (!push(to, (struct entry){0})) abort();
    pop_polling(from);
  }
}

static void ping_pong(long count, bool park) {
  struct control *control = create_control(1);
  struct connection *connection = control->connections;
  if (become_child()) {
    struct consumer from = {.queue = &connection->deliveries};
    struct producer to = {.queue = &connection->returns, .consumer_may_sleep = may_sleep && !park};
    atomic_fetch_add(&control->ready, 1);
    (park ? bounce_parked : bounce_polling)(&from, &to, 2 * count);
    _exit(0);
  }
  struct producer to = {.queue = &connection->deliveries, .consumer_may_sleep = may_sleep && !park};
  struct consumer from = {.queue = &connection->returns};
  // Written before, so that no time has a page fault in it.
  long long *times = (long long *)message_memory((size_t)count * sizeof *times);
  wait_until_ready(control, 1);
  long long busy = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  long long start = now();
  // A look at the clock takes a good part of a polled round trip: the mean is without.
  for (long index = 0; index < count; ++index) there_and_back(&to, &from, park);
  long long took = now() - start;
  busy = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
  for (long index = 0; index < count; ++index) {
    long long begin = now();
    there_and_back(&to, &from, park);
    times[index] = now() - begin;
  }
  if (wait_for_children() != 0) exit(1);
  printf("%lld %lld", took, busy);
  qsort(times, (size_t)count, sizeof *times, ascending);
  for (int index = 0; index < 3; ++index) {
    static const long permille[] = {500, 990, 999};
    printf(" %lld", times[count * permille[index] / 1000]);
  }
  putchar('\n');
  free(times);
}

// -------------------------------------------------------------------------------------------------

static int usage(void) {
  fprintf(stderr,
          "usage: shm_limit handoff MESSAGE COUNT SLOTS\n"
          "       shm_limit copy MESSAGE COUNT SLOTS\n"
          "       shm_limit fanout RECEIVERS MESSAGE COUNT SLOTS\n"
          "       shm_limit pingpong COUNT spin|futex\n"
          "At most %d receivers and %d slots.\n",
          MAX_RECEIVERS, QUEUE_ENTRIES);
  return 2;
}

static long number(const char *text, long most) { return positive(text, most, usage); }

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  watch_children();
  if (strcmp(argv[argc - 1], "polls-only") == 0) {
    may_sleep = false;
    --argc;
  }
  if (strcmp(mode, "pingpong") == 0 && argc == 4) {
    bool park = strcmp(argv[3], "futex") == 0;
    if (!park && strcmp(argv[3], "spin") != 0) return usage();
    ping_pong(number(argv[2], INT_MAX), park);
    return 0;
  }
  bool fan_out = strcmp(mode, "fanout") == 0;
  bool copy = strcmp(mode, "copy") == 0;
  if (!fan_out && !copy && strcmp(mode, "handoff") != 0) return usage();
  if (argc != (fan_out ? 6 : 5)) return usage();
  char **rest = argv + (fan_out ? 3 : 2);
  uint32_t receivers = fan_out ? (uint32_t)number(argv[2], MAX_RECEIVERS) : 1;
  hand_over(receivers, (size_t)number(rest[0], INT_MAX), number(rest[1], LONG_MAX),
            (uint32_t)number(rest[2], QUEUE_ENTRIES), copy);
  return 0;
}
