// The peer of the tests: what comes, and what becomes of it, in lines on standard output.
//
//   peer receive ENDPOINT POLICY DEPTH HOLD [MICROSECONDS]
//                                             prints each message; holds so many, and gives them back newest first; looks
//                                             for so long before it sleeps
//   peer poll ENDPOINT                        the same in a loop of poll(2)
//   peer serve ENDPOINT                       answers the questions of a listener, and sends messages back
//   peer ask ENDPOINT COUNT LENGTH            asks, and checks the answers
//   peer listen ENDPOINT COUNT                accepts so many channels, one after the other, and serves each
//   peer drain ENDPOINT PIECE HOW             prints each message of the pipe transport; HOW: skip throws half of them away
//   peer move ENDPOINT                        moves those to standard output
//   peer send ENDPOINT RECEIVERS COUNT LENGTH HISTORY END
//             waits for receivers, sends, serves them until its standard input ends, and then ends: close, or abort
#include "../pageferry.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// FNV-1a, 32 bits.
static uint32_t hash_of(const void *data, size_t length) {
  const uint8_t *bytes = data;
  uint32_t hash = 2166136261u;
  for (size_t index = 0; index < length; index++) hash = (hash ^ bytes[index]) * 16777619u;
  return hash;
}

static void print(const pf_message *message) {
  printf("%llu %zu %u %08x\n", (unsigned long long)message->number, message->length, message->tag,
         hash_of(message->data, message->length));
  fflush(stdout);
}

static int conclude(int result) {
  if (result == PF_END) puts("end");
  else printf("error: %s\n", pf_text(result));
  return result == PF_END ? 0 : 1;
}

static int receive(const char *endpoint, int policy, uint32_t depth, size_t hold, int polled) {
  pf_receiver *receiver;
  pf_message held[1024];
  const pf_receiver_options options = {
    .policy = (enum pf_policy)policy, .depth = depth, .timeout = 20000, .poll_microseconds = polled
  };
  int result = pf_receiver_open(&receiver, endpoint, &options);
  if (result != PF_OK) return conclude(result);
  size_t count = 0;
  while ((result = pf_receiver_receive(receiver, &held[count], -1)) == PF_OK) {
    print(&held[count]);
    if (++count > hold)
      while (count > 0) pf_receiver_release(receiver, &held[--count]);
  }
  while (count > 0) pf_receiver_release(receiver, &held[--count]);
  printf("dropped %u\n", pf_receiver_dropped(receiver));
  pf_receiver_close(receiver);
  return conclude(result);
}

static int poll_for(const char *endpoint) {
  pf_receiver *receiver;
  pf_message message;
  int result = pf_receiver_open(&receiver, endpoint, NULL);
  if (result != PF_OK) return conclude(result);
  struct pollfd asked = {.fd = pf_receiver_fd(receiver), .events = POLLIN};
  while ((result = pf_receiver_receive(receiver, &message, 0)) >= 0 && result != PF_END) {
    if (result == PF_OK) {
      print(&message);
      pf_receiver_release(receiver, &message);
    } else if (pf_receiver_arm(receiver) == PF_AGAIN) poll(&asked, 1, -1);
  }
  pf_receiver_close(receiver);
  return conclude(result);
}

// Each byte one more.
static int brighten(pf_channel *channel, const pf_message *message, pf_loan *loan) {
  const int lent = pf_channel_lend(channel, message->length, loan, -1);
  if (lent != PF_OK) return lent;
  const uint8_t *from = message->data;
  uint8_t *to = loan->data;
  for (size_t index = 0; index < message->length; index++) to[index] = (uint8_t)(from[index] + 1);
  loan->tag = message->tag;
  return PF_OK;
}

static int serve_channel(pf_channel *channel) {
  pf_message message;
  int result;
  while ((result = pf_channel_receive(channel, &message, -1)) == PF_OK) {
    pf_loan loan = {0};
    if (message.is_request && message.tag == 1) result = pf_channel_reject(channel, &message, "not \"this\"\n", -1);
    else if (message.tag != 2) {
      result = brighten(channel, &message, &loan);
      if (result == PF_OK) {
        result = message.is_request ? pf_channel_respond(channel, &message, &loan, -1)
                                    : pf_channel_send(channel, &loan, -1);
      }
    }
    pf_channel_release(channel, &message);
    if (result != PF_OK) break;
  }
  pf_channel_close(channel);
  return conclude(result);
}

