/*
 * pageferry.h - a peer of Pageferry's transports, in C11.
 *
 * Written from docs/shared-memory-layout.md alone, version 2 of the protocol. It needs libc and Linux 5.1 or later.
 *
 *   sender     publishes to any number of receivers
 *   receiver   takes what a sender publishes, with any policy
 *   channel    both sides send, receive, ask and answer; one connects, and the other is accepted by a
 *   listener   at its endpoint
 *   pipe       receives from a sender of the pipe transport
 *
 * An endpoint is a path with a slash, or a name without one, which stands for $XDG_RUNTIME_DIR/pageferry/NAME, or where
 * that folder is not this user's for /tmp/pageferry-UID/NAME (with $TMPDIR in place of /tmp, where it is set). The folder
 * is made, and has to be this user's alone. Or it is "fd:N", an inherited socket.
 *
 * MEMORY. The bytes of a message lie in memory of the other side, mapped read-only. They may be read from when a
 * call returns the message until it is released, and not afterwards. A loan is memory of this side: it may be written
 * until it is sent or released.
 *
 * WAITING. Calls take a time limit in milliseconds: 0 does not wait, a negative one waits for ever. A call that waits
 * for messages, answers or room looks for some microseconds before it sleeps (`poll_microseconds`), because to be woken
 * takes as long. A program with a loop of its own waits in poll(2) for what pf_receiver_fd and its like name, after
 * pf_receiver_arm and its like have said that there is nothing to do first.
 *
 * THREADS. Each of them is used by one thread at a time. Different ones may be used at once.
 *
 * RESULTS. A function that can fail returns an int: PF_OK, PF_END and PF_AGAIN are outcomes that a program expects;
 * everything below 0 is an error, and errno says more for PF_E_SYSTEM. pf_text has words for each.
 */
#ifndef PAGEFERRY_H
#define PAGEFERRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the protocol. A peer with another one is refused, with PF_E_VERSION. */
#define PF_PROTOCOL_VERSION 2

enum pf_result {
  PF_OK = 0,
  PF_END = 1,    /* The other side has ended in good order, and everything it sent was received. */
  PF_AGAIN = 2,  /* Nothing is here, or there is no room, within the time limit. Nothing has changed. */

  PF_E_SYSTEM = -1,        /* A system call failed: see errno. */
  PF_E_INVALID = -2,       /* An argument cannot be used. */
  PF_E_PEER_DIED = -3,     /* The other side ended without closing. */
  PF_E_MISBEHAVED = -4,    /* The other side broke the protocol. Close, and do not believe it again. */
  PF_E_CUT_OFF = -5,       /* The other side lives, and has given this one up. */
  PF_E_VERSION = -6,       /* The other side speaks another version of the protocol. */
  PF_E_TRANSPORT = -7,     /* The other side uses another mechanism: it may be a sender, not a listener. */
  PF_E_REJECTED = -8,      /* The other side is of another user, or has no room for one more. */
  PF_E_LOST = -9,          /* No descriptor was free for the memory of a message, which is lost. What follows is not. */
  PF_E_UNANSWERED = -10,   /* The question was released without an answer. */
  PF_E_FAILED = -11,       /* The question was answered with an error: the message that came has it, as JSON. */
  PF_E_TOO_LONG = -12,     /* A message has less than 4 GiB. */
  PF_E_IN_USE = -13,       /* Somebody listens at the endpoint already. */
  PF_E_FORBIDDEN = -14     /* The endpoint's file, or the folder of names, is not this user's alone. */
};

/* A sentence in English for a result. Never NULL. */
const char *pf_text(int result);

/* A message of the other side's. */
typedef struct pf_message {
  const void *data;   /* Until it is released. Not NULL, also for a message of no bytes. */
  size_t length;      /* In bytes. */
  uint64_t number;    /* Messages of one sender are numbered from 0. */
  uint32_t tag;       /* A number of the sending program's. */
  bool is_request;    /* Only in a channel: pf_channel_respond or pf_channel_reject is expected. */

  /* The rest is the library's. */
  uint32_t slot_;
  uint32_t exchange_;
  void *own_;
  size_t own_length_;
} pf_message;

