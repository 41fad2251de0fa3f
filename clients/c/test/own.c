// Messages with memory of their own: more than the pool has room for at a stretch.
//
//   own SCENARIO ENDPOINT RECEIVERS   sends to so many receivers, and prints what has become of it
//   own ask ENDPOINT 0                asks the listener there, which answers with what it was asked
//
// Byte number `at` of a message is (31 × tag + at + at / 256) mod 256. Linked with --wrap=sendmsg, to have descriptors not pass.
#include "../pageferry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KIB = 1024, MIB = 1024 * KIB };

// How many records with the memory of a message pass before so many do not.
static int let_pass = 0, then_fail = 0;

ssize_t __real_sendmsg(int socket, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int socket, const struct msghdr *message, int flags) {
  if (message->msg_iov->iov_len == 8 && then_fail > 0 && let_pass-- <= 0) {
    then_fail--;
    errno = ETOOMANYREFS;
    return -1;
  }
  return __real_sendmsg(socket, message, flags);
}

static int open_descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) abort();
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static void fill(pf_loan *loan, uint32_t tag) {
  uint8_t *bytes = (uint8_t *)loan->data;
  loan->tag = tag;
  for (size_t at = 0; at < loan->length; at++) bytes[at] = (uint8_t)(31 * tag + at + (at >> 8));
}

static void must(int result, const char *what) {
  if (result == PF_OK) return;
  printf("%s: %s\n", what, pf_text(result));
  exit(1);
}

static pf_loan lend(pf_sender *sender, size_t length, uint32_t tag) {
  pf_loan loan;
  must(pf_sender_lend(sender, length, &loan, -1), "lend");
  fill(&loan, tag);
  return loan;
}

static void send_one(pf_sender *sender, size_t length, uint32_t tag) {
  pf_loan loan = lend(sender, length, tag);
  must(pf_sender_send(sender, &loan, -1), "send");
}

// Long ones and short ones, by turns.
static void send_by_turns(pf_sender *sender, uint32_t count) {
  for (uint32_t tag = 0; tag < count; tag++) send_one(sender, tag % 2 == 0 ? 5 * MIB + tag : tag, tag);
}

// Loans that leave a pool of 8 MiB half free, in pieces of 60 KiB.
enum { PIECES = 128, PIECE = 60 * KIB, LONG = 300 * 1000 };
static pf_loan pieces[PIECES];

static void break_up(pf_sender *sender) {
  for (unsigned index = 0; index < PIECES; index++) must(pf_sender_lend(sender, PIECE, &pieces[index], 0), "lend");
  for (unsigned index = 0; index < PIECES; index += 2) pf_sender_unlend(sender, &pieces[index]);
  // What lies behind the last one.
  must(pf_sender_lend(sender, 8 * MIB - PIECES * PIECE, &pieces[0], 0), "lend");
}

static void give_pieces_back(pf_sender *sender) {
  pf_sender_unlend(sender, &pieces[0]);
  for (unsigned index = 1; index < PIECES; index += 2) pf_sender_unlend(sender, &pieces[index]);
}

static void send_from_pieces(pf_sender *sender) {
  for (uint32_t tag = 0; tag < 60; tag++) send_one(sender, LONG, tag);
}

// What cannot be passed at once is passed later.
static void send_again(pf_sender *sender) {
  for (uint32_t tag = 0; tag < 10; tag++) {
    let_pass = (int)(tag % 3);
    then_fail = 3;
    send_one(sender, LONG, tag);
  }
}

static void pass_to_one_alone(pf_sender *sender, pf_loan *loan) {
  let_pass = 1;
  then_fail = 1000;
  const int result = pf_sender_send(sender, loan, 0);
  if (result != PF_AGAIN) printf("sent: %s\n", pf_text(result));
  then_fail = 0;
}

