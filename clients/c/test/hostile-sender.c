// Receivers in C, and what senders do to them that break the protocol. Prints what each receiver has made of it.
//
//   hostile-sender FOLDER SEED
#define _GNU_SOURCE
#include "../pageferry.h"
#include "raw.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char path[100];

// What a sender has, and what it sends with its welcome. -1 for a descriptor: it is not sent.
struct stage {
  int listening, socket, fds[6];
  word *control, *ring;
  uint32_t first[3];
  uint16_t kind;
  size_t length; // Of the welcome; 0: as it should be.
  bool is_silent, is_pipe, may_miss;
  int pipe[2];
  pthread_t thread;
};

static void begin(struct stage *stage) {
  memset(stage, 0, sizeof *stage);
  stage->listening = listen_at(path);
  stage->socket = -1;
  stage->kind = 2;
  stage->pipe[1] = -1;
  void *memory;
  stage->fds[0] = make_memory(CONTROL_WORDS * 4, size_seals(), &memory);
  stage->control = (word *)memory;
  write_header(stage->control);
  stage->fds[1] = make_bell();
  stage->fds[2] = make_bell();
  stage->fds[3] = make_memory(POOL, size_seals(), NULL);
  stage->fds[4] = make_memory(RING_WORDS * 4, size_seals(), &memory);
  stage->ring = (word *)memory;
  stage->ring[0] = 0x47524750;
  stage->ring[1] = 2;
  stage->ring[2] = 1024;
  stage->fds[5] = -1;
}

static void replace(struct stage *stage, int which, int fd) {
  if (stage->fds[which] >= 0) close(stage->fds[which]);
  stage->fds[which] = fd;
}

static void *welcome(void *with) {
  struct stage *stage = (struct stage *)with;
  uint8_t record[256];
  stage->socket = accept4(stage->listening, NULL, NULL, SOCK_CLOEXEC);
  check(recv(stage->socket, record, sizeof record, 0) >= 48, "hello");
  if (stage->is_silent) {
    close(stage->socket);
    close(stage->listening);
    unlink(path);
    stage->socket = stage->listening = -1;
    return NULL;
  }
  const char *mechanism = stage->is_pipe ? "vmsplice" : "shared-mmap";
  const size_t length = make_record(record, stage->kind, mechanism, stage->first, 3);
  size_t count = 0;
  while (count < 6 && stage->fds[count] >= 0) count++;
  check(send_raw(stage->socket, record, stage->length > 0 ? stage->length : length, stage->fds, count), "welcome");
  return NULL;
}

static void end(struct stage *stage) {
  close_all(stage->fds, 6);
  close_all(stage->pipe, stage->is_pipe ? 2 : 0);
  if (stage->socket >= 0) close(stage->socket);
  if (stage->listening >= 0) close(stage->listening);
  munmap(stage->control, CONTROL_WORDS * 4);
  munmap(stage->ring, RING_WORDS * 4);
}

static void say(const char *what, int result) { printf("%s: %s\n", what, pf_text(result)); }

static pf_receiver *open_to(struct stage *stage, const char *what) {
  pf_receiver *receiver;
  const pf_receiver_options options = {.policy = stage->may_miss ? PF_DROP_OLDEST : PF_WAIT, .timeout = stage->is_silent ? 300 : 60000};
  check(pthread_create(&stage->thread, NULL, welcome, stage) == 0, "thread");
  const int result = pf_receiver_open(&receiver, path, &options);
  pthread_join(stage->thread, NULL);
  if (result != PF_OK) say(what, result);
  return receiver;
}

// A welcome that is not what it should be: the receiver does not open.
#define WELCOME(what, change)                      \
  do {                                             \
    struct stage stage;                            \
    begin(&stage);                                 \
    change;                                        \
    pf_receiver *receiver = open_to(&stage, what); \
    if (receiver != NULL) say(what, PF_OK);        \
    pf_receiver_close(receiver);                   \
    end(&stage);                                   \
  } while (0)

