/* A channel. */
#include "native.h"

static int receive(void *peer, pf_message *message) { return pf_channel_receive(peer, message, 0); }
static void release(void *peer, pf_message *message) { pf_channel_release(peer, message); }
static void unlend(void *peer, pf_loan *loan) { pf_channel_unlend(peer, loan); }
static int arm(void *peer, unsigned changes) { return pf_channel_arm_for(peer, changes); }
static bool peek(const void *peer) { return pf_channel_peek(peer); }
static int fd(const void *peer) { return pf_channel_fd(peer); }
static void hang_up(void *peer) { pf_channel_hang_up(peer); }
static void close_channel(void *peer) { pf_channel_close(peer); }

const struct kind channel_kind = {
  .receive = receive, .release = release, .unlend = unlend, .arm = arm, .peek = peek, .fd = fd, .hang_up = hang_up,
  .close = close_channel
};

static PyObject *channel_open(End *self, PyObject *arguments) {
  const char *endpoint;
  PyObject *seconds, *stop;
  Py_ssize_t pool_bytes;
  pf_channel_options options = {.stop = stop_searching};
  if (!PyArg_ParseTuple(arguments, "snOO", &endpoint, &pool_bytes, &seconds, &stop)) return NULL;
  if (!read_timeout(seconds, &options.timeout)) return NULL;
  if (self->peer != NULL) return raise_named("InvalidArgument", "it was opened before");
  options.pool_bytes = (size_t)pool_bytes;
  options.stop_with = stop;
  pf_channel *channel = NULL;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = pf_channel_connect(&channel, endpoint, &options);
  Py_END_ALLOW_THREADS
  if (PyErr_Occurred()) {
    pf_channel_close(channel);
    return NULL;
  }
  if (result != PF_OK) return raise_result(result);
  if (!start_end(self, &channel_kind, channel)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *channel_lend(End *self, PyObject *length) {
  size_t wanted;
  if (!read_length(length, &wanted) || !is_usable(self)) return NULL;
  pf_loan loan;
  return lent(self, pf_channel_lend(self->peer, wanted, &loan, 0), &loan);
}

static PyObject *channel_send(End *self, PyObject *loan) {
  return is_sendable(self, loan) ? done(pf_channel_send(self->peer, &((Loan *)loan)->loan, 0)) : NULL;
}

static PyObject *channel_ask(End *self, PyObject *loan) {
  uint32_t number;
  if (!is_sendable(self, loan)) return NULL;
  const int result = pf_channel_ask(self->peer, &((Loan *)loan)->loan, &number, 0);
  if (result == PF_OK) return PyLong_FromUnsignedLong(number);
  if (result == PF_AGAIN) Py_RETURN_NONE;
  return raise_result(result);
}

static PyObject *channel_answer(End *self, PyObject *number) {
  const unsigned long wanted = PyLong_AsUnsignedLong(number);
  if ((wanted == (unsigned long)-1 && PyErr_Occurred()) || !is_usable(self)) return NULL;
  pf_message answer;
  const int result = pf_channel_answer(self->peer, (uint32_t)wanted, &answer, 0);
  if (result != PF_E_FAILED) return taken(self, result, &answer);
  PyObject *errors = PyImport_ImportModule("pageferry._errors");
  PyObject *text = PyBytes_FromStringAndSize(answer.data, (Py_ssize_t)answer.length);
  pf_channel_release(self->peer, &answer);
  PyObject *error = errors == NULL || text == NULL ? NULL : PyObject_CallMethod(errors, "failure_of", "O", text);
  if (error != NULL) PyErr_SetObject((PyObject *)Py_TYPE(error), error);
  Py_XDECREF(error);
  Py_XDECREF(text);
  Py_XDECREF(errors);
  return NULL;
}

static PyObject *channel_give_up(End *self, PyObject *number) {
  const unsigned long wanted = PyLong_AsUnsignedLong(number);
  if (wanted == (unsigned long)-1 && PyErr_Occurred()) return NULL;
  if (self->peer != NULL && !self->is_closed && !is_forked(self)) pf_channel_give_up(self->peer, (uint32_t)wanted);
  Py_RETURN_NONE;
}

/* A question of the other side's that waits for an answer. */
static bool is_question(End *self, Message *question) {
  if (!is_usable(self)) return false;
  if (question->end != self) raise_named("InvalidArgument", "the message is another one's");
  else if (!question->message.is_request) raise_named("NotARequest", "the message asks for no answer, or has got one");
  else if (question->message.data == NULL) raise_named("MessageReleased", "the request was released");
  else return true;
  return false;
}

static PyObject *channel_respond(End *self, PyObject *arguments) {
  Message *question;
  Loan *answer;
  if (!PyArg_ParseTuple(arguments, "O!O!", &MessageType, &question, &LoanType, &answer)) return NULL;
  if (!is_question(self, question) || !is_sendable(self, (PyObject *)answer)) return NULL;
  return done(pf_channel_respond(self->peer, &question->message, &answer->loan, 0));
}

static PyObject *channel_reject(End *self, PyObject *arguments) {
  Message *question;
  const char *why;
  if (!PyArg_ParseTuple(arguments, "O!s", &MessageType, &question, &why)) return NULL;
  return is_question(self, question) ? done(pf_channel_reject(self->peer, &question->message, why, 0)) : NULL;
}

/* Threads that wait for answers have them settled by whoever takes them off the queue. */
static PyObject *channel_received(End *self, void *nothing) {
  (void)nothing;
  return PyLong_FromUnsignedLongLong(self->peer == NULL ? 0 : pf_channel_received(self->peer));
}

static PyObject *channel_finish(End *self, PyObject *nothing) {
  (void)nothing;
  if (!is_usable(self)) return NULL;
  pf_channel_finish(self->peer);
  Py_RETURN_NONE;
}

static PyMethodDef channel_methods[] = {
  {"_open", (PyCFunction)channel_open, METH_VARARGS, "Connects: endpoint, bytes of the pool, seconds, stop."},
  {"_take", (PyCFunction)end_take, METH_NOARGS, "The next message; None if none is here, END if none will come."},
  {"_lend", (PyCFunction)channel_lend, METH_O, "A loan; None if there is no room."},
  {"_send", (PyCFunction)channel_send, METH_O, "Sends a loan; False if there is no room."},
  {"_ask", (PyCFunction)channel_ask, METH_O, "Sends a loan as a question: its number; None if there is no room."},
  {"_answer", (PyCFunction)channel_answer, METH_O, "The answer to the question of a number; None if it is not here."},
  {"_give_up", (PyCFunction)channel_give_up, METH_O, "Waits for the answer of that number no more."},
  {"_respond", (PyCFunction)channel_respond, METH_VARARGS, "Answers a question with a loan; False if there is no room."},
  {"_reject", (PyCFunction)channel_reject, METH_VARARGS, "Answers a question with an error; False if there is no room."},
  {"finish", (PyCFunction)channel_finish, METH_NOARGS,
   "The orderly end of what this side sends. The other side may still send."},
  {0}
};

static PyGetSetDef channel_getters[] = {
  {"_received", (getter)channel_received, NULL, "How many messages and answers were taken off the queue so far.", NULL},
  {0}
};

PyTypeObject ChannelType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry._native.Channel",
  .tp_basicsize = sizeof(End),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .tp_base = &EndType,
  .tp_methods = channel_methods,
  .tp_getset = channel_getters,
  .tp_iter = new_iterator
};
