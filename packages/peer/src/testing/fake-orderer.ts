import type { ConnectOrderer, OrdererConnection, OrdererConnectionHandlers } from "@gossip/deliver";
import { encodeDeliverResponse, readPayload, readSeekInfo, readSignedEnvelope } from "@gossip/proto/fabric";
import { assert } from "@gossip/runtime";

/** An orderer inside the process: it gives its blocks to whoever asks, and whatever is appended. It checks nothing. */
export class FakeOrderer {
  readonly #blocks: Uint8Array[];
  readonly #connections = new Set<FakeConnection>();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #given = 0;

  constructor(blocks: readonly Uint8Array[]) {
    this.#blocks = [...blocks];
  }

  /** The port that `createDeliver` dials with. */
  readonly connect: ConnectOrderer = (_endpoint, _method, _options, handlers) => {
    const connection = new FakeConnection(this.#blocks, handlers, {
      onBlock: () => this.#onBlock(),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  };

  /** Gives one more block to all that wait for it. */
  append(block: Uint8Array): void {
    this.#blocks.push(block);
    for (const connection of this.#connections) connection.flush();
  }

  /** Resolves when `count` times a block was asked for again, or for the first time, and given. */
  async given(count: number): Promise<void> {
    if (this.#given >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  #onBlock(): void {
    this.#given++;
    for (const { count, resolve } of this.#waiting) if (this.#given >= count) resolve();
  }
}

class FakeConnection implements OrdererConnection {
  readonly #blocks: readonly Uint8Array[];
  readonly #handlers: OrdererConnectionHandlers;
  readonly #told: { onBlock(): void; onClose(): void };
  #next: number | undefined;
  #wanted = 0;
  #isClosed = false;

  constructor(
    blocks: readonly Uint8Array[],
    handlers: OrdererConnectionHandlers,
    told: { onBlock(): void; onClose(): void },
  ) {
    this.#blocks = blocks;
    this.#handlers = handlers;
    this.#told = told;
    this.#later(() => handlers.onOpen());
  }

  send(request: Uint8Array): void {
    const envelope = readSignedEnvelope(request);
    const payload = envelope.ok ? readPayload(envelope.value.payload) : envelope;
    const seek = payload.ok ? readSeekInfo(payload.value.data) : payload;
    assert(seek.ok, "expected a seek request that decodes");
    const { start } = seek.value;
    this.#next = start.type === "specified" ? Number(start.number) : 0;
    this.flush();
  }

  read(): void {
    this.#wanted++;
    this.flush();
  }

  flush(): void {
    while (this.#wanted > 0 && this.#next !== undefined) {
      const block = this.#blocks[this.#next];
      if (block === undefined) return;
      this.#wanted--;
      this.#next++;
      this.#later(() => {
        this.#handlers.onMessage(encodeDeliverResponse({ type: "block", block }));
        this.#told.onBlock();
      });
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#told.onClose();
  }

  #later(action: () => void): void {
    queueMicrotask(() => {
      if (!this.#isClosed) action();
    });
  }
}
