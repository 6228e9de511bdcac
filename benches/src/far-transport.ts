import type { Stream, StreamHandlers, Transport } from "@gossip/comm";

/** A transport whose messages come so much later, in order; two of them make a round trip of twice that. */
export function farTransport(near: Transport, oneWayMs: number): Transport {
  return {
    secure: near.secure,
    dial: (endpoint, timeoutMs, onResult) =>
      near.dial(endpoint, timeoutMs, (result) =>
        onResult(result.ok ? { ok: true, stream: farStream(result.stream, oneWayMs) } : result),
      ),
    ping: (endpoint, timeoutMs, onResult) => near.ping(endpoint, timeoutMs, onResult),
    listen: (onStream) => near.listen((stream) => onStream(farStream(stream, oneWayMs))),
    close: () => near.close(),
  };
}

function farStream(near: Stream, oneWayMs: number): Stream {
  const onTheWay: { readonly at: number; readonly arrive: () => void }[] = [];
  let isReading = true;
  let timer: NodeJS.Timeout | undefined;
  const pump = () => {
    timer = undefined;
    for (let next = onTheWay[0]; isReading && next !== undefined; next = onTheWay[0]) {
      const wait = next.at - performance.now();
      if (wait > 0) {
        timer = setTimeout(pump, wait);
        return;
      }
      onTheWay.shift();
      next.arrive();
    }
  };
  const delay = (arrive: () => void) => {
    onTheWay.push({ at: performance.now() + oneWayMs, arrive });
    if (timer === undefined) timer = setTimeout(pump, oneWayMs);
  };
  return {
    direction: near.direction,
    remoteAddress: near.remoteAddress,
    remoteTlsCertHash: near.remoteTlsCertHash,
    localTlsCertHash: near.localTlsCertHash,
    start: (handlers: StreamHandlers) =>
      near.start({
        onMessage: (bytes) => delay(() => handlers.onMessage(bytes)),
        onDrain: () => handlers.onDrain(),
        onEnd: (end) => {
          // What was on its way comes first, read or not.
          isReading = true;
          delay(() => handlers.onEnd(end));
        },
      }),
    send: (bytes) => near.send(bytes),
    setReading: (reading) => {
      isReading = reading;
      near.setReading(reading);
      if (reading && timer === undefined && onTheWay.length > 0) timer = setTimeout(pump, 0);
    },
    close: (error) => near.close(error),
  };
}