/*
 * Memory of this side's pool. Where that has room, but none at a stretch, or where nothing else is out and it is too small, a
 * message gets memory of its own, which costs some ten system calls and two descriptors: keep the pool a few times as large as
 * messages are. At most 16 such messages are under way to a receiver.
 */
typedef struct pf_loan {
  void *data;     /* Until it is sent or released. Messages of a page or more begin on a page. */
  size_t length;  /* May be made smaller before it is sent. */
  uint32_t tag;   /* Travels with the message. */
  /*
   * For a runtime with views of `data` that may outlive the loan: set it before the loan is sent. Memory of its own then stays
   * mapped, as a private copy of this process's, until pf_loan_unmap. (The pool is mapped until its side is closed.)
   */
  bool keep_mapped;

  /* The rest is the library's. */
  bool is_lent_;
  uint32_t slot_;
  void *own_;
  size_t own_length_;
} pf_loan;

/* Unmaps what `keep_mapped` has kept, for loans that were sent. Does nothing to others. */
void pf_loan_unmap(pf_loan *loan);

/* ------------------------------------------------------------------------------------------------- receiver */

typedef struct pf_receiver pf_receiver;

/* What becomes of messages while the receiver is behind. */
enum pf_policy {
  PF_WAIT = 0,         /* The sender waits for it. */
  PF_DROP_NEWEST = 1,  /* It misses the newest ones. */
  PF_DROP_OLDEST = 2   /* It misses the oldest ones. */
};

typedef struct pf_receiver_options {
  enum pf_policy policy;
  uint32_t depth;  /* How many messages may be under way, 1 to 1024; 0 means 1024. */
  int timeout;     /* How long to wait for the sender, in milliseconds; negative: for ever. */
  bool (*stop)(void *with); /* Asked while it waits, also when a signal came: true ends it with PF_AGAIN. May be NULL. */
  void *stop_with;
  /*
   * How long each wait looks before it sleeps, up to 10000: 0 means 50, a negative one that it sleeps at once. Meanwhile it
   * does not learn that the other side has died. Who wants to look for longer asks pf_receiver_peek.
   */
  int poll_microseconds;
} pf_receiver_options;

/*
 * Connects to the sender at a path or a name, or at "fd:N", an inherited socket, which it takes over. Waits until the sender is
 * there. `options` may be NULL: policy PF_WAIT, no time limit.
 *
 * PF_AGAIN if nobody is there within the time limit; PF_E_VERSION, PF_E_TRANSPORT, PF_E_REJECTED, PF_E_MISBEHAVED,
 * PF_E_SYSTEM. After any result but PF_OK *receiver is NULL and nothing is open.
 */
int pf_receiver_open(pf_receiver **receiver, const char *endpoint, const pf_receiver_options *options);

/* The next message: PF_OK, PF_END, PF_AGAIN, PF_E_PEER_DIED, PF_E_CUT_OFF, PF_E_MISBEHAVED, PF_E_LOST, PF_E_SYSTEM. */
int pf_receiver_receive(pf_receiver *receiver, pf_message *message, int timeout);

/* Gives the memory back, in any order, once for each message. The message is cleared: a second time does nothing. */
void pf_receiver_release(pf_receiver *receiver, pf_message *message);

/* A descriptor that is readable when something may have come since pf_receiver_arm. The receiver owns it. */
int pf_receiver_fd(const pf_receiver *receiver);

/*
 * Before a poll(2) of that descriptor: PF_AGAIN if it may sleep, PF_OK if there is something to receive first, or an
 * error that ends the connection.
 */
int pf_receiver_arm(pf_receiver *receiver);

/* Whether pf_receiver_receive has something to say. Reads memory alone: for who polls before it sleeps. */
bool pf_receiver_peek(const pf_receiver *receiver);

/* How many messages were dropped for this receiver so far, modulo 2^32. */
uint32_t pf_receiver_dropped(const pf_receiver *receiver);

/*
 * Leaves, and keeps the memory mapped until pf_receiver_close. The sender goes on to use it: what was received and not
 * released changes, unless its pages were replaced before. After it only release and close are allowed.
 */
void pf_receiver_hang_up(pf_receiver *receiver);

/* Leaves. What was received and not released must not be read any more. NULL is fine. */
void pf_receiver_close(pf_receiver *receiver);

