// The same protocol in C: what the client in C (clients/c), which was written from the layout document alone, takes for
// what the benchmark of the shared-memory transport does in Node. Its sides may sleep, and check what the other one says.
//
//   protocol_limit handoff MESSAGE COUNT SLOTS           loan, touch, send, receive, touch, release
//   protocol_limit fanout RECEIVERS MESSAGE COUNT SLOTS  handoff to several receivers
//   protocol_limit pingpong COUNT one-by-one|ahead|asleep
//                                                        round trips of 8 bytes over a connection for each direction: both
//                                                        sides poll, and with `ahead` nobody waits for a loan or a release;
//                                                        or each one sleeps until it is woken
//
// Prints the nanoseconds that COUNT messages or round trips took, and how many of them the first process's own processor
// time was. A quarter of COUNT goes before.
#include "common.h"

#include <limits.h>
#include <pageferry.h>
#include <stdint.h>

enum { MAX_RECEIVERS = 64, MAX_SLOTS = 1024, CONTENT = 1, BALL_BYTES = 8, FOR_EVER = -1 };

static char folder[PATH_MAX];

static void make_folder(void) {
  const char *where = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/pageferry-protocol-XXXXXX", where == NULL ? "/tmp" : where);
  if (mkdtemp(folder) == NULL) fail("mkdtemp");
}

