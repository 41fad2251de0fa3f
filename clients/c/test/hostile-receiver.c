// Senders and listeners in C, and what those who connect do to them that break the protocol, beside one that is honest. Prints
// what has become of either.
//
//   hostile-receiver FOLDER SEED
#define _GNU_SOURCE
#include "../pageferry.h"
#include "raw.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[100];

// A receiver by hand.
struct guest {
  int socket, fds[16];
  size_t count;
  word *control;
};

static bool has_hung_up(pf_sender *sender, int socket) {
  uint8_t record[256];
  int fds[16];
  size_t count;
  (void)pf_sender_arm(sender);
  const long length = receive_raw(socket, record, sizeof record, fds, &count);
  close_all(fds, count);
  return length == 0;
}

// Says hello, and is welcomed.
static struct guest enter(pf_sender *sender, uint32_t policy) {
  struct guest guest = {.socket = connect_to(path)};
  uint8_t record[256];
  const uint32_t words[] = {policy, 0, 0};
  const size_t length = make_record(record, 1, "shared-mmap", words, 3);
  check(send_raw(guest.socket, record, length, NULL, 0), "hello");
  (void)pf_sender_arm(sender);
  check(receive_raw(guest.socket, record, sizeof record, guest.fds, &guest.count) >= 48 && record[10] == 2, "welcome");
  void *memory = mmap(NULL, CONTROL_WORDS * 4, PROT_READ | PROT_WRITE, MAP_SHARED, guest.fds[0], 0);
  check(memory != MAP_FAILED, "mmap");
  guest.control = (word *)memory;
  return guest;
}

static void leave(struct guest *guest) {
  munmap(guest->control, CONTROL_WORDS * 4);
  close_all(guest->fds, guest->count);
  close(guest->socket);
}

// A sender with one honest receiver.
struct scene {
  pf_sender *sender;
  pf_receiver *honest;
  pthread_t thread;
  pf_loan middle; // What lies in the middle of the pool.
  unsigned sent, received;
};

static void *open_honest(void *with) {
  struct scene *scene = (struct scene *)with;
  const pf_receiver_options options = {.timeout = 5000};
  check(pf_receiver_open(&scene->honest, path, &options) == PF_OK, "an honest receiver");
  return NULL;
}

static void set(struct scene *scene) {
  *scene = (struct scene){0};
  const pf_sender_options options = {.pool_bytes = 4 * POOL};
  pf_loan first, last;
  check(pf_sender_open(&scene->sender, path, &options) == PF_OK, "sender");
  check(pf_sender_lend(scene->sender, 3 * POOL / 2, &first, 0) == PF_OK, "lend");
  check(pf_sender_lend(scene->sender, POOL, &scene->middle, 0) == PF_OK, "lend");
  check(pf_sender_lend(scene->sender, 3 * POOL / 2, &last, 0) == PF_OK, "lend");
  pf_sender_unlend(scene->sender, &first);
  pf_sender_unlend(scene->sender, &last);
  check(pthread_create(&scene->thread, NULL, open_honest, scene) == 0, "thread");
  check(pf_sender_await_receivers(scene->sender, 1, 5000) == PF_OK, "await");
  pthread_join(scene->thread, NULL);
}

static void send_one(struct scene *scene, size_t length) {
  pf_loan loan;
  check(pf_sender_lend(scene->sender, length, &loan, 5000) == PF_OK, "lend");
  memset(loan.data, (int)(scene->sent & 0xFF), length);
  check(pf_sender_send(scene->sender, &loan, 5000) == PF_OK, "send");
  scene->sent++;
}

// The honest one takes what there is, and finds it whole.
static void take_all(struct scene *scene) {
  pf_message message;
  while (pf_receiver_receive(scene->honest, &message, 0) == PF_OK) {
    check(message.number == scene->received, "a number");
    for (size_t at = 0; at < message.length; at++)
      check(((const uint8_t *)message.data)[at] == (uint8_t)scene->received, "a byte");
    scene->received++;
    pf_receiver_release(scene->honest, &message);
  }
}

