#ifndef PAGEFERRY_THREAD_CALL_H_
#define PAGEFERRY_THREAD_CALL_H_

#include <node_api.h>

#include <functional>

#include "mapping.h"
#include "result.h"

namespace pageferry {

/// One system call on libuv's thread pool, and the promise of its result. It owns itself: from
/// `Start` until the promise is settled.
class ThreadCall {
 public:
  /// Queues `call` and returns a promise that is never rejected. `bytes`, the array whose memory the
  /// call uses (or null), is kept alive until the call has ended, and so is the mapping it lies in.
  static napi_value Start(napi_env env, napi_value bytes, std::function<Result()> call);

  ThreadCall(const ThreadCall&) = delete;
  ThreadCall& operator=(const ThreadCall&) = delete;

 private:
  ThreadCall(napi_env env, std::function<Result()> call);
  ~ThreadCall();

  void KeepAlive(napi_value bytes);
  void Settle(Result result);
  static void Execute(napi_env env, void* data);
  static void Complete(napi_env env, napi_status status, void* data);

  const napi_env env_;
  const std::function<Result()> call_;
  napi_async_work work_ = nullptr;
  napi_deferred deferred_ = nullptr;
  napi_ref bytes_ = nullptr;
  MappingPin pin_;
  Result result_ = 0;
};

}  // namespace pageferry

#endif  // PAGEFERRY_THREAD_CALL_H_
