export {
  createMemoryNetwork,
  type MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryTransportOptions,
} from "./memory-network.js";
export { StreamRecorder } from "./stream-recorder.js";
