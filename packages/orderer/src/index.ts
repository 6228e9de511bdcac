export type { OrderedChannel, Orderer, OrdererOptions, OrdererTls } from "./api.js";
export type { BatchConfig, LimitsConfig, OrdererConfig } from "./config.js";

// CONTRACT, implemented below in the next commits:
import type { Orderer, OrdererOptions } from "./api.js";
import type { BatchConfig, LimitsConfig, OrdererConfig } from "./config.js";

/** Checks what a YAML file held; relative paths are relative to `folder`. @throws GossipError `invalid-config`. */
export declare function resolveOrdererConfig(plain: unknown, folder: string): OrdererConfig;
/** Reads the files a config names. @throws GossipError `not-found`, `storage` or `malformed`. */
export declare function readOrdererFiles(config: OrdererConfig): Promise<OrdererOptions>;
/** @throws GossipError `invalid-config`, `conflict` (port or folder taken), `corrupt`, `storage`. */
export declare function createOrderer(options: OrdererOptions): Promise<Orderer>;
export declare const batchDefaults: BatchConfig;
export declare const limitsDefaults: LimitsConfig;
