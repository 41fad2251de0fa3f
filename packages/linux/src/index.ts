/**
 * `@pageferry/linux`: the Linux system calls that Pageferry's transports are written against, and
 * the owners of kernel resources that are built on them. No native code: a binding implements
 * {@link LinuxCalls}.
 *
 * @packageDocumentation
 */
export * from './barrier/global-expedited.js';
export * from './binding/addons-forbidden.js';
export * from './binding/binding-loader.js';
export * from './binding/cut-off.js';
export * from './calls/architecture.js';
export * from './calls/constants.js';
export * from './calls/errors.js';
export * from './calls/file-calls.js';
export * from './calls/linux-calls.js';
export * from './calls/memory-calls.js';
export * from './calls/pipe-calls.js';
export * from './calls/runtime-services.js';
export * from './calls/socket-calls.js';
export * from './calls/waiting-calls.js';
export * from './calls/watcher.js';
export * from './destination/destination.js';
export * from './destination/destination-writer.js';
export * from './destination/write-to-file.js';
export * from './modules/surroundings.js';
export * from './processes/glibc-version.js';
export * from './processes/node-child.js';
export * from './processes/other-runtime.js';
export * from './readiness/poll-now.js';
export * from './readiness/read-now.js';
export * from './readiness/spin.js';
export * from './readiness/timed-watchers.js';
export * from './readiness/wait-until-ready.js';
export * from './resources/credentials.js';
export * from './resources/mapping.js';
export * from './resources/memory-file.js';
export * from './resources/memory-room.js';
export * from './resources/owned-fd.js';
export * from './resources/pipe.js';
export * from './resources/scope.js';
export * from './resources/spare-descriptors.js';
export * from './resources/unix-socket.js';