static void welcomes(void) {
  WELCOME("as it should be", );
  WELCOME("control memory without seals", replace(&stage, 0, make_memory(CONTROL_WORDS * 4, 0, NULL)));
  WELCOME("control memory that can shrink", replace(&stage, 0, make_memory(CONTROL_WORDS * 4, F_SEAL_GROW | F_SEAL_SEAL, NULL)));
  WELCOME("control memory of one page", replace(&stage, 0, make_memory(4096, size_seals(), NULL)));
  WELCOME("control memory of no bytes", replace(&stage, 0, make_memory(0, size_seals(), NULL)));
  WELCOME("control memory that is longer", replace(&stage, 0, make_memory(CONTROL_WORDS * 4 + 4096, size_seals(), NULL)));
  WELCOME("another magic", stage.control[0] = 1);
  WELCOME("another version within", stage.control[1] = 1);
  WELCOME("capacity 0", stage.control[2] = 0);
  WELCOME("capacity 1000", stage.control[2] = 1000);
  WELCOME("capacity 2^31", stage.control[2] = 1u << 31);
  WELCOME("capacity 2^32 - 1", stage.control[2] = UINT32_MAX);
  WELCOME("another page size", stage.control[3] = 1);
  WELCOME("a parked word among the header", stage.control[4] = 127);
  WELCOME("a parked word among the entries", stage.control[4] = 1024);
  WELCOME("a parked word far away", stage.control[4] = UINT32_MAX);
  WELCOME("payload without seals", replace(&stage, 3, make_memory(POOL, 0, NULL)));
  WELCOME("payload that is a socket", replace(&stage, 3, socket(AF_UNIX, SOCK_STREAM, 0)));
  WELCOME("a ring without seals", replace(&stage, 4, make_memory(RING_WORDS * 4, 0, NULL)));
  WELCOME("a ring of capacity 2048", stage.ring[2] = 2048);
  WELCOME("a ring of capacity 2^31", stage.ring[2] = 1u << 31);
  WELCOME("a ring with another magic", stage.ring[0] = 7);
  WELCOME("a bell that counts down", replace(&stage, 2, eventfd(9, EFD_SEMAPHORE)));
  WELCOME("a bell that is memory", replace(&stage, 1, make_memory(4096, 0, NULL)));
  WELCOME("no ring", replace(&stage, 4, -1));
  WELCOME("a descriptor too many", stage.fds[5] = make_bell());
  WELCOME("no descriptors", close_all(stage.fds, 6); memset(stage.fds, -1, sizeof stage.fds));
  WELCOME("a number above 2^52", stage.first[1] = 1u << 21);
  WELCOME("half a head", stage.length = 15);
  WELCOME("a hello for a welcome", stage.kind = 1);
  WELCOME("a kind that there is not", stage.kind = 77);
  WELCOME("silence, and nobody after it", stage.is_silent = true);
}

static void publish(struct stage *stage, uint32_t number, uint32_t length, uint32_t place, uint32_t slot) {
  word *entry = (stage->may_miss ? stage->control : stage->ring) + ENTRIES + (number & 1023) * 8;
  entry[3] = number;
  entry[0] = length;
  entry[1] = place;
  entry[2] = slot;
  entry[4] = number & 0x7FFFFFFF;
  stage->control[AT_PUBLISHED] = stage->ring[AT_PUBLISHED] = number + 1;
}

static void pass(struct stage *stage, uint32_t number, int fd) {
  const uint32_t record[] = {0x4D4D4750, number};
  check(send_raw(stage->socket, record, 8, &fd, 1), "pass");
  stage->control[AT_PASSED]++;
  close(fd);
}

static void ring(const struct stage *stage) {
  const uint64_t one = 1;
  check(write(stage->fds[2], &one, sizeof one) == 8, "ring");
}

static void read_all(const pf_message *message) {
  uint32_t sum = 0;
  for (size_t at = 0; at < message->length; at++) sum += ((const uint8_t *)message->data)[at];
  (void)sum;
}

// A sender that was welcomed, and what comes of what it does then: an honest message first, where one is received.
#define MESSAGE(what, missing, change)                                   \
  do {                                                                   \
    struct stage stage;                                                  \
    pf_message message;                                                  \
    begin(&stage);                                                       \
    stage.may_miss = missing;                                            \
    if (missing) replace(&stage, 4, -1);                                 \
    pf_receiver *receiver = open_to(&stage, what);                       \
    check(receiver != NULL, what);                                       \
    publish(&stage, 0, 100, 1, 5);                                       \
    check(pf_receiver_receive(receiver, &message, 1000) == PF_OK, what); \
    pf_receiver_release(receiver, &message);                             \
    change;                                                              \
    int result = PF_OK;                                                  \
    for (int more = 0; more < 4 && result == PF_OK; more++) {            \
      result = pf_receiver_receive(receiver, &message, 20);              \
      if (result != PF_OK) break;                                        \
      read_all(&message);                                                \
      pf_receiver_release(receiver, &message);                           \
    }                                                                    \
    say(what, result);                                                   \
    pf_receiver_close(receiver);                                         \
    end(&stage);                                                         \
  } while (0)

