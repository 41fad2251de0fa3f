#ifndef PAGEFERRY_POLL_HANDLE_H_
#define PAGEFERRY_POLL_HANDLE_H_

#include <node_api.h>
#include <uv.h>

#include <unordered_map>

#include "result.h"

namespace pageferry {

class PollHandle;

/// Told when a descriptor is ready.
class PollListener {
 public:
  /// `error` is 0 or -errno; `revents` are the events of poll(2) that hold.
  virtual void OnReady(Result error, int revents) = 0;
  /// The descriptor or the thread is about to end; the listener must close its handle.
  virtual void OnEnd() = 0;

 protected:
  ~PollListener() = default;
};

/// The poll handles of one event loop. It closes them before the loop ends.
class PollSet {
 public:
  explicit PollSet(napi_env env);
  PollSet(const PollSet&) = delete;
  PollSet& operator=(const PollSet&) = delete;

  /// Watches `fd` for `events`; -errno where that is not possible. A handle that `owns` the
  /// descriptor closes it with itself.
  Result Open(int fd, int events, bool owns, PollListener& listener, PollHandle** handle);
  /// To be called before `fd` is closed: nobody else can tell that its watcher has to end with it.
  void Forget(int fd);

 private:
  friend class PollHandle;

  static void OnTeardown(napi_async_cleanup_hook_handle hook, void* data);
  void FinishTeardown();

  const napi_env env_;
  uv_loop_t* loop_ = nullptr;
  std::unordered_map<int, PollHandle*> open_;
  // Handles that libuv has not let go of yet.
  int alive_ = 0;
  napi_async_cleanup_hook_handle teardown_ = nullptr;
};

/// A uv_poll_t. It owns itself: libuv needs its memory until some time after it is closed.
class PollHandle {
 public:
  PollHandle(const PollHandle&) = delete;
  PollHandle& operator=(const PollHandle&) = delete;

  Result Update(int events);
  void Ref() { uv_ref(Generic()); }
  void Unref() { uv_unref(Generic()); }
  /// Stops for good, and frees the handle when libuv is done with it.
  void Close();

 private:
  friend class PollSet;

  PollHandle(PollSet& set, int fd, int polled, PollListener& listener)
      : set_(set), fd_(fd), polled_(polled), listener_(listener) {}
  ~PollHandle() = default;

  void End(bool closes_descriptor);

  static void OnPoll(uv_poll_t* poll, int status, int uv_events);
  uv_handle_t* Generic() { return reinterpret_cast<uv_handle_t*>(&poll_); }

  PollSet& set_;
  const int fd_;
  // What libuv gets, a duplicate unless the handle owns the original: it aborts the process if a
  // descriptor is closed while it watches.
  const int polled_;
  PollListener& listener_;
  int events_ = 0;
  uv_poll_t poll_{};
};

}  // namespace pageferry

#endif  // PAGEFERRY_POLL_HANDLE_H_
