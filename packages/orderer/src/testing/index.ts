export { connectTestClient, type TestClient, type TestClientTls, type TestStream } from "./test-client.js";
export { createTestOrdering, type TestOrdering, type TestSeek } from "./test-ordering.js";
