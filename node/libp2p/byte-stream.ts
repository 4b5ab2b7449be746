import type { Stream } from '@libp2p/interface';
import { messageOf } from '../../crypto/result.ts';
import type { ByteStream } from './streams.ts';

/** A libp2p stream as the byte stream that exchanges run on. Nothing it does later can throw or reject. */
export function byteStream(stream: Stream): ByteStream {
  return {
    unsentBytes: () => stream.writeBufferLength,
    full: () => stream.writableNeedsDrain,
    send: (bytes) => void stream.send(bytes),
    close: () => void stream.close().catch((error: unknown) => stream.abort(new Error(messageOf(error)))),
    abort: (reason) => stream.abort(new Error(reason)),
    listen: ({ bytes, room, closed }) => {
      stream.addEventListener('message', (event) => bytes(event.data.subarray()));
      stream.addEventListener('drain', room);
      stream.addEventListener('remoteCloseWrite', () => closed('the peer closed the stream'));
      stream.addEventListener('close', (event) => closed(event.error === undefined ? 'the peer closed the stream' : event.error.message));
    },
  };
}
