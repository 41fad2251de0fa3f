#include "thread_call.h"

#include <cerrno>
#include <utility>

#include "environment.h"

namespace pageferry {

ThreadCall::ThreadCall(napi_env env, std::function<Result()> call)
    : env_(env), call_(std::move(call)) {}

ThreadCall::~ThreadCall() {
  if (bytes_ != nullptr) napi_delete_reference(env_, bytes_);
  if (work_ != nullptr) napi_delete_async_work(env_, work_);
}

napi_value ThreadCall::Start(napi_env env, napi_value bytes, std::function<Result()> call) {
  auto* self = new ThreadCall(env, std::move(call));
  napi_value promise = nullptr;
  if (napi_create_promise(env, &self->deferred_, &promise) != napi_ok) {
    delete self;
    return nullptr;
  }
  if (bytes != nullptr) self->KeepAlive(bytes);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "pageferry:ThreadCall", NAPI_AUTO_LENGTH, &name);
  if (napi_create_async_work(env, nullptr, name, Execute, Complete, self, &self->work_) != napi_ok ||
      napi_queue_async_work(env, self->work_) != napi_ok) {
    self->Settle(-EAGAIN);
    delete self;
  }
  return promise;
}

void ThreadCall::KeepAlive(napi_value bytes) {
  napi_create_reference(env_, bytes, 1, &bytes_);
  void* data = nullptr;
  napi_get_typedarray_info(env_, bytes, nullptr, nullptr, &data, nullptr, nullptr);
  pin_ = MappingPin(Environment::Of(env_).mappings().Containing(data), MappingPin::Holder::kCall);
}

void ThreadCall::Execute(napi_env, void* data) {
  auto* self = static_cast<ThreadCall*>(data);
  self->result_ = self->call_();
}

void ThreadCall::Complete(napi_env, napi_status status, void* data) {
  auto* self = static_cast<ThreadCall*>(data);
  self->Settle(status == napi_ok ? self->result_ : -ECANCELED);
  delete self;
}

void ThreadCall::Settle(Result result) {
  napi_value value = nullptr;
  napi_create_int64(env_, result, &value);
  // Fails while the thread is being torn down, and then there is nobody left to tell.
  napi_resolve_deferred(env_, deferred_, value);
}

}  // namespace pageferry
