#include <napi.h>

#include <iterator>

#include "alias.h"
#include "copy.h"
#include "descriptor_set.h"
#include "environment.h"
#include "explanation.h"
#include "exports.h"
#include "files.h"
#include "memory.h"
#include "pipe.h"
#include "sockets.h"
#include "thread_alias.h"
#include "waiting.h"
#include "watcher.h"

namespace pageferry {
namespace {

constexpr napi_property_descriptor kExports[] = {
    Method<&PageSize>("pageSize"),

    Method<&Pipe2>("pipe2"),
    Method<&Vmsplice>("vmsplice"),
    Method<&Splice>("splice"),
    MethodOnThread<&Splice>("spliceOnThread"),
    Method<&Tee>("tee"),
    Method<&GetPipeSize>("getPipeSize"),
    Method<&SetPipeSize>("setPipeSize"),

    Method<&Read>("read"),
    Method<&ReadWithFlags>("preadv2"),
    Method<&Write>("write"),
    MethodOnThread<&Write>("writeOnThread"),
    Method<&Seek>("lseek"),
    Method<&Close>("close"),
    Method<&CloseAtThreadEnd>("closeAtThreadEnd"),
    Method<&Duplicate>("duplicate"),
    Method<&GetStatusFlags>("getStatusFlags"),
    Method<&SetStatusFlags>("setStatusFlags"),
    Method<&Stat>("fstat"),
    Method<&ChangeMode>("fchmod"),
    Method<&Lock>("flock"),

    Method<&MemfdCreate>("memfdCreate"),
    Method<&Truncate>("ftruncate"),
    Method<&Allocate>("fallocate"),
    Method<&GetSeals>("getSeals"),
    Method<&AddSeals>("addSeals"),
    Method<&Map>("mmap"),
    Method<&Unmap>("munmap"),
    Method<&UnmapLater>("munmapLater"),
    Method<&Remap>("remap"),
    Method<&Advise>("madvise"),
    Method<&AddressOf>("addressOf"),
    Method<&CopyPastCache>("copyPastCache"),
    Method<&CreateAlias>("alias"),
    Method<&DetachAlias>("detach"),
    Method<&ThreadBell>("threadBell"),
    Method<&CreateThreadAlias>("threadAlias"),
    Method<&ExplainWrites>("explainWrites"),

    Method<&Poll>("poll"),
    Method<&PollMany>("pollMany"),
    Method<&SchedYield>("schedYield"),
    Method<&EventFd>("eventfd"),
    Method<&PidFdOpen>("pidfdOpen"),
    Method<&MemoryBarrier>("membarrier"),
    Method<&Watch>("watch"),

    Method<&Socket>("socket"),
    Method<&SocketPair>("socketpair"),
    Method<&BindUnix>("bindUnix"),
    Method<&ConnectUnix>("connectUnix"),
    Method<&BindAbstract>("bindAbstract"),
    Method<&ConnectAbstract>("connectAbstract"),
    Method<&Listen>("listen"),
    Method<&Accept>("accept4"),
    Method<&Shutdown>("shutdown"),
    Method<&GetSocketError>("getSocketError"),
    Method<&GetSocketType>("getSocketType"),
    Method<&GetPeerCredentials>("getPeerCredentials"),
    Method<&SetPassCredentials>("setPassCredentials"),
    Method<&SendMessage>("sendmsg"),
    Method<&ReceiveMessage>("recvmsg"),
};

Napi::FunctionReference FindTransfer(Napi::Env env) {
  const Napi::Value transfer = Napi::ArrayBuffer::New(env, 1).Get("transfer");
  if (!transfer.IsFunction()) return {};
  return Napi::Persistent(transfer.As<Napi::Function>());
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env, Watcher::Define(env), FindTransfer(env)));
  exports["binding"] = "napi";
  napi_define_properties(env, exports, std::size(kExports), kExports);
  return exports;
}

}  // namespace
}  // namespace pageferry

using pageferry::Initialize;
NODE_API_MODULE(linux_napi, Initialize)