// Fills what there is room for, leaves a question unanswered that it cannot tell of any more, and waits.
static int leave_unanswered(const char *endpoint) {
  pf_channel *channel;
  pf_message question, message;
  pf_loan loan;
  int result = pf_channel_connect(&channel, endpoint, NULL);
  if (result == PF_OK) result = pf_channel_receive(channel, &question, -1);
  if (result != PF_OK) return conclude(result);
  while (pf_channel_lend(channel, 0, &loan, 0) == PF_OK && pf_channel_send(channel, &loan, 0) == PF_OK) continue;
  pf_channel_unlend(channel, &loan);
  pf_channel_release(channel, &question);
  puts("waits");
  fflush(stdout);
  result = pf_channel_receive(channel, &message, -1);
  pf_channel_close(channel);
  return conclude(result);
}

static int serve(const char *endpoint) {
  pf_channel *channel;
  const int result = pf_channel_connect(&channel, endpoint, NULL);
  return result == PF_OK ? serve_channel(channel) : conclude(result);
}

static int listen_at(const char *endpoint, unsigned count) {
  pf_listener *listener;
  pf_channel *channel;
  int result = pf_listener_open(&listener, endpoint, NULL);
  if (result != PF_OK) return conclude(result);
  puts("open");
  fflush(stdout);
  struct pollfd asked = {.fd = pf_listener_fd(listener), .events = POLLIN};
  while (count-- > 0) {
    while ((result = pf_listener_accept(listener, &channel, 0)) == PF_AGAIN) poll(&asked, 1, -1);
    if (result != PF_OK) break;
    serve_channel(channel);
    fflush(stdout);
  }
  pf_listener_close(listener);
  printf("listened: %s\n", pf_text(result));
  return 0;
}

// Reads what comes through the pipe in pieces of up to `piece` bytes, or throws each second message away.
static int drain(const char *endpoint, size_t piece, bool skips) {
  static uint8_t bytes[1 << 20];
  pf_pipe *pipe;
  pf_piped message;
  int result = pf_pipe_open(&pipe, endpoint, NULL);
  if (result != PF_OK) return conclude(result);
  struct pollfd asked = {.fd = pf_pipe_fd(pipe), .events = POLLIN};
  while ((result = pf_pipe_next(pipe, &message, 0)) == PF_OK || result == PF_AGAIN) {
    if (result == PF_AGAIN) {
      if (pf_pipe_arm(pipe) == PF_AGAIN) poll(&asked, 1, -1);
      continue;
    }
    uint32_t hash = 2166136261u;
    uint64_t length = 0;
    size_t count;
    if (skips && message.number % 2 == 1) continue;
    while ((result = pf_pipe_read(pipe, bytes, piece, &count, -1)) == PF_OK) {
      length += count;
      for (size_t index = 0; index < count; index++) hash = (hash ^ bytes[index]) * 16777619u;
    }
    if (result != PF_END) break;
    printf("%llu %llu %u %08x\n", (unsigned long long)message.number, (unsigned long long)length, message.tag, hash);
    fflush(stdout);
  }
  pf_pipe_close(pipe);
  return conclude(result);
}

// Moves what comes through the pipe to standard output.
static int move(const char *endpoint) {
  pf_pipe *pipe;
  pf_piped message;
  size_t count;
  int result = pf_pipe_open(&pipe, endpoint, NULL);
  fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
  while (result == PF_OK && (result = pf_pipe_next(pipe, &message, -1)) == PF_OK) {
    while (result == PF_OK) result = pf_pipe_move(pipe, 1, 1u << 30, &count, -1);
    if (result == PF_END) result = PF_OK;
  }
  pf_pipe_close(pipe);
  return result == PF_END ? 0 : 1;
}

static int ask(const char *endpoint, unsigned count, size_t length) {
  pf_channel *channel;
  pf_message answer;
  int result = pf_channel_connect(&channel, endpoint, NULL);
  if (result != PF_OK) return conclude(result);
  for (unsigned number = 0; number < count; number++) {
    pf_loan loan;
    result = pf_channel_lend(channel, length, &loan, -1);
    if (result != PF_OK) break;
    memset(loan.data, (int)(number & 0xff), length);
    loan.tag = number;
    result = pf_channel_request(channel, &loan, &answer, 20000);
    pf_channel_unlend(channel, &loan);
    printf("%u %d %u %zu %08x\n", number, result, answer.tag, answer.length, hash_of(answer.data, answer.length));
    pf_channel_release(channel, &answer);
    if (result < 0 && result != PF_E_FAILED && result != PF_E_UNANSWERED) break;
  }
  // What came before the answers.
  pf_message message;
  while (pf_channel_receive(channel, &message, 0) == PF_OK) {
    printf("message %zu\n", message.length);
    pf_channel_release(channel, &message);
  }
  pf_channel_close(channel);
  puts("done");
  return 0;
}