// A loan that could not be passed to all is still the program's: it may be written to, sent, and shown afterwards.
static void send_changed(pf_sender *sender) {
  for (uint32_t tag = 0; tag < 10; tag++) {
    pf_loan loan = lend(sender, LONG, 99);
    pass_to_one_alone(sender, &loan);
    fill(&loan, tag);
    loan.keep_mapped = true;
    const uint8_t *shown = (const uint8_t *)loan.data;
    must(pf_sender_send(sender, &loan, -1), "send");
    if (shown[5] != (uint8_t)(31 * tag + 5)) puts("it shows something else");
    pf_loan_unmap(&loan);
    pf_loan_unmap(&loan);
  }
}

// It may also be given back, and another message have its number.
static void send_others(pf_sender *sender) {
  for (uint32_t tag = 0; tag < 20; tag++) {
    pf_loan loan = lend(sender, LONG, 99);
    pass_to_one_alone(sender, &loan);
    if (tag % 2 == 0) {
      send_one(sender, 100, tag);
      pf_sender_unlend(sender, &loan);
    } else {
      pf_sender_unlend(sender, &loan);
      send_one(sender, LONG - tag, tag);
    }
  }
}

// What is kept for those who come later: 20 with memory of their own, and 20 of the pool.
static void keep_some(pf_sender *sender) {
  for (uint32_t tag = 0; tag < 40; tag++) send_one(sender, tag % 2 == 0 ? 70 * KIB : 10, tag);
  // Somebody gets those that it must not miss in more than one go.
  let_pass = 7;
  then_fail = 2;
}

static int send_all(const char *scenario, const char *endpoint, uint32_t receivers) {
  pf_sender *sender;
  const bool by_turns = strcmp(scenario, "turns") == 0, keeps = strcmp(scenario, "history") == 0;
  const pf_sender_options options = {.pool_bytes = by_turns ? MIB : 8 * MIB, .history = keeps ? 40 : 0};
  must(pf_sender_open(&sender, endpoint, &options), "open");
  if (!by_turns) break_up(sender);
  if (keeps) keep_some(sender);
  puts("open");
  fflush(stdout);
  must(pf_sender_await_receivers(sender, receivers, -1), "await");
  if (by_turns) send_by_turns(sender, 60);
  else if (strcmp(scenario, "pieces") == 0) send_from_pieces(sender);
  else if (strcmp(scenario, "again") == 0) send_again(sender);
  else if (strcmp(scenario, "changed") == 0) send_changed(sender);
  else if (strcmp(scenario, "others") == 0) send_others(sender);
  else if (keeps) send_one(sender, LONG, 40);
  if (!by_turns) give_pieces_back(sender);
  must(pf_sender_flush(sender, -1), "flush");
  pf_sender_close(sender);
  return 0;
}

static int ask_all(const char *endpoint) {
  pf_channel *channel;
  const pf_channel_options options = {.pool_bytes = MIB, .timeout = -1};
  must(pf_channel_connect(&channel, endpoint, &options), "connect");
  for (uint32_t tag = 0; tag < 40; tag++) {
    pf_loan loan;
    pf_message answer;
    then_fail = tag % 4 == 0 ? 2 : 0;
    must(pf_channel_lend(channel, tag % 2 == 0 ? 3 * MIB : tag, &loan, -1), "lend");
    fill(&loan, tag);
    const size_t length = loan.length;
    must(pf_channel_request(channel, &loan, &answer, -1), "request");
    const uint8_t *bytes = (const uint8_t *)answer.data;
    bool is_same = answer.length == length;
    for (size_t at = 0; is_same && at < length; at++) is_same = bytes[at] == (uint8_t)(31 * tag + at + (at >> 8));
    if (!is_same) printf("answer %u is wrong\n", tag);
    pf_channel_release(channel, &answer);
  }
  pf_channel_close(channel);
  return 0;
}

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: own SCENARIO ENDPOINT RECEIVERS\n"), 2;
  const int before = open_descriptors();
  const bool asks = strcmp(arguments[1], "ask") == 0;
  const int result = asks ? ask_all(arguments[2]) : send_all(arguments[1], arguments[2], (uint32_t)atoi(arguments[3]));
  printf("done, and %d descriptors more than before\n", open_descriptors() - before);
  return result;
}
