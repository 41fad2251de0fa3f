/* What receivers, senders and channels have in common: waiting, and the end. */
#include "native.h" /* First: it has Python.h. */

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static unsigned forks;

static void count_fork(void) { forks++; }

bool is_forked(const End *end) { return end->forks != forks; }

PyObject *raise_named(const char *name, const char *words) {
  PyObject *errors = PyImport_ImportModule("pageferry._errors");
  PyObject *kind = errors == NULL ? NULL : PyObject_GetAttrString(errors, name);
  if (kind != NULL) PyErr_SetString(kind, words);
  Py_XDECREF(kind);
  Py_XDECREF(errors);
  return NULL;
}

PyObject *raise_result(int result) {
  const int number = errno;
  PyObject *errors = PyImport_ImportModule("pageferry._errors");
  if (errors == NULL) return NULL;
  PyObject *error = PyObject_CallMethod(errors, "error_of", "isi", result, pf_text(result), number);
  if (error != NULL) PyErr_SetObject((PyObject *)Py_TYPE(error), error);
  Py_XDECREF(error);
  Py_DECREF(errors);
  return NULL;
}

PyObject *call_end(End *end, PyObject *first, const char *name, PyObject *arguments, PyObject *keywords) {
  PyObject *method = PyObject_GetAttrString((PyObject *)end, name);
  PyObject *own = method == NULL ? NULL : PyTuple_Pack(1, first);
  PyObject *all = own == NULL ? NULL : PySequence_Concat(own, arguments);
  PyObject *result = all == NULL ? NULL : PyObject_Call(method, all, keywords);
  Py_XDECREF(all);
  Py_XDECREF(own);
  Py_XDECREF(method);
  return result;
}

bool is_usable(End *end) {
  if (end->peer == NULL || end->is_closed) raise_named("Closed", "it is closed");
  else if (is_forked(end)) raise_named("NotSupported", "it belongs to the process that this one was forked from");
  else return true;
  return false;
}

static bool is_first_end = true;

static PyObject *end_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  (void)arguments;
  (void)keywords;
  End *self = (End *)type->tp_alloc(type, 0);
  if (self == NULL) return NULL;
  if (is_first_end) pthread_atfork(NULL, NULL, count_fork);
  is_first_end = false;
  self->nudge = -1;
  self->held = (struct link_of_list){&self->held, &self->held};
  return (PyObject *)self;
}