static void end(struct scene *scene) {
  take_all(scene);
  check(scene->received == scene->sent, "the honest one has everything");
  pf_receiver_close(scene->honest);
  pf_sender_unlend(scene->sender, &scene->middle);
  pf_sender_close(scene->sender);
}

// After three messages a guest does something; is it cut off, and does the sender go on?
#define RETURNS_OF(what, policy, length, change)                                                                        \
  do {                                                                                                                  \
    struct scene scene;                                                                                                 \
    set(&scene);                                                                                                        \
    struct guest guest = enter(scene.sender, policy);                                                                   \
    word *control = guest.control, *queue = control + ENTRIES, *returns = control + RETURNS;                            \
    (void)queue;                                                                                                        \
    (void)returns;                                                                                                      \
    /* The pool has no room at a stretch for what is longer than half of it, and for one alone in all. */               \
    for (int count = length > POOL ? 2 : 0; count < 3; count++) {                                                       \
      send_one(&scene, length);                                                                                         \
      take_all(&scene);                                                                                                 \
    }                                                                                                                   \
    change;                                                                                                             \
    (void)pf_sender_arm(scene.sender);                                                                                  \
    printf("%s: %s\n", what, control[AT_CUT_OFF] == 2 ? "cut off" : "served");                                          \
    for (int count = 0; count < 50; count++) {                                                                          \
      send_one(&scene, 1000);                                                                                           \
      take_all(&scene);                                                                                                 \
    }                                                                                                                   \
    leave(&guest);                                                                                                      \
    (void)pf_sender_arm(scene.sender);                                                                                  \
    check(pf_sender_receivers(scene.sender, NULL, 0) == 1, "it is gone");                                               \
    check(pf_sender_flush(scene.sender, 5000) == PF_OK, "flush");                                                       \
    end(&scene);                                                                                                        \
  } while (0)

static void put(word *returns, uint32_t index, uint32_t slot, uint32_t number) {
  returns[index * 2] = slot;
  returns[index * 2 + 1] = number;
}