static const int ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE;

static void messages(void) {
  for (int may_miss = 0; may_miss < 2; may_miss++) {
    puts(may_miss ? "to one that may miss messages" : "to one that reads the ring");
    MESSAGE("nothing more", may_miss, );
    MESSAGE("a message of the whole pool", may_miss, publish(&stage, 1, POOL, 0, 1));
    MESSAGE("one byte more than the pool", may_miss, publish(&stage, 1, POOL + 1, 0, 1));
    MESSAGE("2^31 bytes", may_miss, publish(&stage, 1, 1u << 31, 0, 1));
    MESSAGE("2^32 - 1 bytes", may_miss, publish(&stage, 1, UINT32_MAX, 0, 1));
    MESSAGE("a place beyond the pool", may_miss, publish(&stage, 1, 0, POOL / 64 + 1, 1));
    MESSAGE("the last place there is", may_miss, publish(&stage, 1, UINT32_MAX, UINT32_MAX, 1));
    MESSAGE("a slot with bit 31", may_miss, publish(&stage, 1, 1, 0, 1u << 31));
    MESSAGE("own memory that was not passed", may_miss, publish(&stage, 1, 1, 0, 1u << 30));
    MESSAGE("own memory without seals", may_miss, pass(&stage, 1, make_memory(4096, 0, NULL)); publish(&stage, 1, 1, 0, 1u << 30));
    MESSAGE("own memory that can be written", may_miss, pass(&stage, 1, make_memory(4096, size_seals(), NULL));
            publish(&stage, 1, 1, 0, 1u << 30));
    MESSAGE("own memory that is shorter", may_miss, pass(&stage, 1, make_memory(4096, ALL_SEALS, NULL));
            publish(&stage, 1, 4097, 0, 1u << 30));
    MESSAGE("own memory as it should be", may_miss, pass(&stage, 1, make_memory(4096, ALL_SEALS, NULL));
            publish(&stage, 1, 4096, 0, 1u << 30));
    MESSAGE("a record that is none", may_miss, check(send_raw(stage.socket, "12345678", 8, NULL, 0), "send"));
    MESSAGE("65 records", may_miss, for (uint32_t number = 10; number < 75; number++) pass(&stage, number, make_memory(64, 0, NULL)));
    MESSAGE("a death", may_miss, close(stage.socket); stage.socket = -1);
    MESSAGE("a cut", may_miss, stage.control[AT_CUT_OFF] = 2);
    MESSAGE("the end", may_miss, stage.control[AT_FINISHED] = 1);
    MESSAGE("64 rings for nothing", may_miss,
            for (int rings = 0; rings < 64; rings++) { ring(&stage); check(pf_receiver_arm(receiver) == PF_AGAIN, "arm"); });
    MESSAGE("65 rings for nothing", may_miss, int armed = PF_OK;
            for (int rings = 0; rings < 65; rings++) { ring(&stage); armed = pf_receiver_arm(receiver); } say("the 65th", armed));
  }
  puts("and what the two differ in");
  MESSAGE("1025 messages at once", false, stage.ring[AT_PUBLISHED] = 1 + 1025);
  MESSAGE("a counter that goes back", false, stage.ring[AT_PUBLISHED] = 0);
  MESSAGE("another number in the ring", false, publish(&stage, 1, 0, 0, 1); stage.ring[ENTRIES + 8 + 3] = 9);
  MESSAGE("a number a second time", true, publish(&stage, 1, 0, 0, 1); stage.control[ENTRIES + 8 + 3] = 0);
  MESSAGE("a number of 2^53", true, publish(&stage, 1, 0, 0, 1); stage.control[ENTRIES + 8 + 5] = 1u << 21);
  MESSAGE("billions of entries that were dropped", true, stage.control[AT_PUBLISHED] = 0x80000000);
}

