/* A message of the other side's: a read-only buffer, given back with its last view. */
#include "native.h" /* First: it has Python.h. */

#include <sys/mman.h>
#include <unistd.h>

static void unlink_message(Message *self) {
  self->list.before->after = self->list.after;
  self->list.after->before = self->list.before;
}

static void give_back(Message *self) {
  if (self->message.data == NULL) return;
  unlink_message(self);
  if (!is_forked(self->end)) self->end->kind->release(self->end->peer, &self->message);
  self->message.data = NULL;
}

PyObject *new_message(End *end, const pf_message *message) {
  Message *self = PyObject_New(Message, &MessageType);
  if (self == NULL) {
    pf_message lost = *message;
    end->kind->release(end->peer, &lost);
    return NULL;
  }
  self->end = (End *)Py_NewRef((PyObject *)end);
  self->message = *message;
  self->exports = 0;
  self->is_released = false;
  self->list = (struct link_of_list){.before = &end->held, .after = end->held.after};
  end->held.after->before = &self->list;
  end->held.after = &self->list;
  return (PyObject *)self;
}

void release_message(Message *self) {
  self->is_released = true;
  if (self->exports == 0) give_back(self);
}

/* Replaces the pages of a message by a copy of them, in one step for who reads them meanwhile. */
static bool make_private(const pf_message *message) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const uintptr_t start = (uintptr_t)message->data & ~(uintptr_t)(page - 1);
  const uintptr_t end = ((uintptr_t)message->data + message->length + page - 1) & ~(uintptr_t)(page - 1);
  const size_t length = end - start;
  if (length == 0) return true;
  void *copy = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  memcpy(copy, (const void *)start, length);
  const bool is_done = mprotect(copy, length, PROT_READ) == 0 &&
                       mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) != MAP_FAILED;
  if (!is_done) munmap(copy, length);
  return is_done;
}

bool keep_messages(End *end) {
  for (struct link_of_list *each = end->held.after; each != &end->held; each = each->after) {
    const Message *held = (const Message *)((const char *)each - offsetof(Message, list));
    /* Memory that a message has of its own cannot be written to by anybody. */
    if (held->message.own_ == NULL && !make_private(&held->message)) {
      PyErr_SetFromErrno(PyExc_OSError);
      return false;
    }
  }
  return true;
}

static void message_dealloc(Message *self) {
  give_back(self);
  Py_DECREF(self->end);
  PyObject_Free(self);
}

static int message_getbuffer(Message *self, Py_buffer *view, int flags) {
  if (self->is_released) {
    view->obj = NULL;
    raise_named("MessageReleased", "the message was released: keep a view of it, or a copy, before that");
    return -1;
  }
  const int filled =
    PyBuffer_FillInfo(view, (PyObject *)self, (void *)(uintptr_t)self->message.data, (Py_ssize_t)self->message.length, 1, flags);
  if (filled == 0) self->exports++;
  return filled;
}

static void message_releasebuffer(Message *self, Py_buffer *view) {
  (void)view;
  if (--self->exports == 0 && self->is_released) give_back(self);
}

static Py_ssize_t message_length(Message *self) { return (Py_ssize_t)self->message.length; }

static int message_bool(Message *self) {
  (void)self;
  return 1;
}

static PyObject *message_release(Message *self, PyObject *nothing) {
  (void)nothing;
  release_message(self);
  Py_RETURN_NONE;
}

static PyObject *message_enter(PyObject *self, PyObject *nothing) {
  (void)nothing;
  return Py_NewRef(self);
}

static PyObject *message_exit(Message *self, PyObject *why) {
  (void)why;
  release_message(self);
  Py_RETURN_FALSE;
}

/* The answer is the channel's business: it may have to wait for room. */
static PyObject *message_respond(Message *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "respond", arguments, keywords);
}

static PyObject *message_respond_async(Message *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "respond_async", arguments, keywords);
}

static PyObject *message_reject(Message *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "reject", arguments, keywords);
}

static PyObject *message_reject_async(Message *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "reject_async", arguments, keywords);
}

static PyObject *message_repr(Message *self) {
  return PyUnicode_FromFormat("<pageferry.Message %llu, %zu bytes%s>", (unsigned long long)self->message.number,
                              self->message.length, self->is_released ? ", released" : "");
}

static PyObject *message_number(Message *self, void *nothing) {
  (void)nothing;
  return PyLong_FromUnsignedLongLong(self->message.number);
}

static PyObject *message_tag(Message *self, void *nothing) {
  (void)nothing;
  return PyLong_FromUnsignedLong(self->message.tag);
}

static PyObject *message_is_request(Message *self, void *nothing) {
  (void)nothing;
  return PyBool_FromLong(self->message.is_request);
}

static PyObject *message_is_released(Message *self, void *nothing) {
  (void)nothing;
  return PyBool_FromLong(self->is_released);
}

static PyBufferProcs message_buffer = {
  .bf_getbuffer = (getbufferproc)message_getbuffer, .bf_releasebuffer = (releasebufferproc)message_releasebuffer
};

static PySequenceMethods message_sequence = {.sq_length = (lenfunc)message_length};
static PyNumberMethods message_number_methods = {.nb_bool = (inquiry)message_bool};

static PyMethodDef message_methods[] = {
  {"release", (PyCFunction)message_release, METH_NOARGS,
   "Gives the memory back when the last view of it is gone. No more views after this. A second time does nothing."},
  {"respond", WITH_KEYWORDS(message_respond), "Answers a request: as Channel.respond."},
  {"respond_async", WITH_KEYWORDS(message_respond_async), "Answers a request: as Channel.respond_async."},
  {"reject", WITH_KEYWORDS(message_reject), "Answers a request with an error: as Channel.reject."},
  {"reject_async", WITH_KEYWORDS(message_reject_async), "Answers a request with an error: as Channel.reject_async."},
  {"__enter__", message_enter, METH_NOARGS, NULL},
  {"__exit__", (PyCFunction)message_exit, METH_VARARGS, NULL},
  {0}
};

static PyGetSetDef message_getters[] = {
  {"number", (getter)message_number, NULL, "Messages of one sender are numbered from 0.", NULL},
  {"tag", (getter)message_tag, NULL, "A number of 32 bits that the sending program has chosen.", NULL},
  {"is_request", (getter)message_is_request, NULL, "Whether an answer is expected, and was not given yet.", NULL},
  {"released", (getter)message_is_released, NULL, "Whether it was released. Views from before may still be read.", NULL},
  {0}
};

PyTypeObject MessageType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry.Message",
  .tp_doc = "A message of the other side's: a read-only buffer in the memory that it was written to.",
  .tp_basicsize = sizeof(Message),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .tp_dealloc = (destructor)message_dealloc,
  .tp_repr = (reprfunc)message_repr,
  .tp_as_buffer = &message_buffer,
  .tp_as_sequence = &message_sequence,
  .tp_as_number = &message_number_methods,
  .tp_methods = message_methods,
  .tp_getset = message_getters
};
