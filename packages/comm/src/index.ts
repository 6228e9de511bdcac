export { type Comm, type CommEvent, type CommOptions, createComm, type ProbeResult } from "./comm.js";
export { type CommConfig, checkCommConfig, commDefaults } from "./config.js";
export type { Feature } from "./features.js";
export type { ConnectionInfo, HandshakeFailure } from "./handshake.js";
export type { DialResult, PingResult, Stream, StreamEnd, StreamHandlers, Transport } from "./ports.js";
export type { Received } from "./receiver.js";
export type { Lane } from "./send-queue.js";
export type { CommDropReason, ConnectionView, RemotePeer } from "./table-types.js";
