import type { SystemCapabilities } from '../capabilities/capabilities.js';
import type { CallAnswer, SeccompMode, SystemCall } from '../capabilities/system-calls.js';
import type { Probe } from '../probes/probe.js';
import type { Advice } from './advice.js';

/** What does not work without a call. */
const CONSEQUENCES: Readonly<Record<SystemCall, string>> = {
  vmsplice: 'pipe backends copy when they send',
  splice: 'what arrives is not passed on without a copy',
  tee: 'nothing can be duplicated from pipe to pipe',
  memfd_create: 'nothing but the socket backend works',
};

/** What to do about calls that are not made, and about a vmsplice that is made but copies. */
export function adviseOnCalls(
  { systemCalls, seccomp }: SystemCapabilities,
  probes: readonly Probe[],
): Advice[] {
  const advice = systemCalls
    .filter(({ status }) => status !== 'answers')
    .map((answer) => adviseOnCall(answer, seccomp));
  const vmsplice = probes.find(({ hop }) => hop === 'vmsplice');
  const answered = systemCalls.some(
    ({ call, status }) => call === 'vmsplice' && status === 'answers',
  );
  if (answered && vmsplice !== undefined && vmsplice.result !== 'references') {
    const how =
      vmsplice.result === 'copies'
        ? 'copies'
        : `fails (${vmsplice.errnoName ?? vmsplice.evidence})`;
    advice.push({
      finding: `vmsplice ${how} on this kernel: ${CONSEQUENCES.vmsplice}`,
      remedy: 'use @pageferry/shared-mmap, which does not need it',
      risk: 'receivers map memory of the sender, read-only',
    });
  }
  return advice;
}

function adviseOnCall(
  { call, status, errnoName, signal }: CallAnswer,
  seccomp: SeccompMode,
): Advice {
  const answer = errnoName ?? signal ?? 'no answer';
  const finding = `${call}: ${answer}: ${cause(status, seccomp)}; ${CONSEQUENCES[call]}`;
  if (seccomp === 'filter') {
    return {
      finding,
      remedy: `allow ${call} in the seccomp profile (--security-opt seccomp=profile.json)`,
      risk: 'one more call for an attacker to try; do not use seccomp=unconfined',
    };
  }
  if (status === 'refused') {
    return {
      finding,
      remedy: `allow ${call} in the security module's policy`,
      risk: 'one more call for an attacker to try',
    };
  }
  return {
    finding,
    remedy: 'use a kernel that has it; a sandbox such as gVisor lacks calls',
    risk: 'another kernel is another system to look after',
  };
}

function cause(status: CallAnswer['status'], seccomp: SeccompMode): string {
  const filtered = seccomp === 'filter';
  switch (status) {
    case 'refused':
      return filtered ? 'refused, most likely by the seccomp filter' : 'refused';
    case 'missing':
      return filtered ? 'missing, or hidden by the seccomp filter' : 'this kernel lacks it';
    case 'unsupported':
      return filtered ? 'not supported, or the seccomp filter says so' : 'not supported here';
    case 'kills':
      return filtered ? 'the seccomp filter kills who makes it' : 'who makes it is killed';
    default:
      return 'it fails';
  }
}
