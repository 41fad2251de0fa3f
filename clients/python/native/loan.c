/* Memory of this side's pool: a writable buffer until it is sent. */
#include "native.h"

static void take_back(Loan *self) {
  if (self->loan.is_lent_ && !is_forked(self->end)) self->end->kind->unlend(self->end->peer, &self->loan);
  self->loan.is_lent_ = false;
}

PyObject *new_loan(End *end, const pf_loan *loan) {
  Loan *self = PyObject_New(Loan, &LoanType);
  if (self == NULL) {
    pf_loan lost = *loan;
    end->kind->unlend(end->peer, &lost);
    return NULL;
  }
  self->end = (End *)Py_NewRef((PyObject *)end);
  self->loan = *loan;
  self->loan.keep_mapped = true; /* There may be views when it is sent; they hold on to this object. */
  self->exports = 0;
  self->is_released = false;
  return (PyObject *)self;
}

static bool is_owned(Loan *self) {
  if (self->loan.is_lent_ && !self->is_released) return true;
  raise_named("LoanNotOwned", "the loan was sent or released");
  return false;
}

PyObject *lent(End *end, int result, const pf_loan *loan) {
  if (result == PF_OK) return new_loan(end, loan);
  if (result == PF_AGAIN) Py_RETURN_NONE;
  return raise_result(result);
}

bool read_length(PyObject *length, size_t *found) {
  const Py_ssize_t wanted = PyNumber_AsSsize_t(length, PyExc_OverflowError);
  if (wanted == -1 && PyErr_Occurred()) return false;
  if (wanted < 0) raise_named("InvalidArgument", "a length is not negative");
  *found = (size_t)wanted;
  return wanted >= 0;
}

bool is_sendable(End *end, PyObject *object) {
  if (!is_usable(end)) return false;
  if (!PyObject_TypeCheck(object, &LoanType)) raise_named("InvalidArgument", "only a loan can be sent");
  else if (((Loan *)object)->end != end) raise_named("InvalidArgument", "the loan is another one's");
  else return is_owned((Loan *)object);
  return false;
}

PyObject *done(int result) {
  if (result == PF_OK) Py_RETURN_TRUE;
  if (result == PF_AGAIN) Py_RETURN_FALSE;
  return raise_result(result);
}

static void loan_dealloc(Loan *self) {
  take_back(self);
  pf_loan_unmap(&self->loan);
  Py_DECREF(self->end);
  PyObject_Free(self);
}

static int loan_getbuffer(Loan *self, Py_buffer *view, int flags) {
  view->obj = NULL;
  if (!is_owned(self)) return -1;
  const int filled = PyBuffer_FillInfo(view, (PyObject *)self, self->loan.data, (Py_ssize_t)self->loan.length, 0, flags);
  if (filled == 0) self->exports++;
  return filled;
}

static void loan_releasebuffer(Loan *self, Py_buffer *view) {
  (void)view;
  if (--self->exports == 0 && self->is_released) take_back(self);
}

static Py_ssize_t loan_length(Loan *self) { return (Py_ssize_t)self->loan.length; }

static int loan_bool(Loan *self) {
  (void)self;
  return 1;
}

static PyObject *loan_release(Loan *self, PyObject *nothing) {
  (void)nothing;
  self->is_released = true;
  if (self->exports == 0) take_back(self);
  Py_RETURN_NONE;
}

static PyObject *loan_enter(PyObject *self, PyObject *nothing) {
  (void)nothing;
  return Py_NewRef(self);
}

static PyObject *loan_exit(Loan *self, PyObject *why) {
  (void)why;
  return loan_release(self, NULL);
}

static PyObject *loan_truncate(Loan *self, PyObject *length) {
  const Py_ssize_t wanted = PyNumber_AsSsize_t(length, PyExc_OverflowError);
  if (wanted == -1 && PyErr_Occurred()) return NULL;
  if (!is_owned(self)) return NULL;
  if (wanted < 0 || (size_t)wanted > self->loan.length)
    return raise_named("InvalidArgument", "a loan can only be made shorter");
  self->loan.length = (size_t)wanted;
  Py_RETURN_NONE;
}

static PyObject *loan_send(Loan *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "send", arguments, keywords);
}

static PyObject *loan_send_async(Loan *self, PyObject *arguments, PyObject *keywords) {
  return call_end(self->end, (PyObject *)self, "send_async", arguments, keywords);
}

static PyObject *loan_tag(Loan *self, void *nothing) {
  (void)nothing;
  return PyLong_FromUnsignedLong(self->loan.tag);
}

static int loan_set_tag(Loan *self, PyObject *tag, void *nothing) {
  (void)nothing;
  if (tag == NULL) {
    PyErr_SetString(PyExc_AttributeError, "a loan always has a tag");
    return -1;
  }
  const unsigned long wanted = PyLong_AsUnsignedLong(tag);
  if (wanted == (unsigned long)-1 && PyErr_Occurred()) return -1;
  if (wanted > UINT32_MAX) {
    raise_named("InvalidArgument", "a tag has 32 bits");
    return -1;
  }
  self->loan.tag = (uint32_t)wanted;
  return 0;
}

static PyObject *loan_is_owned(Loan *self, void *nothing) {
  (void)nothing;
  return PyBool_FromLong(self->loan.is_lent_ && !self->is_released);
}

static PyBufferProcs loan_buffer = {
  .bf_getbuffer = (getbufferproc)loan_getbuffer, .bf_releasebuffer = (releasebufferproc)loan_releasebuffer
};

static PySequenceMethods loan_sequence = {.sq_length = (lenfunc)loan_length};
static PyNumberMethods loan_number_methods = {.nb_bool = (inquiry)loan_bool};

static PyMethodDef loan_methods[] = {
  {"release", (PyCFunction)loan_release, METH_NOARGS,
   "Gives the memory back unsent, when the last view of it is gone. Does nothing to a loan that was sent."},
  {"truncate", (PyCFunction)loan_truncate, METH_O, "Makes it shorter, in bytes. Views from before stay as long as they are."},
  {"send", WITH_KEYWORDS(loan_send), "Sends it: as the `send` of who has lent it."},
  {"send_async", WITH_KEYWORDS(loan_send_async), "Sends it: as the `send_async` of who has lent it."},
  {"__enter__", loan_enter, METH_NOARGS, NULL},
  {"__exit__", (PyCFunction)loan_exit, METH_VARARGS, NULL},
  {0}
};

static PyGetSetDef loan_getters[] = {
  {"tag", (getter)loan_tag, (setter)loan_set_tag, "A number of 32 bits that travels with the message.", NULL},
  {"owned", (getter)loan_is_owned, NULL, "Whether it was neither sent nor released.", NULL},
  {0}
};

PyTypeObject LoanType = {
  PyVarObject_HEAD_INIT(NULL, 0)
  .tp_name = "pageferry.Loan",
  .tp_doc = "Memory to write a message into: a writable buffer, until it is sent or released.",
  .tp_basicsize = sizeof(Loan),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .tp_dealloc = (destructor)loan_dealloc,
  .tp_as_buffer = &loan_buffer,
  .tp_as_sequence = &loan_sequence,
  .tp_as_number = &loan_number_methods,
  .tp_methods = loan_methods,
  .tp_getset = loan_getters
};
