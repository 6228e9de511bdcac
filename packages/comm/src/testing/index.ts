export {
  createMemoryNetwork,
  type MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryTransportOptions,
} from "./memory-network.js";
export { StreamRecorder } from "./stream-recorder.js";
export { type TransportCase, type TransportPair, transportCases } from "./transport-cases.js";
