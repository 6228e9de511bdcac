export { connectFakes, FakeOrderer, type FakeRequest } from "./fake-orderer.js";
