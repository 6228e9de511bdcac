export { checkSafety, isCaughtUp, isConverged } from "./checkers.js";
export { SimNetwork, type SimNetworkOptions } from "./network.js";
export { type SimNode, Simulation, type SimulationOptions } from "./simulation.js";
export { Trace, type TraceEvent } from "./trace.js";
