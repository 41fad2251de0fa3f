/*
 * What the parts of the extension share. Python's classes stand above it: src/pageferry/_receiver.py and its neighbours.
 *
 * LOCKING. The global interpreter lock is the lock of every connection: all calls into pageferry.c that read or write
 * its state are made while it is held, and none of them waits. Only poll(2), and the search for the other side, which
 * no other thread knows of yet, let go of it.
 */
#ifndef PAGEFERRY_NATIVE_H
#define PAGEFERRY_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "pageferry.h"

/* A list without a beginning: each message of a connection whose memory was not given back. */
struct link_of_list {
  struct link_of_list *before, *after;
};

/* What differs between receivers, senders and channels. */
struct kind {
  int (*receive)(void *peer, pf_message *message);
  void (*release)(void *peer, pf_message *message);
  void (*unlend)(void *peer, pf_loan *loan);
  int (*arm)(void *peer, unsigned changes);
  bool (*peek)(const void *peer);
  int (*fd)(const void *peer);
  void (*hang_up)(void *peer);
  void (*close)(void *peer);
};

/* A connection, or a sender's end of several. Messages and loans refer to it, so that it is the last to go. */
typedef struct {
  PyObject_HEAD
  const struct kind *kind;
  void *peer;      /* NULL until it is open. */
  bool is_closed;
  unsigned forks;  /* How often the process had forked when it was opened. */
  double spin;     /* Microseconds to look again and again before sleeping. */
  int nudge;       /* An eventfd that wakes threads which wait, when it is closed. */
  struct link_of_list held;
} End;

typedef struct {
  PyObject_HEAD
  struct link_of_list list;
  End *end;
  pf_message message; /* `data` is NULL once it was given back. */
  Py_ssize_t exports; /* Views of it. */
  bool is_released;   /* No more views; the memory goes back with the last one. */
} Message;

typedef struct {
  PyObject_HEAD
  End *end;
  pf_loan loan;
  Py_ssize_t exports;
  bool is_released;
} Loan;

extern const struct kind channel_kind;
extern PyTypeObject EndType, ReceiverType, SenderType, ChannelType, ListenerType, MessageType, LoanType, IteratorType;

/* What `take` returns when nothing will come any more. */
extern PyObject *end_of_messages;

/* Raises what a result below 0 stands for, and returns NULL. */
PyObject *raise_result(int result);
/* Raises an error of pageferry._errors by its name, and returns NULL. */
PyObject *raise_named(const char *name, const char *words);

/* False, and raises, if the end is not open, or was opened by a process that this one was forked from. */
bool is_usable(End *end);
/* True in a process that was forked from the one that opened it: shared memory is the other's business then. */
bool is_forked(const End *end);
/* Takes over a peer that was just opened. False, and raises, if that cannot be; it is closed then. */
bool start_end(End *end, const struct kind *kind, void *peer);

/* Calls a method of an end with an object of it as the first argument. */
PyObject *call_end(End *end, PyObject *first, const char *name, PyObject *arguments, PyObject *keywords);

/* A message that was received, which it takes over. */
PyObject *new_message(End *end, const pf_message *message);
/* Gives the memory back now, or with the last view. */
void release_message(Message *message);
/* Gives the memory of all messages of an end pages of this process alone. False, and raises, if there is no memory. */
bool keep_messages(End *end);

PyObject *new_loan(End *end, const pf_loan *loan);

/* A call that may stop the search for the other side: a signal, or the callable `with` of Python that returns true. */
bool stop_searching(void *with);
/* Milliseconds for seconds; -1 for None. False, and raises, if it is neither. */
bool read_timeout(PyObject *seconds, int *milliseconds);

/* What `lend` returns for a result: a loan, None if there is no room; else it raises. */
PyObject *lent(End *end, int result, const pf_loan *loan);
/* A length of Python's that memory may have. False, and raises, if it is none. */
bool read_length(PyObject *length, size_t *found);
/* Whether this is a loan of that end which may be sent; raises if not. */
bool is_sendable(End *end, PyObject *loan);
/* True for PF_OK, False for PF_AGAIN; else it raises. */
PyObject *done(int result);

/* What `take` returns for a result: a message, None if nothing is here, `end_of_messages`; else it raises. */
PyObject *taken(End *end, int result, const pf_message *message);
PyObject *end_take(End *end, PyObject *nothing);
/* Whether something is there to be taken, after looking again and again for a while. */
bool spin(const End *end);

PyObject *new_iterator(PyObject *end);

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))function, METH_VARARGS | METH_KEYWORDS

#endif
