export { jsonResult, message, type Answered, type Execute, type Execution, type Executor, type Message, type MessageParts, type RemoteCall, type Sending } from './message.ts';
export type { Receipt } from './receipt.ts';