static void pipes(void) {
  puts("through a pipe");
  static const char *const CASES[] = {
    "nothing", "a message", "more bytes than there are", "a length of 2^53", "another number", "a record on the socket",
    "the write end of a pipe", "memory for a pipe", "1025 messages"
  };
  for (size_t each = 0; each < sizeof CASES / sizeof *CASES; each++) {
    struct stage stage;
    pf_pipe *pipe;
    pf_piped piped;
    size_t count;
    uint8_t bytes[4096];
    begin(&stage);
    stage.is_pipe = true;
    check(pipe2(stage.pipe, O_CLOEXEC) == 0, "pipe");
    replace(&stage, 3, each == 7 ? make_memory(4096, 0, NULL) : dup(stage.pipe[each == 6 ? 1 : 0]));
    replace(&stage, 4, -1);
    check(pthread_create(&stage.thread, NULL, welcome, &stage) == 0, "thread");
    const pf_pipe_options options = {.timeout = 60000};
    int result = pf_pipe_open(&pipe, path, &options);
    pthread_join(stage.thread, NULL);
    word *entry = stage.control + ENTRIES;
    entry[0] = 10;
    entry[1] = each == 3 ? 1u << 21 : 0;
    if (each == 1) check(write(stage.pipe[1], "0123456789", 10) == 10, "write");
    stage.control[33] = each == 0 ? 0 : 4096;
    stage.control[AT_PUBLISHED] = each == 0 || each == 5 ? 0 : each == 8 ? 1025 : 1;
    if (each == 4) {
      entry[0] = 0;
      entry[8 + 2] = 7;
      stage.control[AT_PUBLISHED] = 2;
    }
    if (each == 5) check(send_raw(stage.socket, "12345678", 8, NULL, 0), "send");
    for (int more = 0; more < 3 && result == PF_OK; more++) {
      result = pf_pipe_next(pipe, &piped, 20);
      while (result == PF_OK) result = pf_pipe_read(pipe, bytes, sizeof bytes, &count, 20);
      if (result == PF_END && piped.rest <= 10) result = PF_OK;
    }
    say(CASES[each], result);
    pf_pipe_close(pipe);
    end(&stage);
  }
}

// Words change at random while messages are received: whatever comes of it, nothing is read that is not there.
struct scribbling {
  word *words;
  uint32_t count;
  uint64_t seed;
  _Atomic(bool) is_over;
};

static void *scribble(void *with) {
  struct scribbling *scribbling = (struct scribbling *)with;
  static const uint32_t SOME[] = {0, 1, 0x7FFFFFFF, 0x80000000, UINT32_MAX, 1023, 1024, 1025};
  while (!scribbling->is_over) {
    const uint32_t at = next_random(&scribbling->seed) % scribbling->count, kind = next_random(&scribbling->seed) % 4;
    if (kind == 0) scribbling->words[at] = SOME[next_random(&scribbling->seed) % 8];
    else if (kind == 1) scribbling->words[at] += 1;
    else if (kind == 2) scribbling->words[at] = next_random(&scribbling->seed);
    else scribbling->words[32 + at % 8] += 1;
  }
  return NULL;
}

static void scribbles(uint64_t seed) {
  unsigned received = 0, broken = 0;
  for (int round = 0; round < 400; round++) {
    struct stage stage;
    begin(&stage);
    stage.may_miss = round % 2 == 0;
    if (stage.may_miss) replace(&stage, 4, -1);
    pf_receiver *receiver = open_to(&stage, "scribbles");
    check(receiver != NULL, "scribbles");
    struct scribbling scribbling = {
      .words = stage.may_miss || round % 3 == 0 ? stage.control : stage.ring, .count = 1024 + 64, .seed = seed + (uint64_t)round
    };
    pthread_t thread;
    check(pthread_create(&thread, NULL, scribble, &scribbling) == 0, "thread");
    pf_message held[8];
    for (int count = 0; count < 2000; count++) {
      const int result = pf_receiver_receive(receiver, &held[count % 8], 0);
      if (result == PF_OK) {
        received++;
        if (held[count % 8].length > 0) (void)*((const volatile uint8_t *)held[count % 8].data + held[count % 8].length - 1);
        pf_receiver_release(receiver, &held[count % 8]);
      } else if (result != PF_AGAIN) {
        broken++;
        break;
      }
    }
    scribbling.is_over = true;
    pthread_join(thread, NULL);
    pf_receiver_close(receiver);
    end(&stage);
  }
  fprintf(stderr, "%u messages, %u breaches\n", received, broken);
  check(broken > 0, "nobody has noticed anything");
  puts("survived");
}

int main(int count, char **arguments) {
  check(count == 3, "usage: hostile-sender FOLDER SEED");
  snprintf(path, sizeof path, "%s/hostile", arguments[1]);
  const int before = open_descriptors();
  welcomes();
  messages();
  pipes();
  scribbles(strtoull(arguments[2], NULL, 10));
  printf("%d descriptors are left\n", open_descriptors() - before);
  return 0;
}
