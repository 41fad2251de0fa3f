// The peer in C. Its arguments, its input and its output are those of node.mjs and peer.py: see ../peers.ts.
#include <pageferry.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 4 << 20, MOST_HELD = 16 };

static uint8_t pattern[251 + LARGEST];

// What message `number` says.
static const uint8_t *content_of(uint32_t number) { return pattern + number % 251; }

// As Node calls it.
static const char *code_of(int result) {
  switch (result) {
    case PF_END: return "END";
    case PF_E_PEER_DIED: return "PEER_DIED";
    case PF_E_TOO_LONG: return "MESSAGE_TOO_LARGE";
    default: return pf_text(result);
  }
}

static int send_one(pf_sender *sender, uint32_t *number, size_t length, uint32_t shift) {
  pf_loan loan;
  const int lent = pf_sender_lend(sender, length, &loan, -1);
  if (lent != PF_OK) return lent;
  memcpy(loan.data, content_of(*number + shift), length);
  loan.tag = *number;
  const int result = pf_sender_send(sender, &loan, -1);
  pf_sender_unlend(sender, &loan);
  if (result == PF_OK) ++*number;
  return result;
}

static int send_all(pf_sender *sender, uint32_t *number, bool flushes, const char *lengths, unsigned rounds) {
  int result = PF_OK;
  while (rounds-- > 0) {
    for (const char *at = lengths; at != NULL && result == PF_OK; at = strchr(at, ',')) {
      if (*at == ',') at++;
      result = send_one(sender, number, strtoul(at, NULL, 10), 0);
      if (result == PF_OK && flushes) result = pf_sender_flush(sender, -1);
    }
  }
  return result;
}

static int until_alone(pf_sender *sender) {
  int result;
  struct pollfd asked = {.fd = pf_sender_fd(sender), .events = POLLIN};
  while ((result = pf_sender_arm(sender)) >= 0 && pf_sender_receivers(sender, NULL, 0) > 0) {
    if (result == PF_AGAIN) poll(&asked, 1, -1);
  }
  return result < 0 ? result : PF_OK;
}

static int send_as_told(const char *endpoint, size_t pool_bytes) {
  pf_sender *sender;
  const pf_sender_options options = {.pool_bytes = pool_bytes};
  int result = pf_sender_open(&sender, endpoint, &options);
  if (result != PF_OK) return 1;
  puts("{\"open\":true}");
  fflush(stdout);
  uint32_t number = 0;
  char line[512], command[16], first[16], lengths[400];
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned rounds = 0;
    first[0] = lengths[0] = 0;
    sscanf(line, "%15s %15s %399s %u", command, first, lengths, &rounds);
    result = PF_OK;
    if (strcmp(command, "await") == 0) result = pf_sender_await_receivers(sender, (uint32_t)atoi(first), -1);
    if (strcmp(command, "send") == 0) result = send_all(sender, &number, strcmp(first, "flushing") == 0, lengths, rounds);
    if (strcmp(command, "lie") == 0) result = send_one(sender, &number, strtoul(first, NULL, 10), 1);
    if (strcmp(command, "flush") == 0) result = pf_sender_flush(sender, -1);
    if (strcmp(command, "alone") == 0) result = until_alone(sender);
    if (strcmp(command, "close") == 0) {
      pf_sender_close(sender);
      sender = NULL;
    }
    if (result == PF_OK) printf("{\"sent\":%u}\n", number);
    else printf("{\"sent\":%u,\"error\":\"%s\"}\n", number, code_of(result));
    fflush(stdout);
  }
  pf_sender_close(sender);
  return 0;
}

static int receive(const char *endpoint, const char *policy, size_t holds, size_t tells) {
  pf_receiver *receiver;
  pf_message held[MOST_HELD + 1];
  pf_receiver_options options = {.policy = PF_WAIT, .timeout = -1};
  if (strcmp(policy, "drop-newest") == 0) options.policy = PF_DROP_NEWEST;
  if (strcmp(policy, "drop-oldest") == 0) options.policy = PF_DROP_OLDEST;
  int result = pf_receiver_open(&receiver, endpoint, &options);
  if (result != PF_OK || holds > MOST_HELD) return 1;
  size_t count = 0, wrong = 0, disordered = 0, is_held = 0;
  int64_t tag = -1, length = -1;
  while ((result = pf_receiver_receive(receiver, &held[is_held], -1)) == PF_OK) {
    const pf_message *message = &held[is_held++];
    const bool is_whole = message->length <= LARGEST
                          && memcmp(content_of(message->tag), message->data, message->length) == 0;
    const bool follows = options.policy == PF_WAIT ? message->tag == tag + 1 : message->tag > tag;
    if (!is_whole) wrong++;
    if ((!follows && count > 0) || message->number != message->tag) disordered++;
    count++;
    tag = message->tag;
    length = (int64_t)message->length;
    if (count <= tells) {
      printf("{\"tag\":%u,\"length\":%zu,\"isWhole\":%s}\n", message->tag, message->length, is_whole ? "true" : "false");
    } else if (count == tells + 100) {
      printf("{\"count\":%zu}\n", count);
    }
    fflush(stdout);
    if (is_held > holds) {
      pf_receiver_release(receiver, &held[0]);
      memmove(&held[0], &held[1], --is_held * sizeof held[0]);
    }
  }
  while (is_held > 0) pf_receiver_release(receiver, &held[--is_held]);
  printf("{\"end\":\"%s\",\"count\":%zu,\"wrong\":%zu,\"disordered\":%zu,\"dropped\":%u,\"tag\":%lld,\"length\":%lld}\n",
         code_of(result), count, wrong, disordered, pf_receiver_dropped(receiver), (long long)tag, (long long)length);
  pf_receiver_close(receiver);
  return 0;
}

int main(int count, char **arguments) {
  for (size_t at = 0; at < sizeof pattern; at++) pattern[at] = (uint8_t)(at % 251);
  if (count == 4 && strcmp(arguments[1], "send") == 0) return send_as_told(arguments[2], strtoul(arguments[3], NULL, 10));
  if (count == 6 && strcmp(arguments[1], "receive") == 0) {
    return receive(arguments[2], arguments[3], strtoul(arguments[4], NULL, 10), strtoul(arguments[5], NULL, 10));
  }
  return 2;
}