static void returned(void) {
  RETURNS_OF("nothing", 0, 100, );
  RETURNS_OF("everything", 0, 100, control[AT_CURSOR] = 3);
  RETURNS_OF("more than was sent", 0, 100, control[AT_CURSOR] = 4);
  RETURNS_OF("2^31 messages", 0, 100, control[AT_CURSOR] = 1u << 31);
  RETURNS_OF("2^32 - 1 messages", 0, 100, control[AT_CURSOR] = UINT32_MAX);
  RETURNS_OF("2^31 entries", 0, 100, control[AT_RETURNED] = 1u << 31);
  RETURNS_OF("2^32 - 1 entries", 0, 100, control[AT_RETURNED] = UINT32_MAX);
  RETURNS_OF("one that it keeps", 0, 100, put(returns, 0, UINT32_MAX, 0); control[AT_RETURNED] = 1; control[AT_CURSOR] = 1);
  RETURNS_OF("one that it keeps twice", 0, 100, put(returns, 0, UINT32_MAX, 0); put(returns, 1, UINT32_MAX, 0); control[AT_RETURNED] = 2);
  RETURNS_OF("one to come that it keeps", 0, 100, put(returns, 0, UINT32_MAX, 3); control[AT_RETURNED] = 1);
  RETURNS_OF("one long past that it keeps", 0, 100, put(returns, 0, UINT32_MAX, UINT32_MAX); control[AT_RETURNED] = 1);
  RETURNS_OF("a slot that it does not keep", 0, 100, put(returns, 0, 0, 0); control[AT_RETURNED] = 1);
  RETURNS_OF("a slot that there is not", 0, 100, put(returns, 0, 1u << 20, 0); control[AT_RETURNED] = 1);
  RETURNS_OF("a slot with bit 31", 0, 100, put(returns, 0, 1u << 31, 0); control[AT_RETURNED] = 1);
  RETURNS_OF("own memory without taking it off the socket", 0, 2 * POOL, control[AT_CURSOR] = 1);
  RETURNS_OF("own memory that was never passed", 0, 2 * POOL, control[AT_TAKEN] = 9; control[AT_CURSOR] = 1);
  RETURNS_OF("own memory that was taken", 0, 2 * POOL, control[AT_TAKEN] = 1; control[AT_CURSOR] = 1);
  puts("by one that may miss messages");
  RETURNS_OF("nothing", 2, 100, );
  RETURNS_OF("what it has not taken", 2, 100, put(returns, 0, queue[2], 0); control[AT_RETURNED] = 1);
  RETURNS_OF("what it has taken", 2, 100, queue[4] = UINT32_MAX; put(returns, 0, queue[2], 0); control[AT_RETURNED] = 1);
  RETURNS_OF("it twice", 2, 100, queue[4] = UINT32_MAX; put(returns, 0, queue[2], 0); put(returns, 1, queue[2], 0); control[AT_RETURNED] = 2);
  RETURNS_OF("another number", 2, 100, queue[4] = UINT32_MAX; put(returns, 0, queue[2], 1); control[AT_RETURNED] = 1);
  RETURNS_OF("more than there is", 2, 100, control[AT_RETURNED] = 4);
  RETURNS_OF("2^31 entries", 1, 100, control[AT_RETURNED] = 1u << 31);
  RETURNS_OF("claims of all kinds", 2, 100, for (uint32_t at = 0; at < 1024; at++) queue[at * 8 + 4] = at * 77777777);
  puts("and in other ways");
  RETURNS_OF("a word on the socket", 0, 100, check(send_raw(guest.socket, "hello", 5, NULL, 0), "send"));
  RETURNS_OF("an empty word on the socket", 0, 100, check(send_raw(guest.socket, "", 0, NULL, 0), "send"));
  RETURNS_OF("64 rings", 0, 100, const uint64_t one = 1;
             for (int rings = 0; rings < 64; rings++) { check(write(guest.fds[1], &one, 8) == 8, "ring"); (void)pf_sender_arm(scene.sender); });
  RETURNS_OF("65 rings", 0, 100, const uint64_t one = 1;
             for (int rings = 0; rings < 65; rings++) { check(write(guest.fds[1], &one, 8) == 8, "ring"); (void)pf_sender_arm(scene.sender); });
}

static void say_hello(struct scene *scene, const char *what, const void *bytes, size_t length, const int *fds, size_t count) {
  const int socket = connect_to(path);
  check(send_raw(socket, bytes, length, fds, count), what);
  printf("%s: %s\n", what, has_hung_up(scene->sender, socket) ? "hung up on" : "answered");
  close(socket);
}

static void hellos(void) {
  struct scene scene;
  uint8_t record[300] = {0};
  int fds[16];
  set(&scene);
  const uint32_t words[] = {0, 0, 0};
  const size_t length = make_record(record, 1, "shared-mmap", words, 3);
  for (int each = 0; each < 16; each++) fds[each] = make_bell();
  const int before = open_descriptors();
  say_hello(&scene, "half a head", record, 15, NULL, 0);
  say_hello(&scene, "257 bytes", record, 257, NULL, 0);
  say_hello(&scene, "17 parameters", record, 48 + 17 * 4, NULL, 0);
  say_hello(&scene, "garbage", "GET / HTTP/1.1\r\n\r\n", 18, NULL, 0);
  record[10] = 2;
  say_hello(&scene, "a welcome", record, length, NULL, 0);
  record[10] = 1;
  say_hello(&scene, "16 descriptors", record, length, fds, 16);
  record[20] = 'X';
  say_hello(&scene, "another mechanism", record, length, NULL, 0);
  record[8] = 1;
  say_hello(&scene, "another version", record, 257, NULL, 0);
  (void)pf_sender_arm(scene.sender);
  check(pf_sender_receivers(scene.sender, NULL, 0) == 1 && open_descriptors() == before, "nobody stays");
  close_all(fds, 16);
  // Many that say nothing, and one that comes after them.
  int silent[100];
  for (int each = 0; each < 100; each++) {
    silent[each] = connect_to(path);
    (void)pf_sender_arm(scene.sender);
  }
  struct guest last = enter(scene.sender, 0);
  puts("after 100 that say nothing: welcomed");
  leave(&last);
  close_all(silent, 100);
  // Many that come and go.
  for (int each = 0; each < 1000; each++) {
    struct guest guest = enter(scene.sender, (uint32_t)each % 3);
    if (each % 10 == 0) {
      send_one(&scene, 500);
      take_all(&scene);
    }
    leave(&guest);
  }
  puts("1000 came and went");
  end(&scene);
}

