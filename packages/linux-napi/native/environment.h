#ifndef PAGEFERRY_ENVIRONMENT_H_
#define PAGEFERRY_ENVIRONMENT_H_

#include <napi.h>

#include <memory>

#include "alias.h"
#include "descriptor_set.h"
#include "mapping.h"
#include "poll_handle.h"

namespace pageferry {

/// What this addon keeps for one thread and one load of it (Node-API's instance data). There is no
/// other state.
class Environment {
 public:
  Environment(napi_env env, Napi::FunctionReference watcher_class, Napi::FunctionReference transfer)
      : polls_(env), watcher_class_(std::move(watcher_class)), transfer_(std::move(transfer)) {}
  // While the descriptors are open: a peer that sees them close uses its memory again.
  ~Environment() { mappings_->LeaveToThreads(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& Of(napi_env env) {
    return *Napi::Env(env).GetInstanceData<Environment>();
  }

  MappingTable& mappings() { return *mappings_; }
  const std::shared_ptr<MappingTable>& shared_mappings() const { return mappings_; }
  AliasTable& aliases() { return *aliases_; }
  const std::shared_ptr<AliasTable>& shared_aliases() const { return aliases_; }
  /// The live mapping whose own buffer this is, or null.
  std::shared_ptr<Mapping> FindMapping(const Buffer& buffer) const {
    auto mapping = mappings_->Find(buffer.data, buffer.length);
    // An alias may span the whole of it.
    return mapping != nullptr && aliases_->Find(buffer) == nullptr ? mapping : nullptr;
  }
  DescriptorSet& descriptors() { return descriptors_; }
  PollSet& polls() { return polls_; }
  const Napi::FunctionReference& watcher_class() const { return watcher_class_; }
  /// `ArrayBuffer.prototype.transfer`, as it was when the addon was loaded; empty before Node 22.
  const Napi::FunctionReference& transfer() const { return transfer_; }

 private:
  // Shared with the finalizers of buffers.
  const std::shared_ptr<MappingTable> mappings_ = std::make_shared<MappingTable>();
  const std::shared_ptr<AliasTable> aliases_ = std::make_shared<AliasTable>();
  // Before the polls, so that it ends after them: a watched descriptor must not be closed.
  DescriptorSet descriptors_;
  PollSet polls_;
  const Napi::FunctionReference watcher_class_;
  const Napi::FunctionReference transfer_;
};

}  // namespace pageferry

#endif  // PAGEFERRY_ENVIRONMENT_H_
