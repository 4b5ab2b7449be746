export { jsonResult, message, type Answered, type Execution, type Executor, type Message, type RemoteCall, type Sending } from './message.ts';
export type { Receipt } from './receipt.ts';