// Whose process it is, and that its end is noticed though a child of it has the socket still.
static void processes(void) {
  struct scene scene;
  int told[2];
  set(&scene);
  check(pipe(told) == 0, "pipe");
  const pid_t child = fork();
  if (child == 0) {
    pf_receiver *receiver;
    const pf_receiver_options options = {.timeout = 5000};
    check(pf_receiver_open(&receiver, path, &options) == PF_OK, "receiver");
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      pause();
      _exit(0);
    }
    check(write(told[1], &grandchild, sizeof grandchild) == sizeof grandchild, "tell");
    pause();
    _exit(0);
  }
  check(pf_sender_await_receivers(scene.sender, 2, 5000) == PF_OK, "await");
  pf_receiver_info infos[2];
  check(pf_sender_receivers(scene.sender, infos, 2) == 2, "two");
  printf("its process: %s\n", infos[0].pid == getpid() && infos[1].pid == child ? "known" : "another one");
  pid_t grandchild;
  check(read(told[0], &grandchild, sizeof grandchild) == sizeof grandchild, "hear");
  send_one(&scene, 100);
  take_all(&scene);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  struct pollfd asked = {.fd = pf_sender_fd(scene.sender), .events = POLLIN};
  while (pf_sender_arm(scene.sender) == PF_OK) continue;
  while (pf_sender_receivers(scene.sender, NULL, 0) == 2 && poll(&asked, 1, 5000) == 1) (void)pf_sender_arm(scene.sender);
  check(pf_sender_flush(scene.sender, 5000) == PF_OK, "flush");
  printf("its end, while a child of it lives: %s\n", pf_sender_receivers(scene.sender, NULL, 0) == 1 ? "noticed" : "not noticed");
  kill(grandchild, SIGKILL);
  close_all(told, 2);
  end(&scene);
}

// One that connects to a listener by hand.
#define CALLER(what, seals, with_fd, change)                                                                 \
  do {                                                                                                       \
    pf_listener *listener;                                                                                   \
    pf_channel *channel;                                                                                     \
    pf_message message;                                                                                      \
    check(pf_listener_open(&listener, path, NULL) == PF_OK, "listener");                                     \
    int socket = connect_to(path), fds[16];                                                                  \
    uint8_t record[256];                                                                                     \
    size_t count;                                                                                            \
    const uint32_t none = 0;                                                                                 \
    const int pool = make_memory(POOL, seals, NULL);                                                         \
    const size_t length = make_record(record, 1, "shared-mmap-channel", &none, 1);                           \
    check(send_raw(socket, record, length, &pool, with_fd), "hello");                                        \
    int result = pf_listener_accept(listener, &channel, 100);                                                \
    check(receive_raw(socket, record, sizeof record, fds, &count) >= 48, "an answer");                       \
    if (result == PF_OK) {                                                                                   \
      void *memory = mmap(NULL, 2 * CONTROL_WORDS * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);       \
      check(memory != MAP_FAILED, "mmap");                                                                   \
      word *out = (word *)memory, *in = out + CONTROL_WORDS, *entry = in + ENTRIES;                          \
      (void)out;                                                                                             \
      (void)entry;                                                                                           \
      pf_loan loan;                                                                                          \
      check(pf_channel_lend(channel, 10, &loan, 0) == PF_OK && pf_channel_send(channel, &loan, 0) == PF_OK, "send"); \
      change;                                                                                                \
      result = pf_channel_receive(channel, &message, 20);                                                    \
      if (result == PF_OK) pf_channel_release(channel, &message);                                            \
      if (result == PF_AGAIN) result = pf_channel_lend(channel, 10, &loan, 0);                               \
      printf("%s: %s\n", what, pf_text(result));                                                             \
      pf_channel_close(channel);                                                                             \
      munmap(memory, 2 * CONTROL_WORDS * 4);                                                                 \
    } else printf("%s: refused with reason %d\n", what, record[12]);                                         \
    close_all(fds, count);                                                                                   \
    close(pool);                                                                                             \
    close(socket);                                                                                           \
    pf_listener_close(listener);                                                                             \
  } while (0)

