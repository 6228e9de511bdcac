import { fraction, type Millis, type Random } from "@gossip/runtime";
import type { DeliverConfig } from "./config.js";

/** Growth of the pause from one failure to the next (protocol page 09 §13). */
const growth = 1.2;

/**
 * The pause after the `failures`-th failure in a row: the first, minimal one times 1.2 for each further failure, up to
 * the threshold, of which a random part up to half is cut off. Without that all organizations would come back to a
 * restarted orderer at the same moment.
 */
export function backoffMs(
  failures: number,
  config: Pick<DeliverConfig, "minimalReconnectIntervalMs" | "reconnectBackoffThresholdMs">,
  random: Random,
): Millis {
  const full = Math.min(
    config.minimalReconnectIntervalMs * growth ** (failures - 1),
    config.reconnectBackoffThresholdMs,
  );
  return full * (1 - fraction(random) / 2);
}