static const char *endpoint(const char *name) {
  static char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void remove_folder(void) {
  static const char *const names[] = {"sender", "first", "second"};
  for (size_t index = 0; index < sizeof names / sizeof *names; ++index) unlink(endpoint(names[index]));
  rmdir(folder);
}

static void check(int result, const char *what) {
  if (result == PF_OK) return;
  fprintf(stderr, "protocol_limit: %s: %s\n", what, pf_text(result));
  remove_folder();
  _exit(1);
}

static bool asleep; // Whether nobody looks before it sleeps.

static pf_sender *open_sender(const char *name, const pf_sender_options *options) {
  pf_sender *sender;
  check(pf_sender_open(&sender, endpoint(name), options), "sender");
  return sender;
}

static pf_receiver *open_receiver(const char *name) {
  pf_receiver *receiver;
  const pf_receiver_options options = {.timeout = FOR_EVER, .poll_microseconds = asleep ? -1 : 0};
  check(pf_receiver_open(&receiver, endpoint(name), &options), "receiver");
  return receiver;
}

// What a run took.
struct trial {
  long long start, busy;
};

static struct trial begin(void) { return (struct trial){now(), nanoseconds(CLOCK_PROCESS_CPUTIME_ID)}; }

static void print(struct trial trial) {
  long long took = now() - trial.start;
  printf("%lld %lld\n", took, nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - trial.busy);
}

// --- hand-offs -----------------------------------------------------------------------------------

static void send_all(pf_sender *sender, size_t message, long count) {
  for (long index = 0; index < count; ++index) {
    pf_loan loan;
    check(pf_sender_lend(sender, message, &loan, FOR_EVER), "lend");
    *(volatile char *)loan.data = CONTENT;
    check(pf_sender_send(sender, &loan, FOR_EVER), "send");
  }
  check(pf_sender_flush(sender, FOR_EVER), "flush");
}

static void receive_all(pf_receiver *receiver) {
  pf_message message;
  int result;
  while ((result = pf_receiver_receive(receiver, &message, FOR_EVER)) == PF_OK) {
    if (*(const volatile char *)message.data != CONTENT) abort();
    pf_receiver_release(receiver, &message);
  }
  if (result != PF_END) check(result, "receive");
}

static void hand_over(uint32_t receivers, size_t message, long count, uint32_t slots) {
  // Messages begin on cache lines, those of a page or more on pages.
  const size_t unit = message < 4096 ? 64 : 4096;
  const pf_sender_options options = {.pool_bytes = slots * ((message + unit - 1) / unit * unit)};
  pf_sender *sender = open_sender("sender", &options);
  for (uint32_t index = 0; index < receivers; ++index) {
    if (!become_child()) continue;
    receive_all(open_receiver("sender"));
    _exit(0);
  }
  check(pf_sender_await_receivers(sender, receivers, FOR_EVER), "receivers");
  send_all(sender, message, count / 4);
  struct trial trial = begin();
  send_all(sender, message, count);
  print(trial);
  pf_sender_close(sender);
}

// --- round trips ---------------------------------------------------------------------------------

static void throw_ball(pf_sender *to, pf_loan *ball) { check(pf_sender_send(to, ball, FOR_EVER), "send"); }

static pf_loan lend_ball(pf_sender *to) {
  pf_loan ball;
  check(pf_sender_lend(to, BALL_BYTES, &ball, FOR_EVER), "lend");
  return ball;
}

static pf_message catch_ball(pf_receiver *from) {
  pf_message ball;
  while (!asleep && !pf_receiver_peek(from)) pause_processor();
  check(pf_receiver_receive(from, &ball, FOR_EVER), "receive");
  return ball;
}

static void throw_lent(pf_sender *to) {
  pf_loan ball = lend_ball(to);
  throw_ball(to, &ball);
}

static void catch_and_release(pf_receiver *from) {
  pf_message ball = catch_ball(from);
  pf_receiver_release(from, &ball);
}

static void play_one_by_one(pf_sender *to, pf_receiver *from, bool begins, long rounds) {
  for (long round = 0; round < rounds; ++round) {
    if (begins) throw_lent(to);
    catch_and_release(from);
    if (!begins) throw_lent(to);
  }
}

// The memory of the next message is at hand when it is wanted, and nobody waits for a release.
static void play_ahead(pf_sender *to, pf_receiver *from, bool begins, long rounds) {
  if (rounds == 0) return;
  if (begins) throw_lent(to);
  pf_loan next = lend_ball(to);
  for (long left = begins ? rounds - 1 : rounds; left > 0; --left) {
    pf_message caught = catch_ball(from);
    throw_ball(to, &next);
    next = lend_ball(to);
    pf_receiver_release(from, &caught);
  }
  pf_sender_unlend(to, &next);
  if (begins) catch_and_release(from);
}

static void ping_pong(long count, bool ahead) {
  const bool begins = !become_child();
  pf_sender *to = open_sender(begins ? "first" : "second", NULL);
  // A sender lets nobody in while it waits to be let in itself: one after the other.
  if (begins) check(pf_sender_await_receivers(to, 1, FOR_EVER), "receiver");
  pf_receiver *from = open_receiver(begins ? "second" : "first");
  if (!begins) check(pf_sender_await_receivers(to, 1, FOR_EVER), "receiver");
  (ahead ? play_ahead : play_one_by_one)(to, from, begins, count / 4);
  struct trial trial = begin();
  (ahead ? play_ahead : play_one_by_one)(to, from, begins, count);
  if (begins) print(trial);
  pf_sender_close(to);
  pf_receiver_close(from);
  if (!begins) _exit(0);
}

// -------------------------------------------------------------------------------------------------

static int usage(void) {
  fprintf(stderr,
          "usage: protocol_limit handoff MESSAGE COUNT SLOTS\n"
          "       protocol_limit fanout RECEIVERS MESSAGE COUNT SLOTS\n"
          "       protocol_limit pingpong COUNT one-by-one|ahead|asleep\n"
          "At most %d receivers and %d slots.\n",
          MAX_RECEIVERS, MAX_SLOTS);
  return 2;
}

static long number(const char *text, long most) { return positive(text, most, usage); }

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  const bool fan_out = strcmp(mode, "fanout") == 0;
  const bool round_trips = strcmp(mode, "pingpong") == 0;
  if (!fan_out && !round_trips && strcmp(mode, "handoff") != 0) return usage();
  if (argc != (fan_out ? 6 : round_trips ? 4 : 5)) return usage();
  on_failure = remove_folder;
  watch_children();
  if (round_trips) {
    const bool ahead = strcmp(argv[3], "ahead") == 0;
    asleep = strcmp(argv[3], "asleep") == 0;
    if (!ahead && !asleep && strcmp(argv[3], "one-by-one") != 0) return usage();
    const long count = number(argv[2], INT_MAX);
    make_folder();
    ping_pong(count, ahead);
  } else {
    char **rest = argv + (fan_out ? 3 : 2);
    const uint32_t receivers = fan_out ? (uint32_t)number(argv[2], MAX_RECEIVERS) : 1;
    const size_t message = (size_t)number(rest[0], INT_MAX);
    const long count = number(rest[1], LONG_MAX);
    const uint32_t slots = (uint32_t)number(rest[2], MAX_SLOTS);
    make_folder();
    hand_over(receivers, message, count, slots);
  }
  const int failed = wait_for_children();
  remove_folder();
  return failed == 0 ? 0 : 1;
}