/* --------------------------------------------------------------------------------------------------- sender */

/*
 * A sender has up to 64 receivers, in C, Node or Python, which come and go. Its memory for messages is one pool: a loan
 * is filled and sent, and all receivers read the same pages. Receivers are let in, and what they return is taken in,
 * by whatever call uses the sender, pf_sender_arm included: a sender that is not used for long keeps them waiting.
 */
typedef struct pf_sender pf_sender;

typedef struct pf_sender_options {
  size_t pool_bytes;       /* How many bytes may be out, and the memory for them, allocated at once; 0 means 4 MiB. In pages. */
  uint32_t history;        /* How many messages to keep for receivers that come later, 0 to 1024. */
  uint32_t most_receivers; /* 1 to 64; 0 means 64. */
  int poll_microseconds;   /* As in pf_receiver_options. */
} pf_sender_options;

/* One receiver of a sender. */
typedef struct pf_receiver_info {
  uint32_t id;           /* Of the receivers of this sender, from 0, in the order in which they came. */
  int pid;               /* Its process, as the kernel has named it; 0 if it has not. */
  enum pf_policy policy;
  uint32_t behind;       /* Messages that it has not returned. */
  uint32_t dropped;      /* Messages that were dropped for it, modulo 2^32. */
} pf_receiver_info;

/*
 * Listens at a path or a name, or at "fd:N", an inherited socket, which it takes over, and at whose other end there is
 * the one receiver. `options` may be NULL.
 *
 * PF_E_IN_USE, PF_E_FORBIDDEN, PF_E_INVALID (the endpoint cannot be one; another kind of file is there), PF_E_SYSTEM.
 * After any result but PF_OK *sender is NULL and nothing is open.
 */
int pf_sender_open(pf_sender **sender, const char *endpoint, const pf_sender_options *options);

/*
 * Lends memory: PF_OK, PF_AGAIN if there is no room within the time limit, PF_E_TOO_LONG, PF_E_INVALID after
 * pf_sender_finish, or PF_E_SYSTEM if there is no memory, or no descriptor, for a message of its own. Before it waits, it forgets history, and takes back what receivers that may miss messages have
 * not taken.
 */
int pf_sender_lend(pf_sender *sender, size_t length, pf_loan *loan, int timeout);

/* Gives a loan back unsent. Does nothing to one that was sent. */
void pf_sender_unlend(pf_sender *sender, pf_loan *loan);

/*
 * Sends a loan to all receivers. PF_OK: it is theirs now. PF_AGAIN: some receiver with PF_WAIT has no room, or nobody is
 * here and no history is kept; and it is still this side's, as after PF_E_PEER_DIED (the only receiver of an inherited
 * endpoint is gone), PF_E_SYSTEM, and PF_E_INVALID for a loan that is none.
 */
int pf_sender_send(pf_sender *sender, pf_loan *loan, int timeout);

/* Waits until there are so many receivers at once: PF_OK, PF_AGAIN, PF_E_PEER_DIED as above, PF_E_SYSTEM. */
int pf_sender_await_receivers(pf_sender *sender, uint32_t count, int timeout);

/* Waits until the receivers have returned everything: PF_OK, PF_AGAIN, PF_E_SYSTEM. */
int pf_sender_flush(pf_sender *sender, int timeout);

/* How many receivers there are, and of the first `room` of them more in `infos`, which may be NULL. */
uint32_t pf_sender_receivers(const pf_sender *sender, pf_receiver_info *infos, uint32_t room);

/* A descriptor that is readable when somebody comes or goes, or returns something, since pf_sender_arm. */
int pf_sender_fd(const pf_sender *sender);

/*
 * Lets receivers in, and takes in what they have returned. PF_AGAIN: poll(2) of the descriptor may sleep; PF_OK: something
 * has come back meanwhile, call it again.
 */
int pf_sender_arm(pf_sender *sender);

/* The orderly end: receivers get what was sent, and then PF_END. Nothing can be sent any more, and nobody comes in. */
void pf_sender_finish(pf_sender *sender);

/*
 * As pf_sender_close, and keeps the memory of loans mapped until that. After it only unlend and close are allowed.
 */
void pf_sender_hang_up(pf_sender *sender);

/*
 * Ends in good order, and hangs up. What was sent may still be received: it is the receivers' memory, too. NULL is fine.
 */
