#include "poll_handle.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "files.h"
#include "waiting.h"

namespace pageferry {
namespace {

int ToUv(int events) {
  return ((events & POLLIN) != 0 ? UV_READABLE : 0) | ((events & POLLOUT) != 0 ? UV_WRITABLE : 0) |
         ((events & POLLPRI) != 0 ? UV_PRIORITIZED : 0) |
         ((events & POLLRDHUP) != 0 ? UV_DISCONNECT : 0);
}

}  // namespace

PollSet::PollSet(napi_env env) : env_(env) {}

Result PollSet::Open(int fd, int events, bool owns, PollListener& listener, PollHandle** opened) {
  if (ToUv(events) == 0 && events != 0) return -EINVAL;
  if (open_.contains(fd)) return -EEXIST;
  if (loop_ == nullptr) {
    napi_get_uv_event_loop(env_, &loop_);
    napi_add_async_cleanup_hook(env_, OnTeardown, this, nullptr);
  }
  const Result flags = GetStatusFlags(fd);
  if (flags < 0) return flags;
  const Result polled = owns ? fd : Duplicate(fd, 0);
  if (polled < 0) return polled;

  auto* handle = new PollHandle(*this, fd, static_cast<int>(polled), listener);
  handle->poll_.data = handle;
  if (const int failure = uv_poll_init(loop_, &handle->poll_, handle->polled_); failure < 0) {
    if (!owns) close(handle->polled_);
    delete handle;
    return failure;
  }
  // libuv makes the descriptor non-blocking, for everyone who shares it. To watch is not to change.
  if ((flags & O_NONBLOCK) == 0) SetStatusFlags(fd, static_cast<int>(flags));
  open_.emplace(fd, handle);
  ++alive_;
  const Result result = handle->Update(events);
  if (result < 0) {
    handle->End(!owns);
    return result;
  }
  *opened = handle;
  return 0;
}

void PollSet::Forget(int fd) {
  const auto entry = open_.find(fd);
  if (entry != open_.end()) entry->second->listener_.OnEnd();
}

void PollSet::OnTeardown(napi_async_cleanup_hook_handle hook, void* data) {
  auto* self = static_cast<PollSet*>(data);
  self->teardown_ = hook;
  // Listeners close their handles, which leave the table.
  while (!self->open_.empty()) self->open_.begin()->second->listener_.OnEnd();
  self->FinishTeardown();
}

void PollSet::FinishTeardown() {
  if (alive_ > 0 || teardown_ == nullptr) return;
  // Node keeps the environment, and with it this object, until here.
  napi_remove_async_cleanup_hook(std::exchange(teardown_, nullptr));
}

Result PollHandle::Update(int events) {
  const int uv_events = ToUv(events);
  if (uv_events == 0 && events != 0) return -EINVAL;
  events_ = events;
  if (uv_events == 0) return uv_poll_stop(&poll_);
  return uv_poll_start(&poll_, uv_events, OnPoll);
}

void PollHandle::Close() { End(true); }

void PollHandle::End(bool closes_descriptor) {
  set_.open_.erase(fd_);
  uv_close(Generic(), [](uv_handle_t* handle) {
    auto* self = static_cast<PollHandle*>(handle->data);
    PollSet& set = self->set_;
    delete self;
    --set.alive_;
    set.FinishTeardown();
  });
  // uv_close has taken it from the loop already.
  if (closes_descriptor) close(polled_);
}

void PollHandle::OnPoll(uv_poll_t* poll, int status, int) {
  auto* self = static_cast<PollHandle*>(poll->data);
  // libuv folds POLLERR and POLLHUP into other events or an error; the kernel tells them apart.
  const Result revents = Poll(self->polled_, self->events_, 0);
  if (revents < 0 || (revents & POLLNVAL) != 0) {
    uv_poll_stop(poll);
    self->listener_.OnReady(revents < 0 ? revents : -EBADF, 0);
    return;
  }
  // On POLLERR libuv has stopped watching, but nobody has asked to.
  if (status < 0) uv_poll_start(poll, ToUv(self->events_), OnPoll);
  // Nothing is left if another process was faster.
  if (revents != 0) self->listener_.OnReady(0, static_cast<int>(revents));
}

}  // namespace pageferry