bool start_end(End *end, const struct kind *kind, void *peer) {
  end->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (end->nudge < 0) {
    kind->close(peer);
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  end->kind = kind;
  end->peer = peer;
  end->forks = forks;
  return true;
}

static void end_dealloc(End *self) {
  /* Nothing is held any more: whatever is held refers to this. */
  if (self->peer != NULL && !is_forked(self)) self->kind->close(self->peer);
  if (self->nudge >= 0) close(self->nudge);
  Py_TYPE(self)->tp_free(self);
}

static int64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

bool read_timeout(PyObject *seconds, int *milliseconds) {
  *milliseconds = -1;
  if (seconds == Py_None) return true;
  const double wanted = PyFloat_AsDouble(seconds);
  if (wanted == -1.0 && PyErr_Occurred()) return false;
  if (isnan(wanted)) {
    raise_named("InvalidArgument", "a time limit is a number of seconds");
    return false;
  }
  *milliseconds = wanted <= 0 ? 0 : wanted >= 2e6 ? 2000000000 : (int)ceil(wanted * 1000);
  return true;
}

bool stop_searching(void *with) {
  PyGILState_STATE state = PyGILState_Ensure();
  bool stops = PyErr_CheckSignals() < 0;
  if (!stops && with != Py_None) {
    PyObject *answer = PyObject_CallNoArgs(with);
    stops = answer == NULL || PyObject_IsTrue(answer) != 0;
    Py_XDECREF(answer);
  }
  PyGILState_Release(state);
  return stops;
}

static PyObject *end_fd(End *self, PyObject *nothing) {
  (void)nothing;
  return is_usable(self) ? PyLong_FromLong(self->kind->fd(self->peer)) : NULL;
}

static PyObject *end_arm(End *self, PyObject *changes) {
  const unsigned long wanted = PyLong_AsUnsignedLong(changes);
  if ((wanted == (unsigned long)-1 && PyErr_Occurred()) || !is_usable(self)) return NULL;
  const int armed = self->kind->arm(self->peer, (unsigned)wanted);
  return armed < 0 ? raise_result(armed) : PyBool_FromLong(armed == PF_AGAIN);
}

/* Looks again and again for a while: to sleep and to be woken takes longer than most messages need. */
bool spin(const End *self) {
  if (self->peer == NULL || self->is_closed || self->spin <= 0) return false;
  const int64_t limit = nanoseconds() + (int64_t)(self->spin * 1000);
  do {
    if (self->kind->peek(self->peer)) return true;
    sched_yield();
  } while (nanoseconds() < limit);
  return false;
}

static PyObject *end_spin(End *self, PyObject *nothing) {
  (void)nothing;
  return PyBool_FromLong(spin(self));
}

static PyObject *end_set_spin(End *self, PyObject *microseconds) {
  const double wanted = PyFloat_AsDouble(microseconds);
  if (wanted == -1.0 && PyErr_Occurred()) return NULL;
  if (!(wanted >= 0 && wanted <= 1e6)) return raise_named("InvalidArgument", "it spins for 0 to 1000000 microseconds");
  self->spin = wanted;
  Py_RETURN_NONE;
}

static PyObject *end_wait(End *self, PyObject *arguments) {
  unsigned changes;
  PyObject *seconds;
  int timeout;
  if (!PyArg_ParseTuple(arguments, "IO", &changes, &seconds)) return NULL;
  if (!read_timeout(seconds, &timeout) || !is_usable(self)) return NULL;
  const int armed = self->kind->arm(self->peer, changes);
  if (armed < 0) return raise_result(armed);
  if (armed == PF_OK) Py_RETURN_TRUE;
  struct pollfd asked[] = {{self->kind->fd(self->peer), POLLIN, 0}, {self->nudge, POLLIN, 0}};
  int ready;
  Py_BEGIN_ALLOW_THREADS
  ready = poll(asked, 2, timeout);
  Py_END_ALLOW_THREADS
  if (ready < 0 && errno != EINTR) return PyErr_SetFromErrno(PyExc_OSError);
  if (ready < 0 && PyErr_CheckSignals() < 0) return NULL;
  if (!is_usable(self)) return NULL; /* The nudge stays, for all that wait. */
  uint64_t nudges;
  if ((asked[1].revents & POLLIN) != 0 && read(self->nudge, &nudges, sizeof nudges) < 0 && errno != EAGAIN)
    return PyErr_SetFromErrno(PyExc_OSError);
  return PyBool_FromLong(ready != 0);
}

static bool nudge(const End *self) {
  const uint64_t one = 1;
  /* One that takes no more was nudged. */
  if (write(self->nudge, &one, sizeof one) >= 0 || errno == EAGAIN) return true;
  PyErr_SetFromErrno(PyExc_OSError);
  return false;
}

static PyObject *end_wake(End *self, PyObject *nothing) {
  (void)nothing;
  if (self->peer != NULL && !nudge(self)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *end_close(End *self, PyObject *nothing) {
  (void)nothing;
  if (self->peer == NULL || self->is_closed) Py_RETURN_NONE;
  if (!is_forked(self)) {
    if (!keep_messages(self)) return NULL;
    self->kind->hang_up(self->peer);
  }
  self->is_closed = true;
  if (!nudge(self)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *end_is_closed(End *self, void *nothing) {
  (void)nothing;
  return PyBool_FromLong(self->peer == NULL || self->is_closed);
}

PyObject *taken(End *end, int result, const pf_message *message) {
  if (result == PF_OK) return new_message(end, message);
  if (result == PF_AGAIN) Py_RETURN_NONE;
  if (result == PF_END) return Py_NewRef(end_of_messages);
  return raise_result(result);
}

PyObject *end_take(End *end, PyObject *nothing) {
  (void)nothing;
  if (!is_usable(end)) return NULL;
  /* A look at memory alone: the client in C would say that this side sleeps, and would be rung for. */
  if (!end->kind->peek(end->peer)) Py_RETURN_NONE;
  pf_message message = {0};
  const int result = end->kind->receive(end->peer, &message);
  return taken(end, result, &message);
}

static PyMethodDef end_methods[] = {
  {"_fd", (PyCFunction)end_fd, METH_NOARGS, "A descriptor that is readable when something may have changed since `_arm`."},
  {"_arm", (PyCFunction)end_arm, METH_O, "Whether one may sleep until the descriptor is readable."},
  {"_wait", (PyCFunction)end_wait, METH_VARARGS, "Waits for changes, for seconds or None. False: nothing came."},
  {"_spin", (PyCFunction)end_spin, METH_NOARGS, "Looks again and again for a while. True: something is there."},
  {"_set_spin", (PyCFunction)end_set_spin, METH_O, "For how many microseconds `_spin` does so."},
  {"_wake", (PyCFunction)end_wake, METH_NOARGS, "Ends the `_wait` of another thread."},
  {"close", (PyCFunction)end_close, METH_NOARGS,
   "Ends in good order. Messages and views of them that are still held keep their bytes. A second time does nothing."},
  {0}
};

static PyGetSetDef end_getters[] = {
  {"closed", (getter)end_is_closed, NULL, "Whether this process has closed it.", NULL},
  {0}
};

PyTypeObject EndType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.End",
  .tp_basicsize = sizeof(End),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .tp_new = end_new,
  .tp_dealloc = (destructor)end_dealloc,
  .tp_methods = end_methods,
  .tp_getset = end_getters
};
