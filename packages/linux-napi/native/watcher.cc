#include "watcher.h"

#include <array>
#include <cerrno>
#include <utility>

#include "environment.h"

namespace pageferry {

Napi::FunctionReference Watcher::Define(Napi::Env env) {
  return Napi::Persistent(DefineClass(env, "DescriptorWatcher",
                                      {
                                          InstanceMethod<&Watcher::Update>("update"),
                                          InstanceMethod<&Watcher::KeepLoop>("ref"),
                                          InstanceMethod<&Watcher::ReleaseLoop>("unref"),
                                          InstanceMethod<&Watcher::Close>("close"),
                                      }));
}

Result Watcher::Start(int fd, int events, bool owns, napi_value callback) {
  const Result result = Environment::Of(Env()).polls().Open(fd, events, owns, *this, &handle_);
  if (result < 0) return result;
  callback_ = Napi::Persistent(Napi::Function(Env(), callback));
  napi_async_init(Env(), Value(), Napi::String::New(Env(), "pageferry:DescriptorWatcher"),
                  &context_);
  Ref();
  return 0;
}

void Watcher::Stop() {
  if (handle_ == nullptr) return;
  std::exchange(handle_, nullptr)->Close();
  callback_.Reset();
  napi_async_destroy(Env(), std::exchange(context_, nullptr));
  Unref();
}

void Watcher::OnReady(Result error, int revents) {
  const napi_env env = Env();
  const Napi::HandleScope scope(env);
  std::array<napi_value, 2> arguments{};
  napi_create_int64(env, error, &arguments[0]);
  napi_create_int32(env, revents, &arguments[1]);
  // From here on this object may be gone: the callback may close it.
  napi_value ignored = nullptr;
  napi_make_callback(env, context_, Value(), callback_.Value(), arguments.size(), arguments.data(),
                     &ignored);
  bool thrown = false;
  napi_is_exception_pending(env, &thrown);
  if (!thrown) return;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  napi_fatal_exception(env, exception);
}

Napi::Value Watcher::Update(const Napi::CallbackInfo& info) {
  Arguments<1> arguments(info.Env(), std::array<napi_value, 1>{info[0]});
  const int events = arguments.Next<int>();
  if (arguments.thrown()) return {};
  const Result result = handle_ == nullptr ? -EBADF : handle_->Update(events);
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

void Watcher::KeepLoop(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Ref();
}

void Watcher::ReleaseLoop(const Napi::CallbackInfo&) {
  if (handle_ != nullptr) handle_->Unref();
}

void Watcher::Close(const Napi::CallbackInfo&) { Stop(); }

napi_value Watch(napi_env env, int fd, int events, Callback callback, std::optional<bool> owns) {
  const Napi::Object object = Environment::Of(env).watcher_class().New({});
  if (object.IsEmpty()) return nullptr;
  Watcher* const watcher = Watcher::Unwrap(object);
  // The thread is being terminated: there is no way back into its JavaScript.
  if (watcher == nullptr) return nullptr;
  const Result result = watcher->Start(fd, events, owns.value_or(false), callback.function);
  return result < 0 ? Napi::Number::New(env, static_cast<double>(result)) : Napi::Value(object);
}

}  // namespace pageferry