// Serves receivers, in a loop of poll(2), until standard input has ended.
static void serve_receivers(pf_sender *sender) {
  struct pollfd asked[] = {{.fd = pf_sender_fd(sender), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  char input[64];
  do {
    while (pf_sender_arm(sender) == PF_OK) continue;
    poll(asked, 2, -1);
  } while ((asked[1].revents & (POLLIN | POLLHUP)) == 0 || read(0, input, sizeof input) > 0);
}

static int send_all(const char *endpoint, uint32_t receivers, unsigned count, size_t length, uint32_t history, bool closes) {
  pf_sender *sender;
  pf_receiver_info infos[64];
  const pf_sender_options options = {.pool_bytes = 8u << 20, .history = history};
  int result = pf_sender_open(&sender, endpoint, &options);
  if (result != PF_OK) return conclude(result);
  puts("open");
  fflush(stdout);
  result = pf_sender_await_receivers(sender, receivers, -1);
  for (unsigned number = 0; result == PF_OK && number < count; number++) {
    pf_loan loan;
    // Every seventh as long as that, the others of a few bytes.
    const size_t bytes = number % 7 == 0 ? length : number % 200;
    result = pf_sender_lend(sender, bytes, &loan, -1);
    if (result != PF_OK) break;
    memset(loan.data, (int)(number & 0xff), bytes);
    loan.tag = number;
    result = pf_sender_send(sender, &loan, -1);
    pf_sender_unlend(sender, &loan);
  }
  printf("sent: %s\n", pf_text(result));
  fflush(stdout);
  serve_receivers(sender);
  if (closes) pf_sender_flush(sender, -1);
  const uint32_t left = pf_sender_receivers(sender, infos, 64);
  for (uint32_t index = 0; index < left; index++) {
    printf("receiver %u: policy %d, %u behind, %u dropped\n", infos[index].id, (int)infos[index].policy,
           infos[index].behind, infos[index].dropped);
  }
  if (closes) pf_sender_close(sender);
  else pf_sender_abort(sender);
  puts("done");
  return 0;
}

int main(int count, char **arguments) {
  if (count == 8 && strcmp(arguments[1], "send") == 0) {
    return send_all(arguments[2], (uint32_t)atoi(arguments[3]), (unsigned)atoi(arguments[4]), (size_t)atoi(arguments[5]),
                    (uint32_t)atoi(arguments[6]), strcmp(arguments[7], "close") == 0);
  }
  if (count >= 6 && strcmp(arguments[1], "receive") == 0) {
    const int polled = count >= 7 ? atoi(arguments[6]) : 0;
    return receive(arguments[2], atoi(arguments[3]), (uint32_t)atoi(arguments[4]), (size_t)atoi(arguments[5]), polled);
  }
  if (count == 3 && strcmp(arguments[1], "poll") == 0) return poll_for(arguments[2]);
  if (count == 4 && strcmp(arguments[1], "listen") == 0) return listen_at(arguments[2], (unsigned)atoi(arguments[3]));
  if (count == 5 && strcmp(arguments[1], "drain") == 0) {
    return drain(arguments[2], (size_t)atoi(arguments[3]), strcmp(arguments[4], "skip") == 0);
  }
  if (count == 3 && strcmp(arguments[1], "move") == 0) return move(arguments[2]);
  if (count == 3 && strcmp(arguments[1], "unanswered") == 0) return leave_unanswered(arguments[2]);
  if (count == 3 && strcmp(arguments[1], "serve") == 0) return serve(arguments[2]);
  if (count == 5 && strcmp(arguments[1], "ask") == 0) {
    return ask(arguments[2], (unsigned)atoi(arguments[3]), (size_t)atoi(arguments[4]));
  }
  fputs("usage: peer receive|poll|serve|ask|listen|drain|move|send ENDPOINT …\n", stderr);
  return 2;
}