void pf_sender_close(pf_sender *sender);

/* Hangs up without the end: receivers get what was sent, and then see a death. NULL is fine. */
void pf_sender_abort(pf_sender *sender);

/* -------------------------------------------------------------------------------------------------- channel */

typedef struct pf_channel pf_channel;

typedef struct pf_channel_options {
  size_t pool_bytes;  /* As in pf_sender_options, for what this side sends. */
  int timeout;        /* How long to wait for the listener, in milliseconds; negative: for ever. */
  bool (*stop)(void *with); /* As in pf_receiver_options. */
  void *stop_with;
  int poll_microseconds;    /* As in pf_receiver_options. */
} pf_channel_options;

/* Connects to the listener at a path, or at "fd:N". As pf_receiver_open; `options` may be NULL. */
int pf_channel_connect(pf_channel **channel, const char *endpoint, const pf_channel_options *options);

/* Lends memory: as pf_sender_lend, and why the channel is over. */
int pf_channel_lend(pf_channel *channel, size_t length, pf_loan *loan, int timeout);

/* Gives a loan back unsent. Does nothing to one that was sent. */
void pf_channel_unlend(pf_channel *channel, pf_loan *loan);

/*
 * Sends a loan. PF_OK: it is the other side's now. PF_AGAIN: as many messages are under way as there may be, and it is
 * still this side's; as after PF_E_PEER_DIED, PF_E_CUT_OFF, PF_E_MISBEHAVED, and PF_E_INVALID for a loan that is none.
 */
int pf_channel_send(pf_channel *channel, pf_loan *loan, int timeout);

/* The next message that is no answer. As pf_receiver_receive. */
int pf_channel_receive(pf_channel *channel, pf_message *message, int timeout);

/* As pf_receiver_release. A question that was not answered fails at the other side. */
void pf_channel_release(pf_channel *channel, pf_message *message);

/*
 * Asks a question, and waits for its answer, which is to be released. Messages that come before it are kept for
 * pf_channel_receive. PF_AGAIN: no answer within the time limit; one that comes later is released. If the question was
 * not sent, `loan` is still this side's (`is_lent_` tells; pf_channel_unlend does what is right in any case).
 * PF_E_UNANSWERED, PF_E_FAILED (`answer` has the error, as JSON, and is to be released), and as pf_channel_send.
 */
int pf_channel_request(pf_channel *channel, pf_loan *loan, pf_message *answer, int timeout);

/*
 * Asks a question without waiting for its answer. PF_OK: `number` is the question's, for pf_channel_answer; else as
 * pf_channel_send.
 */
int pf_channel_ask(pf_channel *channel, pf_loan *loan, uint32_t *number, int timeout);

/*
 * The answer to a question, to be released. PF_AGAIN: it has not come within the time limit, and may be asked for again.
 * After any other result the number means nothing any more. Else as pf_channel_request.
 */
int pf_channel_answer(pf_channel *channel, uint32_t number, pf_message *answer, int timeout);

/* Waits for no answer any more: one that has come or will come is released. */
void pf_channel_give_up(pf_channel *channel, uint32_t number);

/* Answers a question with a loan. As pf_channel_send; PF_E_INVALID if it is no question, or was answered. */
int pf_channel_respond(pf_channel *channel, pf_message *question, pf_loan *answer, int timeout);

/* Answers a question with an error. `why` is UTF-8. As pf_channel_respond. */
int pf_channel_reject(pf_channel *channel, pf_message *question, const char *why, int timeout);

/* As pf_receiver_fd. */
int pf_channel_fd(const pf_channel *channel);

/* As pf_receiver_arm. It is also readable when there is room again for a message that had none. */
int pf_channel_arm(pf_channel *channel);

/* What a program may wait for: messages that are no answers, answers, and room for what had none. */
enum pf_change { PF_MESSAGES = 1, PF_ANSWERS = 2, PF_ROOM = 4 };

/* As pf_channel_arm, for some changes alone (bits of pf_change): PF_OK if one of them may have come already. */
int pf_channel_arm_for(pf_channel *channel, unsigned changes);

/* As pf_receiver_peek, for messages and answers. */
bool pf_channel_peek(const pf_channel *channel);

