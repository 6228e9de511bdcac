import type { ServiceDefinition } from "@grpc/grpc-js";

export const streamPath = "/gossip.Gossip/GossipStream";
export const pingPath = "/gossip.Gossip/Ping";

/** Bytes go in and out as they are: what is signed is never encoded again (protocol page 01 §1.1). */
export function toWire(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function fromWire(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const identity = {
  requestSerialize: toWire,
  requestDeserialize: fromWire,
  responseSerialize: toWire,
  responseDeserialize: fromWire,
};

/** The gossip service, without a schema: its messages are taken apart above. */
export const gossipService: ServiceDefinition = {
  GossipStream: { path: streamPath, requestStream: true, responseStream: true, ...identity },
  Ping: { path: pingPath, requestStream: false, responseStream: false, ...identity },
};