static void callers(void) {
  puts("over a channel");
  CALLER("nothing", size_seals(), 1, );
  CALLER("no memory", size_seals(), 0, );
  CALLER("memory without seals", 0, 1, );
  CALLER("a message", size_seals(), 1, entry[0] = 10; in[AT_PUBLISHED] = 1);
  CALLER("2^31 bytes", size_seals(), 1, entry[0] = 1u << 31; in[AT_PUBLISHED] = 1);
  CALLER("2^32 - 1 bytes", size_seals(), 1, entry[0] = UINT32_MAX; in[AT_PUBLISHED] = 1);
  CALLER("1025 messages", size_seals(), 1, in[AT_PUBLISHED] = 1025);
  CALLER("an answer that nobody waits for", size_seals(), 1, entry[7] = 5u << 2 | 2; in[AT_PUBLISHED] = 1);
  CALLER("a question with every bit", size_seals(), 1, entry[7] = 0xFFFFFFFD; in[AT_PUBLISHED] = 1);
  CALLER("more returned than was sent", size_seals(), 1, out[AT_CURSOR] = 2);
  CALLER("2^31 returned", size_seals(), 1, out[AT_CURSOR] = 1u << 31);
  CALLER("2^32 - 1 entries returned", size_seals(), 1, out[AT_RETURNED] = UINT32_MAX);
  CALLER("what is not kept returned", size_seals(), 1, out[AT_RETURNED] = 1);
  CALLER("garbage on the socket", size_seals(), 1, check(send_raw(socket, "12345678", 8, NULL, 0), "send"));
}

// Words change at random while messages are sent: the honest one gets each of them, and whole.
struct scribbling {
  word *words;
  uint64_t seed;
  _Atomic(bool) is_over;
};

static void *scribble(void *with) {
  struct scribbling *scribbling = (struct scribbling *)with;
  while (!scribbling->is_over) {
    const uint32_t kind = next_random(&scribbling->seed) % 3, at = next_random(&scribbling->seed) % CONTROL_WORDS;
    if (kind == 0) scribbling->words[at] = next_random(&scribbling->seed);
    else if (kind == 1) scribbling->words[AT_RETURNED + at % 3] += 1;
    else scribbling->words[ENTRIES + at % 64] = UINT32_MAX;
  }
  return NULL;
}

static void scribbles(uint64_t seed) {
  for (uint32_t round = 0; round < 60; round++) {
    struct scene scene;
    set(&scene);
    struct guest guest = enter(scene.sender, round % 3);
    struct scribbling scribbling = {.words = guest.control, .seed = seed + round};
    pthread_t thread;
    check(pthread_create(&thread, NULL, scribble, &scribbling) == 0, "thread");
    for (int count = 0; count < 300; count++) {
      send_one(&scene, (size_t)count * 7 % 3000);
      take_all(&scene);
    }
    scribbling.is_over = true;
    pthread_join(thread, NULL);
    leave(&guest);
    end(&scene);
  }
  puts("survived");
}

int main(int count, char **arguments) {
  check(count == 3, "usage: hostile-receiver FOLDER SEED");
  snprintf(path, sizeof path, "%s/hostile", arguments[1]);
  const int before = open_descriptors();
  returned();
  hellos();
  processes();
  callers();
  scribbles(strtoull(arguments[2], NULL, 10));
  printf("%d descriptors are left\n", open_descriptors() - before);
  return 0;
}
