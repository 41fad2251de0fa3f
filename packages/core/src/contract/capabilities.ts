/**
 * What a transport can do, declared once. Users read it to choose; the conformance suite reads it to
 * pick its cases, so a claim made here is a claim that is tested.
 */
export interface Capabilities {
  /**
   * True if the sender's pages are handed over by reference. False if sending copies the bytes.
   * Describes the mechanism; on a kernel that refuses it, `SenderStats.method` tells what is used.
   */
  readonly zeroCopySend: boolean;
  /** True if `Delivery.bytes` are the sender's own pages. False if receiving copies the bytes. */
  readonly zeroCopyReceive: boolean;
  /** True if `Receiver.spliceTo` can move bytes on without bringing them into user memory. */
  readonly zeroCopySplice: boolean;
  /** True if `spliceTo(..., { tee })` can duplicate a message into a second descriptor. */
  readonly tee: boolean;
  /** How many receivers one sender can serve at the same time. Each of them gets every message. */
  readonly maxReceivers: number;
  /** How many channels one listener can have open at the same time; 0 if the transport has none. */
  readonly maxChannels: number;
  /** The largest message in bytes. */
  readonly maxMessageBytes: number;
  /** How many descriptors may travel with one message (`Loan.attach`); 0 if the transport passes none. */
  readonly maxDescriptors: number;
  /** True if the peers may be threads of one process as well as two processes. */
  readonly sameProcess: boolean;
  /** True if the endpoint may be `fd:N`: a connected socket that a child process inherits. */
  readonly inheritedEndpoint: boolean;
  /**
   * True if the endpoint is a place on this machine: a socket file, which the kernel guards by user, or what stands
   * for one. False if it is a name that the servers of an engine know, which are in charge of who may use it.
   */
  readonly localEndpoint: boolean;
}
