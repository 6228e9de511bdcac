import type { Stream, StreamEnd } from "../ports.js";

/** Takes down what a stream does, and waits for it. */
export class StreamRecorder {
  readonly stream: Stream;
  readonly messages: Uint8Array[] = [];
  readonly ends: StreamEnd[] = [];
  drains = 0;
  /** Calls of a handler from inside a call to the stream; there must be none. */
  nestedCalls = 0;
  #depth = 0;
  #waiting: (() => void)[] = [];

  constructor(stream: Stream) {
    this.stream = stream;
  }

  start(): this {
    const note = (act: () => void) => () => {
      if (this.#depth > 0) this.nestedCalls++;
      act();
      for (const wake of this.#waiting.splice(0)) wake();
    };
    this.call((stream) =>
      stream.start({
        onMessage: (bytes) => note(() => this.messages.push(bytes))(),
        onDrain: note(() => this.drains++),
        onEnd: (end) => note(() => this.ends.push(end))(),
      }),
    );
    return this;
  }

  /** Calls the stream, watching for handlers that are called from inside. */
  call<T>(act: (stream: Stream) => T): T {
    this.#depth++;
    try {
      return act(this.stream);
    } finally {
      this.#depth--;
    }
  }

  /** Resolves when `condition` holds; it is asked again whenever a handler was called. */
  async until(condition: (recorder: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async ended(): Promise<StreamEnd> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0] as StreamEnd;
  }
}