/* How many messages and answers were taken off the queue: if it grows, somebody's answer may have been among them. */
uint64_t pf_channel_received(const pf_channel *channel);

/* The orderly end of what this side sends. The other side may still send. */
void pf_channel_finish(pf_channel *channel);

/*
 * Ends in good order, and hangs up, and keeps the memory of both sides mapped until pf_channel_close: as
 * pf_receiver_hang_up. After it only release, unlend and close are allowed.
 */
void pf_channel_hang_up(pf_channel *channel);

/* Ends in good order, and hangs up: what was sent may still be received. NULL is fine. */
void pf_channel_close(pf_channel *channel);

/* ------------------------------------------------------------------------------------------------- listener */

/* Where channels are connected to, by programs in C, Node or Python. */
typedef struct pf_listener pf_listener;

/*
 * Listens as pf_sender_open does. `pool_bytes` of the options, which may be NULL, is the memory of each channel that is
 * accepted; the others do not matter.
 */
int pf_listener_open(pf_listener **listener, const char *endpoint, const pf_channel_options *options);

/*
 * The channel with the next one that connects. It is used, and closed, like one that pf_channel_connect made, and outlives
 * the listener. PF_AGAIN: nobody has come within the time limit; PF_END: of an inherited socket nobody else can come;
 * PF_E_SYSTEM.
 */
int pf_listener_accept(pf_listener *listener, pf_channel **channel, int timeout);

/* A descriptor that is readable when pf_listener_accept with the limit 0 has something to do. */
int pf_listener_fd(const pf_listener *listener);

/* Listens no more, and removes its file. Channels that were accepted stay. NULL is fine. */
void pf_listener_close(pf_listener *listener);

/* ------------------------------------------------------------------------------------------ pipe transport */

/*
 * A receiver of the pipe transport: the bytes of a message come through a pipe, and are read, or moved on to another
 * descriptor without a copy. There is one message at a time, and it is the sender's again when its last byte has left.
 */
typedef struct pf_pipe pf_pipe;

typedef struct pf_pipe_options {
  int timeout;              /* How long to wait for the sender, in milliseconds; negative: for ever. */
  bool (*stop)(void *with); /* As in pf_receiver_options. */
  void *stop_with;
} pf_pipe_options;

/* A message that comes through the pipe. */
typedef struct pf_piped {
  uint64_t length; /* In bytes. */
  uint64_t rest;   /* How many of them are still to come, when pf_pipe_next has returned. */
  uint64_t number;
  uint32_t tag;
} pf_piped;

/* Connects to a sender of the pipe transport. As pf_receiver_open; `options` may be NULL. */
int pf_pipe_open(pf_pipe **pipe, const char *endpoint, const pf_pipe_options *options);

/*
 * The next message; what is left of the one before is thrown away. PF_OK, PF_END, PF_AGAIN, PF_E_PEER_DIED (also in the
 * middle of a message), PF_E_CUT_OFF, PF_E_MISBEHAVED, PF_E_SYSTEM.
 */
int pf_pipe_next(pf_pipe *pipe, pf_piped *message, int timeout);

/*
 * Reads bytes of the message: PF_OK, and *count is how many, at least 1 and at most `room`; PF_END if it has no more;
 * PF_AGAIN; errors as pf_pipe_next. `room` is at least 1.
 */
int pf_pipe_read(pf_pipe *pipe, void *to, size_t room, size_t *count, int timeout);

/*
 * Moves up to `most` bytes of the message on to a descriptor by splice(2), without a copy. As pf_pipe_read; PF_AGAIN also
 * if that descriptor has no room within the time limit; PF_E_INVALID for a pipe or a socket that is not non-blocking: while
 * splice(2) waits for it, it keeps the sender's pipe locked, and the sender with it.
 */
int pf_pipe_move(pf_pipe *pipe, int fd, size_t most, size_t *count, int timeout);

/* As pf_receiver_fd. Within a message it tells of its bytes. */
int pf_pipe_fd(const pf_pipe *pipe);

/* As pf_receiver_arm. */
int pf_pipe_arm(pf_pipe *pipe);

/* Leaves. NULL is fine. */
void pf_pipe_close(pf_pipe *pipe);

#ifdef __cplusplus
}
#endif

#endif
