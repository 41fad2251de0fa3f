#ifndef PAGEFERRY_WATCHER_H_
#define PAGEFERRY_WATCHER_H_

#include <napi.h>

#include <optional>

#include "arguments.h"
#include "poll_handle.h"

namespace pageferry {

/// The JavaScript object that `watch` returns. While it is open it is kept from garbage collection.
class Watcher final : public Napi::ObjectWrap<Watcher>, private PollListener {
 public:
  /// Defines the class; one per environment.
  static Napi::FunctionReference Define(Napi::Env env);

  /// Made closed; `Start` opens it.
  explicit Watcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Watcher>(info) {}
  ~Watcher() override { Stop(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Begins to watch. Returns 0 or -errno; then the descriptor stays the caller's, also if `owns`.
  Result Start(int fd, int events, bool owns, napi_value callback);

 private:
  Napi::Value Update(const Napi::CallbackInfo& info);
  void KeepLoop(const Napi::CallbackInfo& info);
  void ReleaseLoop(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  void OnReady(Result error, int revents) override;
  void OnEnd() override { Stop(); }
  void Stop();

  PollHandle* handle_ = nullptr;
  Napi::FunctionReference callback_;
  napi_async_context context_ = nullptr;
};

napi_value Watch(napi_env env, int fd, int events, Callback callback, std::optional<bool> owns);

}  // namespace pageferry

#endif  // PAGEFERRY_WATCHER_H_
